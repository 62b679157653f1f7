"""``xseg``: DeepFaceLab's segmentation, which says what of a face can be seen."""

from pathlib import Path

from visard.models.align import Matrix, align
from visard.models.face import Landmarks
from visard.models.occlude._published import PublishedOccluder
from visard.models.onnx_model import Wrapper
from visard.models.scale import UNIT

SIDE = 256


def _matrix(landmarks: Landmarks) -> Matrix:
    """Crops are those of whole faces, as the network was trained on them."""
    return align(landmarks, SIDE, coverage=2.2, offset=(0.0, -0.08), still=False)


def _write(source: Path, path: Path) -> None:
    """The network gives 1 where the face can be seen."""
    wrapper = Wrapper(source, {"": (1, SIDE, SIDE, 3)}, (1, SIDE, SIDE, 1))
    wrapper.picture_in("", SIDE, UNIT, planes=False)
    hidden = wrapper.after("Add", wrapper.after("Mul", wrapper.output, -255.0), 255.0)
    wrapper.bytes_out(hidden, (1, SIDE, SIDE, 1))
    wrapper.save(path)


occluder = PublishedOccluder(
    "xseg",
    "DeepFaceLab's segmentation; wants a GPU, and a model from the store",
    ("xseg_3", "xseg_2", "xseg_1"),
    SIDE,
    _matrix,
    _write,
)
