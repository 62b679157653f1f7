"""Who a network shows: from photos to what it takes as its source."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visard.engines import Array, Engine, close, load
from visard.models import align
from visard.models.face import Image, Landmarks
from visard.models.five_points import crop_matrix
from visard.models.portrait import Portrait
from visard.models.store import Store
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import Member, SourcePicture

Floats = npt.NDArray[np.float32]


class Identity:
    """Turns faces into embeddings, and embeddings into a member's source. One thread."""

    def __init__(self, store: Store, member: Member) -> None:
        """Raises ModelMissing, ModelRefused and EngineError."""
        self._normalised = member.normalised
        self._embed = _open(graphs.identity(store))
        path = graphs.converter(store, member)
        self._convert = _open(path) if path else None

    def embedding(self, picture: Image, landmarks: Landmarks) -> Floats:
        """Return the embedding of a face in a BGR picture, as the network gives it, [1, 512]."""
        side = graphs.IDENTITY_SIDE
        crop = align.crop(picture, crop_matrix(landmarks, "arcface_112_v2", side), side)
        return np.array(self._embed(crop[None])[0], np.float32)

    def source(self, embedding: Floats) -> Floats:
        """Return the source that an embedding, or the mean of several, makes, [1, 512]."""
        made: Array = self._convert(embedding)[0] if self._convert else embedding
        exact = np.asarray(made, np.float64).reshape(1, -1)
        length = max(float(np.linalg.norm(exact)), 1e-12) if self._normalised else 1.0
        return np.asarray(exact / length, np.float32)

    def close(self) -> None:
        """Stop looking for better engines."""
        close(self._embed, self._convert)


def source_of(member: Member, portraits: Sequence[Portrait], identity: Identity | None) -> Floats:
    """Return the source that photos of one person make; members that take a picture see the first."""
    if member.picture is not None:
        return picture_source(portraits[0], member.picture)
    assert identity is not None, "members that take no picture have an identity network"
    found = [identity.embedding(portrait.image, portrait.face.landmarks) for portrait in portraits]
    return identity.source(np.mean(found, axis=0, dtype=np.float32))


def picture_source(portrait: Portrait, wanted: SourcePicture) -> Floats:
    """Return the crop of a photo as a network takes it, float32 [1, 3, S, S], RGB, 0..1."""
    matrix = crop_matrix(portrait.face.landmarks, wanted.template, wanted.side)
    crop = align.crop(portrait.image, matrix, wanted.side)
    return np.ascontiguousarray(crop[None, ..., ::-1].transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def _open(path: Path) -> Engine:
    return load(path, "cpu", "fp32", backend="onnxruntime", isolated=True)
