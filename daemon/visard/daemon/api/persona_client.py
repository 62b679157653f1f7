"""What the daemon can be asked about personas: one method for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from visard.daemon.api.connection import Connection
from visard.daemon.api.requests import (
    MAX_UPLOAD,
    FaceChoice,
    Generate,
    Move,
    NewPersona,
    PhotoChange,
    TrialPersona,
    TuneRequest,
)
from visard.daemon.api.schema import Consent, Job, PersonaInfo, Tuning
from visard.daemon.api.trials import RemovedInfo, Trial
from visard.daemon.errors import PictureUnreadable
from visard.engines.file_access import read_plain

ADD_TIMEOUT = 600.0
"""Seconds to wait for a new persona: photos are examined, a model may be compiled to show what it makes."""


class PersonaClient(Connection):
    """The part of a client that is about personas."""

    def personas(self) -> list[PersonaInfo]:
        """Return the library."""
        return self.ask("GET", "/personas", list[PersonaInfo])

    def persona(self, name: str) -> PersonaInfo:
        """Return one persona."""
        return self.ask("GET", _persona(name), PersonaInfo)

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
            path=absolute(path),
            name=name,
            consent=consent,
            title=title,
            processor=processor,
            options=dict(options or {}),
            picture=absolute(picture) if picture else None,
        )
        return self.ask("POST", "/personas", PersonaInfo, body, timeout=ADD_TIMEOUT)

    def configure_persona(
        self, name: str, processor: str | None, options: Mapping[str, Any] | None
    ) -> PersonaInfo:
        """Choose what puts a persona on (None: as it is), and options; None: all defaults again."""
        body: dict[str, Any] = {"options": None if options is None else dict(options)}
        if processor is not None:
            body["processor"] = processor
        return self.ask("PATCH", _persona(name), PersonaInfo, body)

    def generate_persona(self, seed: int | None = None, name: str | None = None) -> Job:
        """Begin to draw a person who does not exist."""
        return self.ask("POST", "/personas/generate", Job, Generate(seed=seed, name=name))

    def rename_persona(self, name: str, new: str | None, title: str | None = None) -> PersonaInfo:
        """Give a persona another name, with the same title or another one, or another title alone."""
        given = {key: value for key, value in (("name", new), ("title", title)) if value is not None}
        return self.ask("PATCH", _persona(name), PersonaInfo, given)

    def hide_persona(self, name: str, hidden: bool = True) -> PersonaInfo:
        """Leave a persona out where personas are chosen, or show it again."""
        return self.ask("PATCH", _persona(name), PersonaInfo, {"hidden": hidden})

    def put_tuned(self, name: str, on: bool = True) -> PersonaInfo:
        """Let a persona look as it was tuned, or as before."""
        return self.ask("PATCH", _persona(name), PersonaInfo, {"tuned": on})

    def tune_persona(self, name: str, wanted: TuneRequest | None = None) -> Job:
        """Begin to tune a persona."""
        return self.ask("POST", _persona(name) + "/tune", Job, wanted or TuneRequest())

    def tuning(self, name: str) -> Tuning:
        """Return what came of tuning a persona."""
        return self.ask("GET", _persona(name) + "/tuning", Tuning)

    def tuning_preview(self, name: str) -> bytes:
        """Return a first look while a persona is tuned, as JPEG."""
        return self.send("GET", _persona(name) + "/tuning/preview").content

    def tuning_comparison(self, name: str) -> bytes:
        """Return before and after, as PNG."""
        return self.send("GET", _persona(name) + "/tuning/comparison").content

    def move_persona(self, name: str, before: str | None) -> list[PersonaInfo]:
        """Put a persona before another one, or last; return the library."""
        return self.ask("POST", _persona(name) + "/move", list[PersonaInfo], Move(before=before))

    def change_photos(self, name: str, wanted: PhotoChange) -> PersonaInfo:
        """Add photos of this machine to a persona, or take some away."""
        return self.ask("PATCH", _persona(name) + "/photos", PersonaInfo, wanted, timeout=ADD_TIMEOUT)

    def removed(self) -> list[RemovedInfo]:
        """Return what lies in the bin, the newest last."""
        return self.ask("GET", "/bin", list[RemovedInfo])

    def empty_bin(self) -> None:
        """Delete for good what lies in the bin."""
        self.send("DELETE", "/bin")

    def try_photo(self, photo: Path, trial: str | None = None) -> Trial:
        """Find the faces of a picture and try the one that is meant on; as one more of a ``trial``."""
        try:
            content = read_plain(photo.expanduser(), MAX_UPLOAD)
        except OSError as error:
            raise PictureUnreadable(f"{photo.name} cannot be read ({error.strerror})") from error
        path = f"/trials/{quote(trial, safe='')}/photos" if trial else "/trials"
        answer = self.send("POST", path, timeout=ADD_TIMEOUT, content=content)
        return self.understood(answer, Trial)

    def try_camera(self) -> Trial:
        """Try on whom the camera sees."""
        return self.ask("POST", "/trials/camera", Trial, timeout=ADD_TIMEOUT)

    def trial(self, name: str) -> Trial:
        """Return how far a trial is."""
        return self.ask("GET", _trial(name), Trial)

    def choose_face(self, trial: str, face: int, photo: int = 1) -> Trial:
        """Say which face of a photo is meant."""
        body = FaceChoice(face=face, photo=photo)
        return self.ask("POST", _trial(trial) + "/face", Trial, body, timeout=ADD_TIMEOUT)

    def trial_photo(self, trial: str, number: int = 1) -> bytes:
        """Return a photo of a trial as JPEG."""
        return self.send("GET", f"{_trial(trial)}/photos/{number}").content

    def trial_picture(self, trial: str) -> bytes:
        """Return how the face looks on the demo driver as JPEG."""
        return self.send("GET", _trial(trial) + "/picture").content

    def keep_trial(self, trial: str, wanted: TrialPersona) -> PersonaInfo:
        """Add the face that was tried to the library."""
        return self.ask("POST", _trial(trial) + "/persona", PersonaInfo, wanted, timeout=ADD_TIMEOUT)

    def drop_trial(self, trial: str) -> None:
        """Forget a trial, and what was uploaded for it."""
        self.send("DELETE", _trial(trial))

    def remove_persona(self, name: str, *, forever: bool = False) -> None:
        """Move a persona to the bin, or delete it for good."""
        self.send("DELETE", _persona(name) + ("?forever=true" if forever else ""))

    def restore_persona(self, name: str) -> PersonaInfo:
        """Bring a persona back from the bin."""
        return self.ask("POST", _persona(name) + "/restore", PersonaInfo)

    def thumbnail(self, name: str) -> bytes:
        """Return a JPEG of at most 256 pixels."""
        return self.send("GET", _persona(name) + "/thumbnail").content


def absolute(path: Path) -> str:
    """Return a path as the daemon understands it, which works in another folder."""
    return str(path.expanduser().absolute())


def _persona(name: str) -> str:
    return f"/personas/{quote(name, safe='')}"


def _trial(name: str) -> str:
    return f"/trials/{quote(name, safe='')}"
