"""Graphs that are made of a model's file once, and kept by its hash."""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from visard.engines.cache import files
from visard.engines.cache.digest import digest
from visard.engines.file_access import make_private

_VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def exported(store: Path, source: Path, variant: str, make: Callable[[Path], None]) -> Path:
    """Return what ``make`` wrote for this source file and variant, now or some time before.

    Raises what ``make`` raises, ValueError for a variant that no file can be called, and OSError.
    """
    if not _VARIANT.fullmatch(variant):
        raise ValueError(f"{variant!r} cannot be part of a file's name")
    folder = store / "exported"
    path = folder / f"{digest(source)}-{variant}.onnx"
    if path.exists():
        return path
    make_private(folder)
    files.sweep(folder)
    lock = files.Lock(store / "locks" / f"{path.stem}.lock")
    lock.acquire(lambda: None)
    try:
        if not path.exists():
            write_whole(path, make)
    finally:
        lock.release()
    return path


def forget_exported(store: Path, sha256: str) -> None:
    """Remove all that was made of a source file."""
    for path in (store / "exported").glob(f"{sha256}-*.onnx"):
        files.remove(path)


def write_whole(path: Path, make: Callable[[Path], None]) -> None:
    """Have a file written beside its place, and put it there when it is whole."""
    half = path.with_name(f".half-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        make(half)
        half.chmod(0o600)
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        files.remove(half)
        raise
