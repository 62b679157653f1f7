"""Files that inference libraries want back the next time; they only save time, so losing one is no error."""

import os
from pathlib import Path

from visard.engines.cache import files

LIMIT = 64


class Kept:
    """A private folder of them; the ones used longest ago go when there are more than LIMIT."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> bytes:
        """Return what was kept under a name, or nothing."""
        path = self._folder / name
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return b""
        return content

    def save(self, name: str, content: bytes) -> None:
        """Keep something under a name, whole or not at all."""
        if files.private(self._folder):
            return
        try:
            with files.replacing(self._folder / name) as file:
                file.write(content)
        except OSError:
            return
        self._shrink()

    def _shrink(self) -> None:
        aged: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            try:
                aged.append((path.stat().st_mtime, path))
            except OSError:  # another process was faster
                continue
        for _, path in sorted(aged)[:-LIMIT]:
            path.unlink(missing_ok=True)
