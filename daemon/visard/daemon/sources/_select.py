"""What the setting ``camera`` means: which source to open, and again the same one after it was lost."""

import logging
from collections.abc import Callable
from pathlib import Path

from visard.daemon.config.file import replace_file
from visard.daemon.errors import SourceError, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Source
from visard.daemon.sources import find_source, sources
from visard.daemon.sources._cameras import CameraDevice, list_cameras
from visard.engines.file_access import read_plain

log = logging.getLogger(__name__)

AUTO = "auto"


class SourceSelector:
    """Opens sources; the capture thread, asked about itself by any.

    ``auto`` is the camera used last, else any free one. Only where none was ever seen does the demo driver
    stand in: a person whose camera was unplugged must not turn into somebody else.
    """

    def __init__(self, memory: Path, cameras: Callable[[], list[CameraDevice]] = list_cameras) -> None:
        self.name: str | None = None
        """What is open, in words."""
        self.path: str | None = None
        """The device of what is open."""
        self.demo = False
        """The demo driver stands in for a camera."""
        self._memory = memory
        self._cameras = cameras
        self._probed: Source | None = None

    def any_camera(self) -> bool:
        """Whether there is a camera at all."""
        return bool(self._cameras())

    def probe(self, spec: str) -> Format:
        """Open what ``spec`` means in its own format; the next ``open`` returns it. Raises SourceError."""
        self._probed = self.open(spec, None)
        return self._probed.format

    def close(self) -> None:
        """Close what was probed and never used."""
        if self._probed is not None:
            self._probed.close()

    def open(self, spec: str, wanted: Format | None) -> Source:
        """Open what ``spec`` means; raises SourceError."""
        probed, self._probed = self._probed, None
        if probed is not None:
            return probed
        try:
            return self._auto(wanted) if spec == AUTO else self._chosen(spec, wanted)
        except SourceError:
            raise
        except Exception as error:  # drivers and their libraries raise what they like
            log.exception("opening %s failed", spec)
            raise SourceUnavailable(f"{spec} cannot be opened ({type(error).__name__}: {error})") from error

    def _chosen(self, spec: str, wanted: Format | None) -> Source:
        kinds = sources.all().values()
        if not any(kind.claims(spec) for kind in kinds):
            spec = f"camera:{spec}"
        which = spec.removeprefix("camera:")
        camera = next(
            (c for c in self._cameras() if c.is_called(which) or which in (c.name, c.path, str(c.index))),
            None,
        )
        source = find_source(spec).open(spec, wanted)
        self._opened(camera.name if camera else spec, camera)
        return source

    def _auto(self, wanted: Format | None) -> Source:
        kind, known = find_source("camera"), self._remembered()
        for camera in sorted(self._cameras(), key=lambda camera: (not camera.is_called(known), camera.busy)):
            try:
                source = kind.open(f"camera:{camera.stable_id}", wanted)
            except SourceUnavailable as error:
                log.info("%s", error)
                unavailable = error
                continue
            self._opened(camera.name, camera)
            return source
        if self._cameras():
            raise unavailable
        if known:
            raise SourceUnavailable("the camera is gone; plug it in again, or choose another one")
        source = find_source("demo").open("demo", wanted)
        self._opened("demo", None, demo=True)
        return source

    def _opened(self, name: str, camera: CameraDevice | None, *, demo: bool = False) -> None:
        self.name, self.path, self.demo = name, camera.path if camera else None, demo
        if camera is not None and not camera.is_called(self._remembered()):
            try:
                replace_file(self._memory, camera.stable_id + "\n")
            except OSError as error:
                log.warning("the camera used last cannot be remembered: %s", error)

    def _remembered(self) -> str:
        try:
            return read_plain(self._memory, 4096).decode(errors="replace").strip()
        except OSError:
            return ""
