"""Talk to the running daemon: one method for each thing it can be asked; raises what the daemon raised.

Light on purpose: the tray and the command line start with it.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from visard.daemon.api.connection import LONG_TIMEOUT, TIMEOUT, failure
from visard.daemon.api.engines import EnginesInfo
from visard.daemon.api.model_client import ModelClient
from visard.daemon.api.persona_client import PersonaClient, absolute
from visard.daemon.api.requests import EnrolRequest, PersonaRequest, RevealRequest
from visard.daemon.api.schema import CameraInfo, EnrolmentInfo, Job, Link, ProcessorInfo, Status
from visard.daemon.api.sse import EventStream
from visard.daemon.api.trainings import TrainingInfo
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode
from visard.daemon.errors import DaemonAbsent

_EVENTS = httpx.Timeout(TIMEOUT, read=60)  # a daemon with nothing to tell gives a sign of life every 15 s


class Client(PersonaClient, ModelClient):
    """A connection to the daemon of this user; any thread. Every method raises VisardError."""

    def status(self) -> Status:
        """Return the whole snapshot."""
        return self.ask("GET", "/status", Status)

    def switch_persona(self, name: str, mode: Mode | None = None) -> Status:
        """Put a persona on."""
        return self.ask("POST", "/persona", Status, PersonaRequest(name=name, mode=mode))

    def next(self) -> Status:
        """Put the next persona of the library on."""
        return self.ask("POST", "/persona/next", Status)

    def previous(self) -> Status:
        """Put the previous persona of the library on."""
        return self.ask("POST", "/persona/previous", Status)

    def pause(self) -> Status:
        """Show a card instead of the camera."""
        return self.ask("POST", "/pause", Status)

    def resume(self) -> Status:
        """Go on after a pause."""
        return self.ask("POST", "/resume", Status)

    def reveal(self, on: bool = True) -> Status:
        """Show the real face, or stop showing it."""
        return self.ask("POST", "/reveal", Status, RevealRequest(on=on))

    def calibrate(self) -> Status:
        """Take the next frame as the neutral reference."""
        return self.ask("POST", "/calibrate", Status)

    def enrolment(self) -> EnrolmentInfo:
        """Return whether the driver is enrolled."""
        return self.ask("GET", "/enrolment", EnrolmentInfo)

    def enrol(self, path: Path | None = None) -> Job:
        """Begin to learn what the driver looks like, from the camera or from a photo or clip."""
        return self.ask("POST", "/enrolment", Job, EnrolRequest(path=absolute(path) if path else None))

    def forget_enrolment(self) -> None:
        """Forget what the driver looks like."""
        self.send("DELETE", "/enrolment")

    def settings(self) -> Config:
        """Return everything that is remembered."""
        return self.ask("GET", "/settings", Config)

    def change(self, changes: Mapping[str, Any], *, reveal: bool = False) -> Config:
        """Change some settings, all or none; None takes one back to its default.

        With ``reveal`` also those under which the driver may be recognised.
        """
        return self.ask("PATCH", f"/settings{'?reveal=true' if reveal else ''}", Config, dict(changes))

    def unset(self, key: str) -> Config:
        """Take a setting back to its default."""
        return self.ask("DELETE", f"/settings/{quote(key, safe='')}", Config)

    def processors(self) -> list[ProcessorInfo]:
        """Return what can put a persona on, with its options."""
        return self.ask("GET", "/processors", list[ProcessorInfo], timeout=LONG_TIMEOUT)

    def cancel(self, job: int) -> Status:
        """Give up a job: preparing the persona that somebody waits for, or work on a model."""
        return self.ask("DELETE", f"/jobs/{job}", Status)

    def trainings(self) -> list[TrainingInfo]:
        """Return the face models in training, by whichever process."""
        return self.ask("GET", "/trainings", list[TrainingInfo])

    def cameras(self) -> list[CameraInfo]:
        """Return the cameras of this machine."""
        return self.ask("GET", "/cameras", list[CameraInfo])

    def engines(self) -> EnginesInfo:
        """Return everything about engines."""
        return self.ask("GET", "/engines", EnginesInfo, timeout=LONG_TIMEOUT)

    def preview(self) -> str:
        """Return the address of the preview page, good for one visit."""
        return self.ask("POST", "/preview", Link).url

    def shutdown(self) -> None:
        """End the daemon."""
        self.send("POST", "/shutdown")

    def events(self) -> EventStream:
        """Return what happens from now on, the present status first; it ends when the daemon does."""
        self.probe()
        with ExitStack() as end:
            try:
                answer = end.enter_context(self.http.stream("GET", "/events", timeout=_EVENTS))
            except httpx.TransportError as error:
                raise DaemonAbsent.here() from error
            if not answer.is_success:
                answer.read()
                raise failure(answer)
            return EventStream(answer, end.pop_all())
