"""A folder of aligned faces as the trainer reads it; cheap to open, also with ten thousand of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.align import Matrix, compose
from visard.models.errors import FaceSetError, PictureUnreadable
from visard.models.face import Image
from visard.models.picture_file import read_picture
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.deepfacelab import read_deepfacelab
from visard.models.train.faces.index import Index
from visard.models.train.faces.point_layout import Mask, Points, outline
from visard.models.train.faces.record import load_record

Told = Callable[[int, int], None]
"""Called with how many pictures were looked at, and how many there are."""


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """One face, ready for the trainer."""

    name: str
    picture: Image
    """uint8 [side, side, 3], BGR."""
    mask: Mask
    """The face without what is in front of it, uint8 [side, side], 0..255."""
    landmarks: Points
    """float32 [478, 2], or [68, 2] of DeepFaceLab's; pixels of ``picture``."""
    matrix: Matrix | None
    """From the source's pixels to those of ``picture``, float64 [2, 3]; None: not known."""
    face_type: FaceType
    yaw: float
    """Degrees, positive: to the picture's right."""
    pitch: float
    """Degrees, positive: down."""


class FaceSet:
    """Every face of a folder that has a record, by name; its own or DeepFaceLab's. Can be pickled.

    What pictures say of themselves is kept in a file of the folder, so that only new ones are read.
    """

    def __init__(self, folder: Path, told: Told = lambda _done, _all: None) -> None:
        """Raises FaceSetError for a folder that is not there; ``told`` hears of pictures that are read."""
        if not folder.is_dir():
            raise FaceSetError(f"there is no folder at {folder}; make it with: visard train extract")
        self.folder = folder
        self.index = Index.of(folder, told)

    def __len__(self) -> int:
        return len(self.index.names)

    def __iter__(self) -> Iterator[AlignedFace]:
        return (self.face(number) for number in range(len(self)))

    @property
    def names(self) -> list[str]:
        """File names, in order."""
        return self.index.names

    @property
    def notes(self) -> list[str]:
        """What is wrong with pictures that were left out."""
        return self.index.notes

    def path(self, number: int) -> Path:
        """Return where a picture is."""
        return self.folder / self.index.names[number]

    def column(self, name: str) -> npt.NDArray[np.float32]:
        """Return a number of every face: yaw, pitch, roll, size, blur, brightness, side_light or occluded."""
        return np.asarray(self.index.rows[name], np.float32)

    @property
    def face_type(self) -> FaceType:
        """Return the face type that all share. Raises FaceSetError for an empty or a mixed set."""
        types = sorted({str(each) for each in self.index.rows["face_type"]})
        if len(types) != 1:
            found = f"faces of several types ({', '.join(types)})" if types else "no face"
            raise FaceSetError(f"{self.folder} holds {found}; extract one set of one type")
        return FaceType(types[0])

    def face(self, number: int, side: int | None = None) -> AlignedFace:
        """Read a face, scaled to ``side`` pixels where that is given.

        Raises FaceSetError when it is gone or damaged.
        """
        path = self.path(number)
        try:
            picture = read_picture(path, side)
            record = load_record(path)
            theirs = None if record else read_deepfacelab(path)
        except (PictureUnreadable, OSError) as error:
            raise FaceSetError(f"{path} cannot be read any more ({error}); open the set again") from error
        side = side or picture.shape[0]
        if picture.shape[:2] != (side, side):
            picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
        row = self.index.rows[number]
        turned = float(row["yaw"]), float(row["pitch"])
        scale = side / float(row["resolution"])
        if record is not None:
            points = record.points[:, :2] * np.float32(scale)
            mask = _without(outline(points, side), record.in_front)
            matrix: Matrix | None = _scaled(record.affine, scale)
            return AlignedFace(path.name, picture, mask, points, matrix, record.face_type, *turned)
        if theirs is None:
            raise FaceSetError(f"{path} has no record any more; open the set again")
        points = theirs.landmarks * np.float32(scale)
        matrix = None if theirs.matrix is None else _scaled(theirs.matrix, scale)
        mask = np.asarray(cv2.resize(theirs.mask(int(row["resolution"])), (side, side)), np.uint8)
        return AlignedFace(path.name, picture, mask, points, matrix, theirs.face_type, *turned)


def _scaled(matrix: Matrix, scale: float) -> Matrix:
    return compose(np.array([[scale, 0, 0], [0, scale, 0]]), matrix)


def _without(face: Mask, in_front: Mask | None) -> Mask:
    if in_front is None:
        return face
    front = cv2.resize(in_front, face.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.min(face, cv2.bitwise_not(front)), np.uint8)
