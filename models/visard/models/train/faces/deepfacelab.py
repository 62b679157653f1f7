"""DeepFaceLab's aligned faces: JPEGs that carry landmarks, matrix and masks in a segment of their own.

The segment holds a pickle of a dict. Nothing in it is run: it may hold plain values and numpy arrays alone.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from visard.engines.file_access import open_plain
from visard.models.errors import FaceSetError
from visard.models.pickle_reader import PickleReader
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.point_layout import Mask, Points, outline
from visard.models.train.faces.record import MAX_PICTURE

_TYPES = {
    "half_face": FaceType.half,
    "midfull_face": FaceType.mid_full,
    "mid_full_face": FaceType.mid_full,
    "full_face": FaceType.full,
    "full_face_no_align": FaceType.full,
    "whole_face": FaceType.whole_face,
    "head": FaceType.head,
    "head_no_align": FaceType.head,
}
_APP15, _SCAN, _END = 0xEF, 0xDA, 0xD9
_MOST_SEGMENTS = 200
_MOST_BYTES = 1 << 20
"""Of an array; a segment has 64 KB, but a few bytes can ask for much."""
_EXCLUDE = 0
"""The type of polygons that are cut out of the mask; all others are added."""
_CORE = ("numpy.core", "numpy._core")


@dataclass(frozen=True, slots=True)
class DeepFaceLabRecord:
    """What DeepFaceLab keeps of a face."""

    face_type: FaceType
    landmarks: Points
    """The usual 68 points, in pixels of the picture."""
    source: str
    source_size: float
    """Longer side of the face in its source, pixels; 0: unknown."""
    matrix: npt.NDArray[np.float64] | None
    """Affine map from the source's pixels to the picture's, [2, 3]."""
    polygons: tuple[tuple[bool, Points], ...]
    """Parts of the mask that a person drew, in pixels of the picture; true: added, false: cut out."""
    mask_file: bytes
    """A mask as an encoded picture; empty: none."""

    def mask(self, side: int) -> Mask:
        """Return the mask in a picture of ``side`` pixels: the drawn one, the kept one, or the outline."""
        drawn = outline(self.landmarks, side) if not any(add for add, _ in self.polygons) else None
        kept = _decoded(self.mask_file, side) if self.mask_file else None
        mask = np.zeros((side, side), np.uint8) if drawn is None else drawn if kept is None else kept
        for add, points in self.polygons:
            cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255 if add else 0)
        return mask


def read_deepfacelab(path: Path) -> DeepFaceLabRecord | None:
    """Return what DeepFaceLab wrote into a JPEG; None for any other picture.

    Raises FaceSetError for what is damaged or would run something, and OSError.
    """
    segment = _segment(path)
    if segment is None:
        return None
    try:
        return _record(_Reader(path.name, BytesIO(segment)).run())
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise FaceSetError(
            f"the data of DeepFaceLab in {path.name} is damaged; extract the face again"
        ) from error


def _segment(path: Path) -> bytes | None:
    """Return the APP15 segment that holds a pickle."""
    with open_plain(path, MAX_PICTURE) as file:
        if file.read(2) != b"\xff\xd8":
            return None
        for _ in range(_MOST_SEGMENTS):
            head = file.read(4)
            if len(head) < 4 or head[0] != 0xFF or head[1] in (_SCAN, _END):
                return None
            length = int.from_bytes(head[2:], "big") - 2
            if length < 0:
                return None
            if head[1] == _APP15:
                found = file.read(length)
                return found if found[:1] == b"\x80" else None
            file.seek(length, 1)
    return None


def _record(data: Any) -> DeepFaceLabRecord:
    face_type = data["face_type"]
    if face_type not in _TYPES:
        raise FaceSetError(f"the face type {str(face_type)[:40]!r} is none of {', '.join(_TYPES)}")
    rectangle = data.get("source_rect")
    left, top, right, bottom = [0] * 4 if rectangle is None else _finite(np.asarray(rectangle, np.float64))
    matrix = data.get("image_to_face_mat")
    return DeepFaceLabRecord(
        _TYPES[face_type],
        _floats(data["landmarks"], 68),
        str(data.get("source_filename") or "")[:400],
        float(max(right - left, bottom - top, 0)),
        None if matrix is None else _finite(np.asarray(matrix, np.float64).reshape(2, 3)),
        tuple(_polygons(data.get("seg_ie_polys"))),
        _bytes(data.get("xseg_mask")),
    )


def _polygons(held: Any) -> Any:
    """Yield what was drawn; the whole is a dict of a list of dicts, or the list alone."""
    for each in (held.get("polys") if isinstance(held, dict) else held) or ():
        points = _floats(each["pts"], None)
        if len(points) > 2:
            yield int(each["type"]) != _EXCLUDE, points


def _floats(held: Any, count: int | None) -> Points:
    points = np.asarray(held, np.float32).reshape(-1, 2) if len(held) else np.zeros((0, 2), np.float32)
    if count is not None and len(points) != count:
        raise FaceSetError(f"it has {len(points)} landmarks, and not {count}")
    return np.asarray(_finite(points), np.float32)


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > 1e6:
        raise ValueError("no number")
    return values


def _bytes(held: Any) -> bytes:
    return b"" if held is None else np.asarray(held, np.uint8).tobytes()


def _decoded(held: bytes, side: int) -> Mask | None:
    """Decode a mask, however large it says that it is: nothing above 4096 pixels a side is believed."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(held), formats=("PNG", "JPEG")) as picture:
            if max(picture.size) > 4096:
                return None
            mask = np.asarray(picture.convert("L"), np.uint8)
    except Exception:  # Pillow raises many kinds for what it cannot read
        return None
    return np.asarray(cv2.resize(mask, (side, side)), np.uint8)


