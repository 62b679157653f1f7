"""Which tensors a PyTorch checkpoint holds, without PyTorch and without running anything that it says.

A checkpoint's structure is a pickle: a program for a small machine that can call any function. Here its
instructions are read, not followed: dicts, lists, texts and numbers are built, a tensor becomes its shape,
and whatever names code that no checkpoint of weights needs is refused.
"""

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain

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
_ALLOWED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    "torch.storage UntypedStorage",
    *(f"torch {name}" for name in _ITEMS),
}

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """Something that a pickle calls by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    item: int
    """Bytes of one of its numbers."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    shape: Shape


class _Unknown:
    """A value that does not matter."""


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
        return _Machine(name, BytesIO(archive.read(inside[0]))).run()


def _legacy(name: str, file: IO[bytes]) -> Any:
    """Read the five pickles of torch before 1.6, and walk over the storages that follow."""
    head = BytesIO(file.read(_MOST_PICKLE))
    if _Machine(name, head).run() != _MAGIC:
        raise ModelRefused(f"{name} is a pickle and not a PyTorch checkpoint")
    for _ in ("protocol", "system"):
        _Machine(name, head).run()
    machine = _Machine(name, head)
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
    keys = _Machine(name, tail).run()
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


class _Machine:
    """Reads one pickle of a file."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name, self._file = name, file
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self.storages: list[_Storage] = []

    def run(self) -> Any:
        """Return what the pickle describes. Raises ValueError and the like for nonsense."""
        for code, value, _ in pickletools.genops(self._file):
            if code.name == "STOP":
                return self._stack.pop()
            if code.name in _LITERALS:
                self._stack.append(value)
            elif code.name in _FIXED:
                self._stack.append(_FIXED[code.name]())
            elif code.name in _DO:
                _DO[code.name](self, value)
            elif code.name not in ("PROTO", "FRAME"):
                raise ModelRefused(
                    f"{self._name} is not taken: no checkpoint of weights needs the instruction {code.name}"
                )
        raise ValueError("the pickle has no end")

    def marked(self) -> list[Any]:
        """Take what was put on the stack since the last mark."""
        start = self._marks.pop()
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def wrap(self, _: Any) -> None:
        self._stack.append(tuple(self.marked()))

    def last(self, count: int) -> None:
        """Make a tuple of the last values."""
        taken = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(taken)

    def put(self, value: Any) -> None:
        self._memo[len(self._memo) if value is None else int(value)] = self._stack[-1]

    def get(self, value: Any) -> None:
        self._stack.append(self._memo[int(value)])

    def items(self, _: Any) -> None:
        taken = self.marked()
        self._set(list(zip(taken[::2], taken[1::2], strict=True)))

    def item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([(key, value)])

    def _set(self, pairs: list[tuple[Any, Any]]) -> None:
        if isinstance(self._stack[-1], dict):
            self._stack[-1].update((key, value) for key, value in pairs if isinstance(key, str | int))

    def appends(self, _: Any) -> None:
        taken = self.marked()
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(taken)

    def append(self, _: Any) -> None:
        value = self._stack.pop()
        if isinstance(self._stack[-1], list):
            self._stack[-1].append(value)

    def name(self, value: Any) -> None:
        """Read the name of something that a pickle would import."""
        if value is None:  # STACK_GLOBAL takes both parts from the stack
            last, module = self._stack.pop(), self._stack.pop()
            value = f"{module} {last}"
        if value not in _ALLOWED:
            raise ModelRefused(
                f"{self._name} is not taken: it would run {str(value)[:80]!r}, which no weights need"
            )
        self._stack.append(_Name(value))

    def stored(self, _: Any) -> None:
        """Read what a tensor's numbers are known by: ('storage', kind, key, place, count, ...)."""
        found = self._stack.pop()
        storage = _Storage(str(found[2]), _ITEMS.get(found[1].name.partition(" ")[2], 1))
        self.storages.append(storage)
        self._stack.append(storage)

    def call(self, _: Any) -> None:
        """Read a call: of a tensor the shape is kept, of a dict that it is one."""
        given, called = self._stack.pop(), self._stack.pop()
        name = called.name if isinstance(called, _Name) else ""
        if name.startswith("torch._utils _rebuild_tensor"):
            shape = tuple(given[2])
            if len(shape) > 8 or not all(isinstance(size, int) for size in shape):
                raise ValueError("no shape")
            self._stack.append(_Tensor(shape))
        elif name == "torch._utils _rebuild_parameter":
            self._stack.append(given[0])
        else:
            self._stack.append({} if name == "collections OrderedDict" else _Unknown())

    def drop(self, _: Any) -> None:
        self._stack.pop()


_LITERALS = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINFLOAT", "FLOAT"),
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"),
    *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES"),
}
"""Instructions that put their own argument on the stack."""
_FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": _Unknown,
}
_DO: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.wrap,
    "TUPLE1": lambda machine, _: machine.last(1),
    "TUPLE2": lambda machine, _: machine.last(2),
    "TUPLE3": lambda machine, _: machine.last(3),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), _Machine.get),
    "SETITEMS": _Machine.items,
    "SETITEM": _Machine.item,
    "APPENDS": _Machine.appends,
    "APPEND": _Machine.append,
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    "BINPERSID": _Machine.stored,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.drop,
    "POP": _Machine.drop,
}
