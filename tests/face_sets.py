"""Sets of faces made of numbers: as many as wanted, without a network."""

from pathlib import Path

import numpy as np

from visard.models.blendshapes import NAMES
from visard.models.face import Image, Landmarks
from visard.models.geometry.canonical import canonical
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.extraction_log import ExtractionLog, PeopleChosen, SetHead
from visard.models.train.faces.record import FaceRecord, save_face

SIDE = 64


def landmarks(side: int = SIDE) -> Landmarks:
    """Return the mean face in the middle of a picture, float32 [478, 3]."""
    points = np.zeros((478, 3), np.float32)
    points[:468, :2] = (canonical().uv * 0.5 + 0.25) * side
    points[468:] = points[[33] * 5 + [263] * 5]
    return points


def picture(seed: int, side: int = SIDE) -> Image:
    """Return noise, the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)


def embedding(person: int) -> list[float]:
    """Return the embedding of one of 128 people, who have nothing in common."""
    return np.eye(128)[person].tolist()


def record(frame: int = 0, **facts: object) -> FaceRecord:
    """Return a record with what matters to a test."""
    usual = {
        "source": "film.mp4",
        "frame": frame,
        "track": 0,
        "face_type": FaceType.whole_face,
        "resolution": SIDE,
        "matrix": [0.5, 0, 3, 0, 0.5, 4],
        "landmarks": landmarks().ravel().tolist(),
        "size": 100,
        "yaw": 0,
        "pitch": 0,
        "roll": 0,
        "blur": 0.2,
        "brightness": 0.5,
        "side_light": 0,
        "occluded": 0,
        "expression": [0.0] * len(NAMES),
        "embedding": embedding(0),
        "fingerprint": f"{frame:064x}",
    }
    return FaceRecord.model_validate(usual | facts)


def write_set(folder: Path, records: list[FaceRecord], suffix: str = ".jpg") -> Path:
    """Write a folder of such faces, as an extraction leaves it."""
    folder.mkdir(exist_ok=True)
    for number, each in enumerate(records):
        save_face(folder / f"face-{number:06d}{suffix}", picture(number), each, 95)
    log = ExtractionLog(folder)
    log.write(SetHead(face_type=FaceType.whole_face, resolution=SIDE))
    log.write(PeopleChosen(chosen=1, count=1))
    return folder
