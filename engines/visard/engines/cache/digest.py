"""What a network's file is known by: the digest of all it consists of."""

import hashlib
from functools import lru_cache
from pathlib import Path

from visard.engines.errors import EngineError, ModelRefused
from visard.engines.file_access import open_plain

_EXTERNAL = b"\x0a\x08location"
"""How an ONNX file that keeps weights in other files spells the key of their names."""


def digest(model: Path) -> str:
    """Return the sha256 of a network, the files with its weights included.

    Raises ModelRefused when one of these is missing, EngineError when something cannot be read.
    """
    try:
        parts = [model, *_weights(model)]
        whole = [_file(path, *_state(path))[0] for path in parts]
    except FileNotFoundError as error:
        raise ModelRefused(f"{model.name} needs {error.filename}, which is missing; get it again") from error
    except OSError as error:
        raise EngineError(f"{model} cannot be read: {error.strerror}") from error
    if len(whole) == 1:
        return whole[0]
    named = zip((path.name for path in parts[1:]), whole[1:], strict=True)
    return hashlib.sha256(repr((whole[0], list(named))).encode()).hexdigest()


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


@lru_cache(64)
def _file(path: Path, *_: int) -> tuple[str, bool]:
    """Return a file's sha256 and whether it may keep weights elsewhere, read again when its state differs."""
    total, external, end = hashlib.sha256(), False, b""
    with open_plain(path) as file:
        while block := file.read(2**20):
            total.update(block)
            external = external or _EXTERNAL in end + block
            end = block[-len(_EXTERNAL) :]
    return total.hexdigest(), external


def _weights(model: Path) -> list[Path]:
    if model.suffix == ".xml":
        return [model.with_suffix(".bin")]
    state = _state(model)
    return list(_external(model, *state)) if _file(model, *state)[1] else []


@lru_cache(64)
def _external(model: Path, *_: int) -> tuple[Path, ...]:
    import onnx
    from onnx.external_data_helper import ExternalDataInfo, _get_all_tensors, uses_external_data

    try:
        graph = onnx.load(model, load_external_data=False)
    except Exception as error:  # protobuf's exceptions share no public base class
        raise ModelRefused(f"{model.name} is no ONNX file: {error}") from error
    tensors = [tensor for tensor in _get_all_tensors(graph) if uses_external_data(tensor)]
    names = {ExternalDataInfo(tensor).location for tensor in tensors}
    if outside := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ModelRefused(f"{model.name} has weights outside its folder: {outside[0]}")
    return tuple(model.parent / name for name in sorted(names))
