"""Puts the faces of a set in order, by numbers in front of their names, which file managers sort by."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visard.models.blendshapes import NAMES
from visard.models.errors import FaceSetError
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.folders import move_face
from visard.models.train.faces.measures import bits_apart

_NUMBER = re.compile(r"^\d{5,}\.(?=.+\.)")
_GAZE = np.array([name.startswith(("eyeLook", "_neutral")) for name in NAMES])

_WORDS = {"embedding": "identity"}

Order = npt.NDArray[np.int64]
"""Indices into a set, [n]."""


def sort_faces(folder: Path, by: str, *, reverse: bool = False) -> list[Path]:
    """Rename the faces of a set so that they lie in order; return where they are, in that order.

    ``by`` is one of ORDERS. Raises FaceSetError for faces that do not tell what is asked for, OSError.
    """
    faces = FaceSet(folder)
    order = ORDERS[by](faces)
    if reverse:
        order = order[::-1]
    renamed = []
    for place, at in enumerate(order.tolist()):
        name = _NUMBER.sub("", faces.names[at])
        wanted = name if by == "source" else f"{place + 1:05d}.{name}"
        path = faces.path(at)
        renamed.append(path if path.name == wanted else move_face(path, folder / wanted))
    return renamed


def _by_column(name: str) -> Callable[[FaceSet], Order]:
    return lambda faces: np.argsort(faces.column(name), kind="stable")


def _by_source(faces: FaceSet) -> Order:
    rows, names = faces.index.rows, [_NUMBER.sub("", name) for name in faces.names]
    keys = zip(faces.index.sources, rows["frame"].tolist(), rows["number"].tolist(), names, strict=True)
    ordered = sorted(enumerate(keys), key=lambda pair: pair[1])
    return np.array([at for at, _ in ordered], np.int64)


def _by_expression(faces: FaceSet) -> Order:
    """From a face at rest to the strongest expression, wherever it looks."""
    shapes = _known(faces, "expression")[:, ~_GAZE]
    return np.argsort(np.linalg.norm(shapes, axis=1), kind="stable")


def _by_identity(faces: FaceSet) -> Order:
    """From what is most like the person to what is least, so that strangers are at the end."""
    embeddings = _known(faces, "embedding")
    return np.argsort(-(embeddings @ embeddings.mean(0)), kind="stable") if len(faces) else _none()


def _by_similarity(faces: FaceSet) -> Order:
    """Each next to the one that looks most like it, from the one most to the left on."""
    if not len(faces):
        return _none()
    hashes, yaws = faces.index.rows["fingerprint"], faces.column("yaw")
    left = np.ones(len(faces), np.bool_)
    at, order = int(yaws.argmin()), []
    for _ in range(len(faces)):
        order.append(at)
        left[at] = False
        apart = bits_apart(hashes[at], hashes) + abs(yaws - yaws[at])
        apart[~left] = np.inf
        at = int(apart.argmin())
    return np.array(order, np.int64)


def _known(faces: FaceSet, name: str) -> npt.NDArray[np.float32]:
    values = np.asarray(faces.index.rows[name], np.float32)
    if not np.isfinite(values).all():
        word = _WORDS.get(name, name)
        raise FaceSetError(f"faces that DeepFaceLab extracted tell no {word}; extract them again")
    return values


def _none() -> Order:
    return np.zeros(0, np.int64)


ORDERS: dict[str, Callable[[FaceSet], Order]] = {
    "yaw": _by_column("yaw"),
    "pitch": _by_column("pitch"),
    "blur": _by_column("blur"),
    "light": _by_column("brightness"),
    "expression": _by_expression,
    "identity": _by_identity,
    "similarity": _by_similarity,
    "source": _by_source,
}
"""What faces can be sorted by; source: as they were found, under their first names."""
