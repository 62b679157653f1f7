"""Talk to the running daemon: one method for each thing it can be asked; raises what the daemon raised.

Light on purpose: the tray and the command line start with it.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from visard.daemon.api import address
from visard.daemon.api.address import Address, Unix
from visard.daemon.api.engines import EnginesInfo
from visard.daemon.api.requests import (
    MAX_UPLOAD,
    EnrolRequest,
    FaceChoice,
    Generate,
    Move,
    NewPersona,
    PersonaRequest,
    PhotoChange,
    RevealRequest,
    TrialPersona,
)
from visard.daemon.api.schema import (
    CameraInfo,
    Consent,
    EnrolmentInfo,
    ErrorBody,
    Job,
    Link,
    PersonaInfo,
    ProcessorInfo,
    Status,
)
from visard.daemon.api.sse import EventStream
from visard.daemon.api.trials import RemovedInfo, Trial
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode
from visard.daemon.errors import DaemonAbsent, DaemonError, PictureUnreadable, VisardError
from visard.engines.file_access import read_plain

TIMEOUT = 10.0
"""Seconds to wait for an answer."""
LONG_TIMEOUT = 60.0
"""Seconds to wait for an answer that needs work."""
ADD_TIMEOUT = 600.0
"""Seconds to wait for a new persona: a trained model may have to be compiled to show what it makes."""
_EVENTS = httpx.Timeout(TIMEOUT, read=60)  # a daemon with nothing to tell gives a sign of life every 15 s

T = TypeVar("T")


class Client:
    """A connection to the daemon of this user; any thread. Every method raises VisardError.

    A client may outlive its daemon and speak to the next one, except over a port, which is another one then.
    """

    def __init__(self, where: Address | None = None) -> None:
        self._where = address.find() if where is None else where
        self._http = _connect(self._where)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection."""
        self._http.close()

    def status(self) -> Status:
        """Return the whole snapshot."""
        return self._ask("GET", "/status", Status)

    def switch_persona(self, name: str, mode: Mode | None = None) -> Status:
        """Put a persona on."""
        return self._ask("POST", "/persona", Status, PersonaRequest(name=name, mode=mode))

    def next(self) -> Status:
        """Put the next persona of the library on."""
        return self._ask("POST", "/persona/next", Status)

    def previous(self) -> Status:
        """Put the previous persona of the library on."""
        return self._ask("POST", "/persona/previous", Status)

    def pause(self) -> Status:
        """Show a card instead of the camera."""
        return self._ask("POST", "/pause", Status)

    def resume(self) -> Status:
        """Go on after a pause."""
        return self._ask("POST", "/resume", Status)

    def reveal(self, on: bool = True) -> Status:
        """Show the real face, or stop showing it."""
        return self._ask("POST", "/reveal", Status, RevealRequest(on=on))

    def calibrate(self) -> Status:
        """Take the next frame as the neutral reference."""
        return self._ask("POST", "/calibrate", Status)

    def personas(self) -> list[PersonaInfo]:
        """Return the library."""
        return self._ask("GET", "/personas", list[PersonaInfo])

    def persona(self, name: str) -> PersonaInfo:
        """Return one persona."""
        return self._ask("GET", _persona(name), PersonaInfo)

    def add_persona(
        self,
        path: Path,
        name: str | None,
        consent: Consent,
        title: str | None = None,
        *,
        processor: str | None = None,
        options: Mapping[str, Any] | None = None,
        picture: Path | None = None,
    ) -> PersonaInfo:
        """Make a persona from a photo or a trained model of this machine; the model may take minutes.

        Without a name it is made of the title.
        """
        body = NewPersona(
            path=_absolute(path),
            name=name,
            consent=consent,
            title=title,
            processor=processor,
            options=dict(options or {}),
            picture=_absolute(picture) if picture else None,
        )
        return self._ask("POST", "/personas", PersonaInfo, body, timeout=ADD_TIMEOUT)

    def configure_persona(
        self, name: str, processor: str | None, options: Mapping[str, Any] | None
    ) -> PersonaInfo:
        """Choose what puts a persona on (None: as it is), and options; None: all defaults again."""
        body: dict[str, Any] = {"options": None if options is None else dict(options)}
        if processor is not None:
            body["processor"] = processor
        return self._ask("PATCH", _persona(name), PersonaInfo, body)

    def generate_persona(self, seed: int | None = None, name: str | None = None) -> Job:
        """Begin to draw a person who does not exist."""
        return self._ask("POST", "/personas/generate", Job, Generate(seed=seed, name=name))

    def enrolment(self) -> EnrolmentInfo:
        """Return whether the driver is enrolled."""
        return self._ask("GET", "/enrolment", EnrolmentInfo)

    def enrol(self, path: Path | None = None) -> Job:
        """Begin to learn what the driver looks like, from the camera or from a photo or clip."""
        return self._ask("POST", "/enrolment", Job, EnrolRequest(path=_absolute(path) if path else None))

    def forget_enrolment(self) -> None:
        """Forget what the driver looks like."""
        self._send("DELETE", "/enrolment")

    def rename_persona(self, name: str, new: str | None, title: str | None = None) -> PersonaInfo:
        """Give a persona another name, with the same title or another one, or another title alone."""
        given = {key: value for key, value in (("name", new), ("title", title)) if value is not None}
        return self._ask("PATCH", _persona(name), PersonaInfo, given)

    def hide_persona(self, name: str, hidden: bool = True) -> PersonaInfo:
        """Leave a persona out where personas are chosen, or show it again."""
        return self._ask("PATCH", _persona(name), PersonaInfo, {"hidden": hidden})

    def move_persona(self, name: str, before: str | None) -> list[PersonaInfo]:
        """Put a persona before another one, or last; return the library."""
        return self._ask("POST", _persona(name) + "/move", list[PersonaInfo], Move(before=before))

    def change_photos(self, name: str, wanted: PhotoChange) -> PersonaInfo:
        """Add photos of this machine to a persona, or take some away."""
        return self._ask("PATCH", _persona(name) + "/photos", PersonaInfo, wanted, timeout=LONG_TIMEOUT)

    def removed(self) -> list[RemovedInfo]:
        """Return what lies in the bin, the newest last."""
        return self._ask("GET", "/bin", list[RemovedInfo])

    def empty_bin(self) -> None:
        """Delete for good what lies in the bin."""
        self._send("DELETE", "/bin")

    def try_photo(self, photo: Path, trial: str | None = None) -> Trial:
        """Find the faces of a picture and try the one that is meant on; as one more of a ``trial``."""
        try:
            content = read_plain(photo.expanduser(), MAX_UPLOAD)
        except OSError as error:
            raise PictureUnreadable(f"{photo.name} cannot be read ({error.strerror})") from error
        path = f"/trials/{quote(trial, safe='')}/photos" if trial else "/trials"
        answer = self._send("POST", path, timeout=LONG_TIMEOUT, content=content)
        return self._understood(answer, Trial)

    def try_camera(self) -> Trial:
        """Try on whom the camera sees."""
        return self._ask("POST", "/trials/camera", Trial, timeout=LONG_TIMEOUT)

    def trial(self, name: str) -> Trial:
        """Return how far a trial is."""
        return self._ask("GET", _trial(name), Trial)

    def choose_face(self, trial: str, face: int, photo: int = 1) -> Trial:
        """Say which face of a photo is meant."""
        body = FaceChoice(face=face, photo=photo)
        return self._ask("POST", _trial(trial) + "/face", Trial, body, timeout=LONG_TIMEOUT)

    def trial_photo(self, trial: str, number: int = 1) -> bytes:
        """Return a photo of a trial as JPEG."""
        return self._send("GET", f"{_trial(trial)}/photos/{number}").content

    def trial_picture(self, trial: str) -> bytes:
        """Return how the face looks on the demo driver as JPEG."""
        return self._send("GET", _trial(trial) + "/picture").content

    def keep_trial(self, trial: str, wanted: TrialPersona) -> PersonaInfo:
        """Add the face that was tried to the library."""
        return self._ask("POST", _trial(trial) + "/persona", PersonaInfo, wanted, timeout=LONG_TIMEOUT)

    def drop_trial(self, trial: str) -> None:
        """Forget a trial, and what was uploaded for it."""
        self._send("DELETE", _trial(trial))

    def remove_persona(self, name: str, *, forever: bool = False) -> None:
        """Move a persona to the bin, or delete it for good."""
        self._send("DELETE", _persona(name) + ("?forever=true" if forever else ""))

    def restore_persona(self, name: str) -> PersonaInfo:
        """Bring a persona back from the bin."""
        return self._ask("POST", _persona(name) + "/restore", PersonaInfo)

    def thumbnail(self, name: str) -> bytes:
        """Return a JPEG of at most 256 pixels."""
        return self._send("GET", _persona(name) + "/thumbnail").content

    def settings(self) -> Config:
        """Return everything that is remembered."""
        return self._ask("GET", "/settings", Config)

    def change(self, changes: Mapping[str, Any], *, reveal: bool = False) -> Config:
        """Change some settings, all or none; None takes one back to its default.

        With ``reveal`` also those under which the driver may be recognised.
        """
        return self._ask("PATCH", f"/settings{'?reveal=true' if reveal else ''}", Config, dict(changes))

    def unset(self, key: str) -> Config:
        """Take a setting back to its default."""
        return self._ask("DELETE", f"/settings/{quote(key, safe='')}", Config)

    def processors(self) -> list[ProcessorInfo]:
        """Return what can put a persona on, with its options."""
        return self._ask("GET", "/processors", list[ProcessorInfo], timeout=LONG_TIMEOUT)

    def cancel(self, job: int) -> Status:
        """Give up a job: preparing the persona that somebody waits for."""
        return self._ask("DELETE", f"/jobs/{job}", Status)

    def cameras(self) -> list[CameraInfo]:
        """Return the cameras of this machine."""
        return self._ask("GET", "/cameras", list[CameraInfo])

    def engines(self) -> EnginesInfo:
        """Return everything about engines."""
        return self._ask("GET", "/engines", EnginesInfo, timeout=LONG_TIMEOUT)

    def preview(self) -> str:
        """Return the address of the preview page, good for one visit."""
        return self._ask("POST", "/preview", Link).url

    def shutdown(self) -> None:
        """End the daemon."""
        self._send("POST", "/shutdown")

    def events(self) -> EventStream:
        """Return what happens from now on, the present status first; it ends when the daemon does."""
        self._probe()
        with ExitStack() as end:
            try:
                answer = end.enter_context(self._http.stream("GET", "/events", timeout=_EVENTS))
            except httpx.TransportError as error:
                raise DaemonAbsent.here() from error
            if not answer.is_success:
                answer.read()
                raise failure(answer)
            return EventStream(answer, end.pop_all())

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: BaseModel | Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT,
    ) -> T:
        return self._understood(self._send(method, path, body, timeout), kind)

    @staticmethod
    def _understood(answer: httpx.Response, kind: type[T]) -> T:
        try:
            return TypeAdapter(kind).validate_json(answer.content)
        except ValidationError as error:
            raise DaemonError(
                "the daemon is of another version than this program; end it and start it again"
            ) from error

    def _send(
        self,
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT,
        content: bytes | None = None,
    ) -> httpx.Response:
        data = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        self._probe()
        try:
            answer = self._http.request(method, path, json=data, content=content, timeout=timeout)
        except httpx.TimeoutException as error:
            raise DaemonAbsent(f"the daemon does not answer within {timeout:g} s; start it again") from error
        except httpx.TransportError as error:
            raise DaemonAbsent.here() from error
        if answer.is_success:
            return answer
        raise failure(answer)

    def _probe(self) -> None:
        """Raise for a socket that nobody serves, which the library below would leave open."""
        if isinstance(self._where, Unix):
            try:
                self._where.probe()
            except PermissionError as error:
                raise DaemonError(f"{self._where} belongs to another user") from error
            except OSError as error:
                raise DaemonAbsent.here() from error


