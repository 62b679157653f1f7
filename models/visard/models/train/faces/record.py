"""What is kept of an aligned face: a picture, and its record as JSON beside it and once more inside it.

The record inside is a JPEG's comment or a PNG's text. So a face survives whoever copies, renames or deletes
single pictures, and also whoever edits one with a program that drops comments.
"""

from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visard.engines.cache import files
from visard.engines.file_access import open_plain, read_plain
from visard.models.align import Matrix, apply, invert
from visard.models.errors import FaceSetError
from visard.models.face import Image
from visard.models.swap.dfm.options import FaceType

SIDECAR = ".json"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
"""How pictures of faces end."""
MASK_SIDE = 256
"""Side in pixels of the mask of what is in front."""
_MAX_RECORD = 60_000
"""Bytes; a JPEG's comment holds 65 533."""
MAX_PICTURE = 64 << 20
_POINTS = 478
_TEXT = "visard"
"""Under which a PNG keeps it."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Mask = npt.NDArray[np.uint8]


class FaceRecord(BaseModel):
    """All that is known of one aligned face."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    source: str = Field(max_length=400)
    """Name of the film or picture that it comes from."""
    frame: int = Field(ge=0)
    number: int = Field(0, ge=0)
    """Which of the frame's faces it is."""
    track: int = Field(0, ge=0)
    """Faces of one track of a source are one person's, as far as the tracker can tell."""
    face_type: FaceType
    resolution: int = Field(ge=16, le=4096)
    """Side of the picture in pixels."""
    matrix: Annotated[list[Finite], Field(min_length=6, max_length=6)]
    """Affine map from the source's pixels to the picture's, by rows."""
    landmarks: Annotated[list[Finite], Field(min_length=3 * _POINTS, max_length=3 * _POINTS)]
    """x, y and z of the 478 points, in pixels of the picture."""
    size: Finite
    """Longer side of the face in the source, pixels."""
    yaw: Finite
    pitch: Finite
    roll: Finite
    """Degrees in the source, as ``Pose`` has them."""
    blur: Finite
    """How soft eyes, brows and lips are, as ``softness`` has it."""
    brightness: Finite
    """Mean luma of the face, 0..1."""
    side_light: Finite
    """How much lighter the left half is than the right one, natural logarithm."""
    occluded: Finite
    """Share of the face that something is in front of."""
    expression: Annotated[list[Finite], Field(min_length=52, max_length=52)]
    """ARKit's coefficients, in the order of ``blendshapes.NAMES``."""
    embedding: Annotated[list[Finite], Field(min_length=128, max_length=128)]
    """SFace's, of length 1."""
    fingerprint: str = Field(pattern="^[0-9a-f]{64}$")
    """Perceptual hash of the picture, 256 bits."""
    occlusion: Annotated[list[int], Field(max_length=8000)] = []
    """What is in front, in a square of MASK_SIDE: runs as of ``mask_to_runs``; empty: nothing."""

    @property
    def key(self) -> tuple[str, int, int]:
        """Which face of which picture it is."""
        return self.source, self.frame, self.number

    @property
    def affine(self) -> Matrix:
        """Map from the source's pixels to the picture's, float64 [2, 3]."""
        return np.array(self.matrix).reshape(2, 3)

    @property
    def points(self) -> npt.NDArray[np.float32]:
        """Landmarks in pixels of the picture, float32 [478, 3]."""
        return np.array(self.landmarks, np.float32).reshape(-1, 3)

    @property
    def source_points(self) -> npt.NDArray[np.float32]:
        """Landmarks in pixels of the source, float32 [478, 2]."""
        return np.asarray(apply(invert(self.affine), self.points[:, :2]), np.float32)

    @property
    def in_front(self) -> Mask | None:
        """What is in front of the face, uint8 [MASK_SIDE, MASK_SIDE], 0 or 255; None: nothing."""
        return runs_to_mask(self.occlusion) if self.occlusion else None


def mask_to_runs(mask: Mask) -> list[int]:
    """Return how long the runs of dark and light pixels are in turn, row after row; the first may be 0."""
    flat = np.concatenate([[False], mask.ravel() > 127])
    changes = np.flatnonzero(np.diff(flat))
    return [int(length) for length in np.diff(np.concatenate([[0], changes, [mask.size]]))]


def runs_to_mask(runs: list[int]) -> Mask:
    """Return the mask of such runs, uint8 [MASK_SIDE, MASK_SIDE]. Raises FaceSetError for what is none."""
    if min(runs) < 0 or sum(runs) != MASK_SIDE**2:
        raise FaceSetError("the mask of a face is damaged; extract the face again")
    values = np.arange(len(runs), dtype=np.uint8) % 2 * np.uint8(255)
    return np.repeat(values, runs).reshape(MASK_SIDE, MASK_SIDE)


def save_face(path: Path, picture: Image, record: FaceRecord, quality: int) -> None:
    """Write picture and record, each whole or not at all; ``quality`` is a JPEG's. Raises OSError."""
    text = record.model_dump_json()
    held = BytesIO()
    image = Pillow.fromarray(np.ascontiguousarray(picture[:, :, ::-1]))
    if path.suffix == ".png":
        inside = PngInfo()
        inside.add_text(_TEXT, text, zip=True)
        image.save(held, "PNG", pnginfo=inside, compress_level=4)
    else:
        image.save(held, "JPEG", quality=quality, subsampling=0, comment=text.encode())
    with files.replacing(path.with_suffix(SIDECAR)) as file:
        file.write(text.encode())
    with files.replacing(path) as file:
        file.write(held.getbuffer())


def load_record(path: Path) -> FaceRecord | None:
    """Return the record of a picture, from beside it or from inside; None where it has none.

    Raises FaceSetError for one that cannot be understood, and OSError.
    """
    try:
        text = read_plain(path.with_suffix(SIDECAR), _MAX_RECORD)
    except FileNotFoundError:
        text = _inside(path)
    return parse_record(text, path.name) if text else None


def parse_record(text: bytes, name: str) -> FaceRecord:
    """Return the record that a text holds. Raises FaceSetError."""
    try:
        return FaceRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        raise FaceSetError(
            f"the record of {name} cannot be understood ({where}: {first['msg']}); "
            "remove the picture or extract it again"
        ) from error


def _inside(path: Path) -> bytes:
    """Return what a picture itself says, without decoding it; empty: nothing."""
    with open_plain(path, MAX_PICTURE) as file:
        try:
            with Pillow.open(file, formats=("JPEG", "PNG")) as picture:
                found = picture.info.get("comment") or picture.info.get(_TEXT) or b""
        except Exception:  # Pillow raises many kinds for what it cannot read
            return b""
    text = found.encode() if isinstance(found, str) else bytes(found)
    return text if text.startswith(b'{"version"') and len(text) <= _MAX_RECORD else b""
