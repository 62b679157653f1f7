"""The outermost bytes of ONNX files: whether one is whole, looked at before anything reads it."""

from typing import IO

from visard.engines.errors import ModelRefused

_MOST_FIELDS = 1_000_000
"""Outermost fields of a file; networks have about ten."""


def check_whole(name: str, file: IO[bytes], remark: str = "") -> None:
    """Walk over a file's outermost fields: the first is the format's version, the last ends with it.

    Raises ModelRefused for what is no ONNX file, with a ``remark`` on what was expected.
    """
    foreign = ModelRefused(f"{name} is not an ONNX file{remark}; get it again")
    size, end = file.seek(0, 2), file.seek(0)
    for _ in range(_MOST_FIELDS):
        if end >= size:
            break
        key = varint(file)
        length = varint(file) if key & 7 in (0, 2) else -1
        if length < 0 or not 1 <= key >> 3 < 100 or (end == 0 and key != 8):
            raise foreign
        end = file.tell() + (length if key & 7 == 2 else 0)
        file.seek(end)
    if not size or end < size:
        raise foreign
    if end > size:
        raise ModelRefused(f"{name} is truncated, {size} of at least {end} bytes; get it again")
    file.seek(0)


def varint(file: IO[bytes]) -> int:
    """Return the next whole number of a protobuf file, -1 when there is none."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1) or b"\xff"
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    return -1