def failure(answer: httpx.Response) -> VisardError:
    """Return the exception that an answer stands for, of the class that the daemon raised."""
    try:
        detail = ErrorBody.model_validate_json(answer.content).error
    except ValidationError:
        return DaemonError(f"the daemon gave an answer that is not Visard's (HTTP {answer.status_code})")
    return _classes().get(detail.code, DaemonError)(detail.message)


def _classes() -> dict[str, type[VisardError]]:
    """Return every class of the exception tree by its code."""
    found: dict[str, type[VisardError]] = {}
    todo: list[type[VisardError]] = [VisardError]
    while todo:
        kind = todo.pop()
        found.setdefault(kind.code, kind)
        todo.extend(kind.__subclasses__())
    return found


def _absolute(path: Path) -> str:
    return str(path.expanduser().absolute())


def _persona(name: str) -> str:
    return f"/personas/{quote(name, safe='')}"


def _trial(name: str) -> str:
    return f"/trials/{quote(name, safe='')}"


def _connect(where: Address) -> httpx.Client:
    # Connections are not kept: making one costs nothing here, and a daemon that ends would break them.
    limits = httpx.Limits(max_keepalive_connections=0)
    if isinstance(where, Unix):
        # Nothing is encrypted here, and reading the certificates for it would take longer than the request.
        transport = httpx.HTTPTransport(uds=str(where.path), limits=limits, verify=False)
        return httpx.Client(transport=transport, base_url="http://visard", trust_env=False)
    return httpx.Client(
        base_url=f"http://127.0.0.1:{where.port}",
        headers={"Authorization": f"Bearer {where.token}"},
        limits=limits,
        trust_env=False,
        verify=False,
    )
