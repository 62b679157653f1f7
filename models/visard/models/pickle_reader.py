"""Reads what a pickle describes without running anything that it says.

A pickle is a program for a small machine that can call any function. Here its instructions are read, not
followed: dicts, lists, tuples, texts and numbers are built, and whatever names code that the reader has no
use for is refused.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from visard.engines.errors import VisardError


@dataclass(frozen=True, slots=True)
class Named:
    """Something that a pickle calls by its name: ``module name``."""

    name: str


class PickleReader:
    """Reads one pickle of a file; a subclass says which names may occur and what calls of them mean."""

    allowed: frozenset[str] = frozenset()
    """Names that may occur, as ``module name``."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return what the pickle describes.

        Raises what ``refused`` returns; for nonsense ValueError, LookupError, TypeError or AttributeError.
        """
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
                raise self.refused(f"it holds the instruction {code.name}")
        raise ValueError("the pickle has no end")

    def refused(self, reason: str) -> VisardError:
        """Return the exception for a pickle that is not taken."""
        raise NotImplementedError

    def called(self, name: str, given: tuple[Any, ...]) -> Any:
        """Return what a call of an allowed name stands for."""
        raise NotImplementedError

    def with_state(self, value: Any, state: Any) -> Any:  # noqa: ARG002
        """Return a value after it was given a state; by default it stays as it was."""
        return value

    def stored(self, found: Any) -> Any:  # noqa: ARG002
        """Return what a persistent id stands for."""
        raise self.refused("it refers to something outside it")

    def _marked(self) -> list[Any]:
        """Take what was put on the stack since the last mark."""
        start = self._marks.pop()
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _wrap(self, _: Any) -> None:
        self._stack.append(tuple(self._marked()))

    def _last(self, count: int) -> None:
        """Make a tuple of the last values."""
        taken = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(taken)

    def _put(self, value: Any) -> None:
        self._memo[len(self._memo) if value is None else int(value)] = self._stack[-1]

    def _get(self, value: Any) -> None:
        self._stack.append(self._memo[int(value)])

    def _items(self, _: Any) -> None:
        taken = self._marked()
        self._set(list(zip(taken[::2], taken[1::2], strict=True)))

    def _item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([(key, value)])

    def _set(self, pairs: list[tuple[Any, Any]]) -> None:
        if isinstance(self._stack[-1], dict):
            self._stack[-1].update((key, value) for key, value in pairs if isinstance(key, str | int))

    def _appends(self, _: Any) -> None:
        taken = self._marked()
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(taken)

    def _append(self, _: Any) -> None:
        value = self._stack.pop()
        if isinstance(self._stack[-1], list):
            self._stack[-1].append(value)

    def _name(self, value: Any) -> None:
        """Read the name of something that a pickle would import."""
        if value is None:  # STACK_GLOBAL takes both parts from the stack
            last, module = self._stack.pop(), self._stack.pop()
            value = f"{module} {last}"
        if value not in self.allowed:
            raise self.refused(f"it would run {str(value)[:80]!r}")
        self._stack.append(Named(value))

    def _stored(self, _: Any) -> None:
        self._stack.append(self.stored(self._stack.pop()))

    def _call(self, _: Any) -> None:
        given, called = self._stack.pop(), self._stack.pop()
        self._stack.append(self.called(called.name, given) if isinstance(called, Named) else None)

    def _build(self, _: Any) -> None:
        """Give a value its state; what the memo holds of it is changed too, since both are one."""
        state, value = self._stack.pop(), self._stack.pop()
        made = self.with_state(value, state)
        if made is not value:
            self._memo = {key: made if kept is value else kept for key, kept in self._memo.items()}
        self._stack.append(made)

    def _drop(self, _: Any) -> None:
        self._stack.pop()


_LITERALS = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINFLOAT", "FLOAT"),
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"),
    *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
"""Instructions that put their own argument on the stack."""
_FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": lambda: None,
}
_DO: dict[str, Callable[[PickleReader, Any], None]] = {
    "MARK": PickleReader._mark,
    "TUPLE": PickleReader._wrap,
    "TUPLE1": lambda reader, _: reader._last(1),
    "TUPLE2": lambda reader, _: reader._last(2),
    "TUPLE3": lambda reader, _: reader._last(3),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"), PickleReader._put),
    **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), PickleReader._get),
    "SETITEMS": PickleReader._items,
    "SETITEM": PickleReader._item,
    "APPENDS": PickleReader._appends,
    "APPEND": PickleReader._append,
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), PickleReader._name),
    "BINPERSID": PickleReader._stored,
    "REDUCE": PickleReader._call,
    "BUILD": PickleReader._build,
    "POP": PickleReader._drop,
}
