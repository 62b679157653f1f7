"""``bisenet``: face parsing, which tells hair, hats, clothes and all that is no face from the face."""

from pathlib import Path

import numpy as np

from visard.models.align import Matrix
from visard.models.face import Landmarks
from visard.models.five_points import crop_matrix
from visard.models.occlude._published import PublishedOccluder
from visard.models.onnx_model import Wrapper
from visard.models.scale import IMAGENET, Scale

SIDE = 512
CLASSES = 19
IN_FRONT = (0, 16, 17, 18)
"""Classes that are in front of a face where they are seen inside of it: others, cloth, hair, hat.

Glasses (6) are not: swappers that keep them do so by themselves.
"""


def _matrix(landmarks: Landmarks) -> Matrix:
    return crop_matrix(landmarks, "ffhq_512", SIDE)


def _write(source: Path, path: Path) -> None:
    """The network gives a number for each class."""
    wrapper = Wrapper(source, {"": (1, 3, SIDE, SIDE)}, (1, CLASSES, SIDE, SIDE))
    wrapper.picture_in("", SIDE, Scale(*IMAGENET))
    front = np.zeros(CLASSES, np.float32)
    front[list(IN_FRONT)] = 255
    found = wrapper.after("ArgMax", wrapper.output, axis=1, keepdims=0)
    wrapper.bytes_out(wrapper.after("Gather", front, found, axis=0), (1, SIDE, SIDE))
    wrapper.save(path)


occluder = PublishedOccluder(
    "bisenet",
    "face parsing, for hair and hats too; wants a GPU, and a model from the store",
    ("bisenet_resnet_34", "bisenet_resnet_18"),
    SIDE,
    _matrix,
    _write,
)
