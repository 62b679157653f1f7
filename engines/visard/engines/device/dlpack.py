"""DLPack: how libraries hand each other arrays without copying them (github.com/dmlc/dlpack)."""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from visard.engines.errors import EngineError

CPU, CUDA = 1, 2
_CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
_KINDS = {code: kind for kind, code in _CODES.items()}
_FRESH, _USED = b"dltensor", b"used_dltensor"


class _DLDevice(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("index", ctypes.c_int32))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _DLDevice),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))
_Destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def _capi(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of Python's own C API; a prototype of our own leaves everybody else's alone."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_hold = _capi("Py_IncRef", None, ctypes.py_object)
_release = _capi("Py_DecRef", None, ctypes.c_void_p)
_new = _capi("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destructor)
_valid = _capi("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_pointer = _capi("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_rename = _capi("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
# the same two for a capsule that is being destroyed, which must not become a Python object again
_dying_valid = _capi("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_dying_pointer = _capi("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)


@_Deleter  # type: ignore[untyped-decorator]
def _delete(managed: Any) -> None:
    _release(managed.contents.context)


@_Destructor  # type: ignore[untyped-decorator]
def _destroy(capsule: int) -> None:
    if _dying_valid(capsule, _FRESH):  # nobody took it
        _delete(ctypes.cast(_dying_pointer(capsule, _FRESH), ctypes.POINTER(_Managed)))


@dataclass(frozen=True, slots=True)
class Taken:
    """A tensor of another library; its memory stays alive as long as this does."""

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    device: tuple[int, int]
    """Kind of memory and index."""
    contiguous: bool
    _keeper: Any


class _Keeper:
    """Tells the producer when its memory is no longer needed."""

    def __init__(self, managed: Any) -> None:
        self._managed = managed

    def __del__(self) -> None:
        if self._managed.contents.deleter:
            self._managed.contents.deleter(self._managed)


def give(
    pointer: int, shape: tuple[int, ...], dtype: np.dtype[Any], device: tuple[int, int], owner: object
) -> Any:
    """Return a capsule for a contiguous array in ``device`` (kind, index); it keeps ``owner`` alive."""
    if dtype.kind not in _CODES:
        raise BufferError(f"DLPack has no numbers like {dtype}")
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    tensor = _Tensor(pointer, _DLDevice(*device), len(shape), _CODES[dtype.kind], dtype.itemsize * 8, 1)
    tensor.shape = ctypes.cast(sizes, ctypes.POINTER(ctypes.c_int64))
    managed = _Managed(tensor, None, _delete)
    context = (owner, sizes, managed)
    _hold(context)
    managed.context = id(context)
    return _new(ctypes.addressof(managed), _FRESH, _destroy)


def take(capsule: Any) -> Taken:
    """Return what a capsule holds and mark it as taken; raise EngineError when it is of no use here."""
    if not _valid(capsule, _FRESH):
        raise EngineError("this DLPack capsule was taken already or is of a version nobody asked for")
    managed = ctypes.cast(_pointer(capsule, _FRESH), ctypes.POINTER(_Managed))
    _rename(capsule, _USED)
    keeper, tensor = _Keeper(managed), managed.contents.tensor
    if tensor.code not in _KINDS or tensor.lanes != 1:
        raise EngineError(f"numbers of DLPack type {tensor.code} with {tensor.bits} bits are not supported")
    dtype = np.dtype(f"{_KINDS[tensor.code]}{tensor.bits // 8}")
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    strides = tuple(tensor.strides[i] for i in range(tensor.ndim)) if tensor.strides else None
    device = tensor.device.type, tensor.device.index
    place = (tensor.data or 0) + tensor.offset
    return Taken(place, shape, dtype, device, contiguous(shape, strides), keeper)


def contiguous(shape: tuple[int, ...], strides: tuple[int, ...] | None, item: int = 1) -> bool:
    """Return whether strides, in units of ``item``, are those of an array without gaps; None always is."""
    expected = item
    for size, stride in zip(reversed(shape), reversed(strides or ()), strict=False):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True
