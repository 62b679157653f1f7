"""A video file, written while it runs."""

import time
from pathlib import Path
from threading import Thread

from visard.daemon.errors import SinkError
from visard.daemon.media.frame import Format
from visard.daemon.media.slot import Closed, Slot
from visard.daemon.media.video import CONTAINERS, VideoWriter
from visard.models.face import Image


class Recording:
    """A file being written by its own thread, so that encoding holds up nobody.

    A live picture gets the time it came at, and is left out when the encoder is still busy with older ones. A
    picture that is not live gets the next frame's time, and waits.
    """

    def __init__(self, path: Path, format: Format) -> None:  # noqa: A002
        self._writer = VideoWriter(path, format)
        self.where = str(self._writer.path)
        self._live = format.live
        self._began: float | None = None
        self._next: Slot[tuple[Image, float | None]] = Slot()
        self._error: SinkError | None = None
        self._thread = Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def write(self, image: Image) -> None:
        """Record one picture. Raises SinkError when the file cannot be written (any more)."""
        try:
            if self._live:
                self._next.put((image.copy(), self._since_start()))
            else:
                self._next.hand((image.copy(), None))
        except Closed:
            raise self._take_error() or SinkError(f"{self.where} is closed") from None

    def close(self) -> None:
        """Finish the file; calling it twice is fine. Raises SinkError when that fails."""
        self._next.close()
        if failure := self._take_error():
            raise failure

    def _take_error(self) -> SinkError | None:
        """Return what went wrong, once."""
        self._thread.join()
        failure, self._error = self._error, None
        return failure

    def _since_start(self) -> float:
        now = time.perf_counter()
        self._began = now if self._began is None else self._began
        return now - self._began

    def _run(self) -> None:
        try:
            self._write_all()
            self._writer.close()
        except SinkError as error:
            self._error = error
        self._next.close()

    def _write_all(self) -> None:
        while True:
            try:
                item = self._next.take()
            except Closed:
                return
            if item:
                self._writer.write(*item)


class FileKind:
    """The kind of sink that records."""

    name = "file"
    rank = 90
    summary = f"a path to a video file ({', '.join(CONTAINERS)})"

    def claims(self, spec: str) -> bool:
        """Whether it is written like a file, so that a wrong suffix is answered as one."""
        path = Path(spec)
        return len(path.parts) > 1 or bool(path.suffix)

    def open(self, spec: str, format: Format) -> Recording:  # noqa: A002
        """Open; the file appears when it is closed. Raises SinkUnavailable."""
        return Recording(Path(spec), format)


sink = FileKind()
