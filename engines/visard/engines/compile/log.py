"""What a compiling child prints, kept in a file as far as there is room."""

import re
import threading
import time
from pathlib import Path
from typing import IO

from visard.engines.cache import files

KEEP = 20
"""Logs."""
ROOM = 4 * 2**20
"""Bytes of one log."""


class Log:
    """One log; writing never fails, it only stops."""

    def __init__(self, folder: Path, name: str) -> None:
        self.last = ""
        """The last line that says anything."""
        self._file: IO[bytes] | None = None
        self._left = ROOM
        self._lock = threading.Lock()
        if files.private(folder.parent) or files.private(folder):
            self.place = "there is no log, its folder cannot be written"
            return
        files.shorten(folder, KEEP - 1)
        moment = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}"
        path = folder / f"{moment}-{re.sub(r'[^A-Za-z0-9._-]+', '_', name)[:80]}.log"
        try:
            self._file = path.open("xb", buffering=0)
            self.place = f"its log is {path}"
        except OSError as error:
            self.place = f"there is no log: {error.strerror}"

    def take(self, pipe: IO[bytes]) -> None:
        """Write down all that comes through a pipe until it ends."""
        for line in iter(lambda: pipe.readline(4096), b""):
            if text := line.decode(errors="replace").strip():
                self.last = text[:300]
            self._write(line)

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._file is None or self._left <= 0:
                return
            try:
                self._file.write(line)
                self._left -= len(line)
            except OSError as error:
                self.place += f" (incomplete: {error.strerror})"
                self._left = 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