class _Reader(PickleReader):
    """Builds plain values and numpy arrays of plain numbers."""

    allowed = frozenset(
        {
            *(f"{core}.multiarray _reconstruct" for core in _CORE),
            *(f"{core}.multiarray scalar" for core in _CORE),
            *(f"{core}.numeric _frombuffer" for core in _CORE),
            "numpy ndarray",
            "numpy dtype",
            "_codecs encode",
        }
    )

    def __init__(self, name: str, file: BytesIO) -> None:
        super().__init__(file)
        self._name_of_file = name

    def refused(self, reason: str) -> FaceSetError:
        """Say so."""
        return FaceSetError(f"{self._name_of_file} is not taken: {reason}, which no face needs")

    def called(self, name: str, given: tuple[Any, ...]) -> Any:
        """Make what is only allocated an array, what is a type one, and read numbers out of bytes."""
        match name.split(" ")[1]:
            case "_reconstruct":
                return _Empty()
            case "dtype":
                return _type(given[0])
            case "scalar":
                return np.frombuffer(given[1], given[0], 1)[0].item()
            case "_frombuffer":
                data, kind, shape, order = given
                return np.frombuffer(data, _number(kind)).reshape(shape, order=order)
            case "encode" if given[1] == "latin1":
                return given[0].encode("latin1")
        raise ValueError(name)

    def with_state(self, value: Any, state: Any) -> Any:
        """Fill an array, and set the byte order of a type."""
        if isinstance(value, np.dtype):
            return value.newbyteorder(state[1]) if state[1] in ("<", ">") else value
        if not isinstance(value, _Empty):
            raise ValueError("no state is expected")
        _, shape, kind, by_columns, data = state
        if not isinstance(data, bytes) or len(data) > _MOST_BYTES:
            raise ValueError("no numbers")
        return np.frombuffer(data, _number(kind)).reshape(shape, order="F" if by_columns else "C")


class _Empty:
    """An array that was not given its numbers yet."""


def _type(name: Any) -> np.dtype[Any]:
    """Return a type of plain numbers; names that could be anything else are refused."""
    kinds = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8", "b1"}
    if name not in kinds:
        raise ValueError("no type of numbers")
    return np.dtype(str(name))


def _number(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, np.dtype):
        raise TypeError("no type")
    known: np.dtype[Any] = kind
    return known
