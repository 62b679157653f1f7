"""Exports a trained network as a ``.dfm`` file, and checks that it computes what the network does."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import torch
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

from visard.engines.cache.files import sweep
from visard.models.store.exported import write_whole
from visard.models.swap.dfm.onnx_file import convert
from visard.models.train.dfm_graph import FACE, MORPH, OUTPUTS, DfmGraph
from visard.models.train.errors import ExportWrong
from visard.models.train.networks.amp import morph_mask
from visard.models.train.networks.base import SwapNetwork
from visard.models.train.options import TrainOptions

Pictures = npt.NDArray[np.float32]
"""[N, R, R, 3], BGR, 0..1."""
_MORPHS = 0.0, 0.35, 0.75, 1.0
_MOST = {False: (2e-4, 2e-5), True: (4e-2, 3e-3)}
"""How far apart a file and its network may be, at most and on average, in fp32 and in half precision."""
_LARGEST = 2**31 - 1


class Exported(NamedTuple):
    """What was written, and how far apart it is from the network: shares of full brightness."""

    path: Path
    bytes: int
    most: float
    mean: float


def export(
    network: SwapNetwork,
    options: TrainOptions,
    path: Path,
    *,
    half: bool = False,
    faces: Pictures | None = None,
) -> Exported:
    """Write a network as a ``.dfm``; a file of that name stays until the new one is whole and checked.

    ``faces`` are looked at to compare, generated pictures where there are none. Raises ExportWrong, and
    OSError when it cannot be written.
    """
    sweep(path.parent)  # halves that an export which was killed has left
    network = network.eval()
    model = DfmGraph(network, half=half).model(options.resolution)
    _describe(model, options)
    content = _serialised(model)
    given = sample_faces(options.resolution) if faces is None else faces
    apart = []

    def make(file: Path) -> None:
        file.write_bytes(content)
        convert(file)  # our own reader has to take it
        apart.append(compare(network, file, given, half=half))

    try:
        write_whole(path, make)
    except OSError as error:  # a full disk does not say whose file it is
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    return Exported(path, len(content), *apart[0])


def compare(network: SwapNetwork, path: Path, faces: Pictures, *, half: bool) -> tuple[float, float]:
    """Return how far a file's outputs are from the network's. Raises ExportWrong when too far."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    morphs = _MORPHS if network.morph_channels else (None,)
    most, means = 0.0, list[float]()
    for morph in morphs:
        given = {FACE: faces} | ({} if morph is None else {MORPH: np.array([morph], np.float32)})
        made = session.run(list(OUTPUTS), given)
        for name, is_, should in zip(OUTPUTS, made, _expected(network, faces, morph), strict=True):
            apart = np.abs(is_ - should)
            most, means = max(most, float(apart.max())), [*means, float(apart.mean())]
            if not np.isfinite(apart).all() or apart.max() > _MOST[half][0] or apart.mean() > _MOST[half][1]:
                raise ExportWrong(
                    f"{name} of the exported file is {apart.max():.2g} off what was trained; "
                    + ("export without half precision" if half else "report this")
                )
    return most, float(np.mean(means))


def sample_faces(side: int) -> Pictures:
    """Return soft patterns, black and white: pictures that need nobody's face."""
    noise = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    soft = [cv2.resize(each, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 1) for each in noise]
    shape = (side, side, 3)
    return np.stack([*soft, np.zeros(shape, np.float32), np.ones(shape, np.float32)])


def _expected(network: SwapNetwork, faces: Pictures, morph: float | None) -> Sequence[Pictures]:
    parameter = next(network.parameters())
    own = None if morph is None else morph_mask(network.morph_channels, morph).to(parameter.device)
    with torch.no_grad():
        pictures = torch.from_numpy(faces).permute(0, 3, 1, 2).to(parameter.device)
        made = network.swap(pictures, own)
    return [each.permute(0, 2, 3, 1).cpu().numpy() for each in made]


def _describe(model: onnx.ModelProto, options: TrainOptions) -> None:
    """Write down what the format has no place for."""
    texts = {"face_type": options.face_type, "archi": options.archi, "resolution": options.resolution}
    onnx.helper.set_model_props(model, {key: str(value) for key, value in texts.items()})


def _serialised(model: onnx.ModelProto) -> bytes:
    try:
        content: bytes = model.SerializeToString()
    except (ValueError, EncodeError):
        content = b""
    if not 0 < len(content) <= _LARGEST:
        raise ExportWrong(
            "the network is larger than the 2 GB that a .dfm can hold; export in half precision"
        )
    return content
