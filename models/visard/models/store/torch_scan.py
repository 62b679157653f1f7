"""Which tensors a PyTorch checkpoint holds, without PyTorch and without running anything that it says.

A checkpoint's structure is a pickle, of which a tensor becomes its shape; whatever names code that no
checkpoint of weights needs is refused.
"""

import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain
from visard.models.pickle_reader import PickleReader

MAX_BYTES = 2**32
_MOST_PICKLE = 32 << 20
_MOST_PARTS = 200_000
_DEEPEST = 6
_MAGIC = 0x1950A86A20F9469CFC6C
_ITEMS = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
}
"""Bytes of an item, by kind of storage."""
_ALLOWED = frozenset(
    {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch Size",
        "torch.storage UntypedStorage",
        *(f"torch {name}" for name in _ITEMS),
    }
)

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    item: int
    """Bytes of one of its numbers."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    shape: Shape


def scan(path: Path, name: str) -> dict[str, Shape]:
    """Return the shapes of all tensors of a file to be called ``name``, by their keys joined by slashes.

    Raises ModelRefused for what is damaged or no checkpoint; OSError if it cannot be read.
    """
    with open_plain(path, MAX_BYTES) as file:
        begin = file.read(4)
        file.seek(0)
        try:
            held = _zipped(name, file) if begin == b"PK\x03\x04" else _legacy(name, file)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise _damaged(name) from error
    tensors: dict[str, Shape] = {}
    _collect(name, held, tensors)
    return tensors


def is_checkpoint(begin: bytes) -> bool:
    """Whether a file that begins so may be a checkpoint: a zip archive, or a pickle of protocol 2 to 5."""
    return begin[:4] == b"PK\x03\x04" or (begin[:1] == b"\x80" and begin[1:2] in b"\x02\x03\x04\x05")


def _damaged(name: str) -> ModelRefused:
    return ModelRefused(f"{name} is damaged or truncated: it begins like a PyTorch checkpoint; get it again")


def _zipped(name: str, file: IO[bytes]) -> Any:
    with zipfile.ZipFile(file) as archive:
        inside = [each for each in archive.infolist() if each.filename.endswith("/data.pkl")]
        if len(inside) != 1 or inside[0].file_size > _MOST_PICKLE:
            raise ModelRefused(f"{name} is a zip archive and not a PyTorch checkpoint")
        if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
            raise ModelRefused(
                f"{name} is packed, which PyTorch's checkpoints are not: it may unfold to any size"
            )
        return _Checkpoint(name, BytesIO(archive.read(inside[0]))).run()


def _legacy(name: str, file: IO[bytes]) -> Any:
    """Read the five pickles of torch before 1.6, and walk over the storages that follow."""
    head = BytesIO(file.read(_MOST_PICKLE))
    if _Checkpoint(name, head).run() != _MAGIC:
        raise ModelRefused(f"{name} is a pickle and not a PyTorch checkpoint")
    for _ in ("protocol", "system"):
        _Checkpoint(name, head).run()
    machine = _Checkpoint(name, head)
    held = machine.run()
    sizes = {storage.key: storage.item for storage in machine.storages}
    size, end = file.seek(0, 2), head.tell()
    file.seek(end)
    keys, end = _storage_keys(name, file)
    for key in keys:
        file.seek(end)
        count = int.from_bytes(file.read(8), "little", signed=True)
        end += 8 + max(count, 0) * sizes[key]
    if end > size:
        raise ModelRefused(f"{name} is truncated, {size} of at least {end} bytes; get it again")
    return held


def _storage_keys(name: str, file: IO[bytes]) -> tuple[list[str], int]:
    start = file.tell()
    tail = BytesIO(file.read(_MOST_PICKLE))
    keys = _Checkpoint(name, tail).run()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("no list of storages")
    return keys, start + tail.tell()


def _collect(name: str, held: Any, tensors: dict[str, Shape]) -> None:
    """Put every tensor below ``held`` into ``tensors``, however often a part occurs; raises ModelRefused."""
    waiting, left = [("", held, 0)], _MOST_PARTS
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, _Tensor):
            tensors[path] = value.shape
        elif isinstance(value, dict) and depth < _DEEPEST:
            left -= len(value)
            if left < 0:
                raise _damaged(name)
            parts = [(key, each) for key, each in value.items() if isinstance(key, str) and len(key) < 300]
            waiting += [(f"{path}/{key}" if path else key, each, depth + 1) for key, each in reversed(parts)]


class _Checkpoint(PickleReader):
    """Reads one pickle of a checkpoint: a tensor becomes its shape."""

    allowed = _ALLOWED

    def __init__(self, name: str, file: IO[bytes]) -> None:
        super().__init__(file)
        self._name_of_file = name
        self.storages: list[_Storage] = []

    def refused(self, reason: str) -> ModelRefused:
        return ModelRefused(f"{self._name_of_file} is not taken: {reason}, which no weights need")

    def stored(self, found: Any) -> _Storage:
        """Read what a tensor's numbers are known by: ('storage', kind, key, place, count, ...)."""
        storage = _Storage(str(found[2]), _ITEMS.get(found[1].name.partition(" ")[2], 1))
        self.storages.append(storage)
        return storage

    def called(self, name: str, given: tuple[Any, ...]) -> Any:
        """Read a call: of a tensor the shape is kept, of a dict that it is one."""
        if name.startswith("torch._utils _rebuild_tensor"):
            shape = tuple(given[2])
            if len(shape) > 8 or not all(isinstance(size, int) for size in shape):
                raise ValueError("no shape")
            return _Tensor(shape)
        if name == "torch._utils _rebuild_parameter":
            return given[0]
        return {} if name == "collections OrderedDict" else None
