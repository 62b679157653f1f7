"""A model's file that comes in over the API, a piece at a time."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePath

from visard.daemon.api.schema import Job
from visard.daemon.errors import ModelRefused
from visard.engines.cache import files
from visard.engines.file_access import make_private, private_file
from visard.models.store.download import MAX_BYTES, check_room, full_disk_told


class ModelUpload:
    """One file on its way into the store, in a folder of its own until then. One thread at a time."""

    def __init__(self, store: Path, name: str, take: Callable[[Path, Callable[[], None]], Job]) -> None:
        """``take`` begins to import the file, and calls what it is given when the file may go."""
        make_private(store)
        files.sweep(store)
        self._folder = files.scratch(store, 0)
        self._path = self._folder / (PurePath(name).name or "model")
        self._take, self._taken, self._size = take, False, 0
        self._file = open(self._path, "xb", opener=private_file)  # noqa: SIM115 - closed when it is whole

    def write(self, data: bytes) -> None:
        """Append a piece. Raises ModelRefused for a file that is too large, ModelError for a full disk."""
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise ModelRefused(f"{self._path.name} is larger than any model, {MAX_BYTES / 1e9:.1f} GB")
        check_room(self._folder, len(data), self._path.name)
        with full_disk_told(self._path.name, self._path):
            self._file.write(data)

    def finish(self) -> Job:
        """Begin to import it. Raises as importing does."""
        with full_disk_told(self._path.name, self._path):
            self._file.close()
        job, self._taken = self._take(self._path, self._remove), True
        return job

    def close(self) -> None:
        """Delete what is not being imported."""
        with suppress(OSError):  # what could not be written is tried once more
            self._file.close()
        if not self._taken:
            self._remove()

    def _remove(self) -> None:
        files.remove_tree(self._folder)
