"""The daemon's heart: owns camera, pipeline and sinks, and does what the control API asks. Any thread.

SKELETON while it is being written: names and signatures below are the contract.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from visard.daemon.config import Config, ConfigFile
from visard.daemon.newest import Newest
from visard.daemon.persona import Consent
from visard.daemon.personas import Library
from visard.daemon.protocol import CameraInfo, Job, PersonaInfo, Status
from visard.daemon.settings import Mode


class Service:
    """A running Visard. Every method returns at once unless its text says otherwise; raises VisardError."""

    result: Newest
    """What goes out, as JPEG. Looking at it counts as watching."""
    driver: Newest
    """What the camera sees, as JPEG: for this computer's own preview page and nothing else."""

    def __init__(self, config: ConfigFile, library: Library) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None:
        """Stop everything in under a second."""

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have ``changed`` called, on any thread, whenever the status changed; return what ends that."""
        raise NotImplementedError

    def status(self) -> Status:
        raise NotImplementedError

    def healthy(self) -> bool:
        """Whether every step of the pipeline still works (for the watchdog)."""
        raise NotImplementedError

    def wear(self, name: str, mode: Mode | None = None) -> None: ...
    def step(self, by: int) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def reveal(self, on: bool) -> None: ...
    def calibrate(self) -> None: ...
    def config(self) -> Config:
        raise NotImplementedError

    def change(self, changes: Mapping[str, Any]) -> Config:
        """Change settings (None: back to the default), persist and apply them. Raises ConfigError."""
        raise NotImplementedError

    def cameras(self) -> list[CameraInfo]:
        raise NotImplementedError

    def personas(self) -> list[PersonaInfo]:
        raise NotImplementedError

    def persona(self, name: str) -> PersonaInfo:
        raise NotImplementedError

    def thumbnail(self, name: str) -> bytes:
        """Return a JPEG of at most 256 pixels."""
        raise NotImplementedError

    def add_persona(self, path: Path, name: str, consent: Consent, title: str | None) -> PersonaInfo:
        """Takes a second or so."""
        raise NotImplementedError

    def generate_persona(self, seed: int | None, name: str | None) -> Job:
        raise NotImplementedError

    def rename_persona(self, name: str, new: str) -> PersonaInfo:
        raise NotImplementedError

    def remove_persona(self, name: str, *, forever: bool) -> None: ...
    def restore_persona(self, name: str) -> PersonaInfo:
        raise NotImplementedError
