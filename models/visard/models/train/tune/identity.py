"""SFace in PyTorch, so that a loss can flow through it; and pictures cut out for it, differentiably."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import ModelProto, NodeProto, helper, load, numpy_helper
from torch import Tensor

from visard.models.assets import asset
from visard.models.five_points import ARCFACE
from visard.models.track.recogniser import SIDE

Step = Callable[[Tensor], Tensor]

_ON_THE_WAY = (20, 34, 48)
"""Steps of the 59 after which features are compared: 28, 14 and 7 places a side."""
_AT = torch.tensor(ARCFACE, dtype=torch.float32)


class Identity:
    """Turns faces into embeddings of length 1; nothing of the network itself is learned."""

    def __init__(self) -> None:
        self._steps = _steps(load(str(asset("sface_2021dec_fp16w.onnx"))))

    def __call__(self, pictures: Tensor, five: Tensor) -> Tensor:
        """Return embeddings, [n, 128].

        ``pictures`` are BGR 0..1, [n, 3, height, width], ``five`` the eyes, nose and corners of the mouth in
        them, [n, 5, 2] in pixels.
        """
        return self.seen(cut_out(pictures, five))[0]

    def seen(self, faces: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return embeddings of faces as ``cut_out`` gives them, and what is seen where on the way to them.

        The latter are feature maps of length 1 at each place, [n, channels, height, width].
        """
        values, maps = faces.flip(1) * 255, []
        for number, step in enumerate(self._steps):
            values = step(values)
            if number in _ON_THE_WAY:
                maps.append(F.normalize(values, dim=1))
        return F.normalize(values, dim=1), maps


def cut_out(pictures: Tensor, five: Tensor) -> Tensor:
    """Return faces as ``recogniser.align_for_recognition`` cuts them out, [n, 3, 112, 112]."""
    target = torch.view_as_complex(five.contiguous())
    source = torch.view_as_complex(_AT).expand_as(target)
    middle, centre = source.mean(1, True), target.mean(1, True)
    apart = source - middle
    factor = (apart.conj() * (target - centre)).sum(1, True) / apart.abs().square().sum(1, True)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    here = torch.complex(columns.float(), rows.float()).flatten()[None]
    where = torch.view_as_real(factor * (here - middle) + centre).view(-1, SIDE, SIDE, 2)
    size = torch.tensor([pictures.shape[3], pictures.shape[2]])
    return F.grid_sample(pictures, (where + 0.5) * 2 / size - 1, align_corners=False, padding_mode="border")


def _steps(model: ModelProto) -> list[Step]:
    """The network as functions, with each normalisation folded into the convolution before it."""
    tensors = {each.name: _tensor(numpy_helper.to_array(each)) for each in model.graph.initializer}
    steps: list[Step] = []
    nodes = [node for node in model.graph.node if node.op_type != "Dropout"]
    for node in nodes:
        if node.op_type == "Cast":  # the weights are kept in half precision
            tensors[node.output[0]] = tensors[node.input[0]]
    skipped: set[str] = set()
    for node in nodes:
        if node.op_type == "Cast" or node.output[0] in skipped:
            continue
        after = next((each for each in nodes if each.input and each.input[0] == node.output[0]), None)
        folded = after if after and after.op_type == "BatchNormalization" else None
        if node.op_type in ("Conv", "Gemm") and folded:
            skipped.add(folded.output[0])
        steps.append(_step(node, folded, tensors))
    return steps


def _tensor(array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> Tensor:
    return torch.from_numpy(array.astype(np.float32))


def _step(node: NodeProto, folded: NodeProto | None, tensors: dict[str, Tensor]) -> Step:
    settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    known = [tensors[name] for name in node.input[1:]]
    kind = node.op_type
    if kind in ("Conv", "Gemm"):
        weight, shift = known[0], known[1] if len(known) > 1 else torch.zeros(len(known[0]))
        if folded:
            scale, offset = _normalisation(folded, tensors)
            weight, shift = weight * scale.view(-1, *[1] * (weight.ndim - 1)), shift * scale + offset
        if kind == "Gemm":
            return lambda x: F.linear(x.flatten(1), weight, shift)
        stride, pad, groups = settings["strides"], settings["pads"][:2], settings.get("group", 1)
        return lambda x: F.conv2d(x, weight, shift, stride, pad, 1, groups)
    if kind == "BatchNormalization":
        scale, offset = (each.view(1, -1, 1, 1) for each in _normalisation(node, tensors))
        return lambda x: x * scale + offset
    if kind == "PRelu":
        slope = known[0].flatten()
        return lambda x: F.prelu(x, slope)
    if kind == "Flatten":
        return lambda x: x.flatten(1)
    number = float(known[0])
    return (lambda x: x - number) if kind == "Sub" else (lambda x: x * number)


def _normalisation(node: NodeProto, tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Scale and offset that a batch normalisation amounts to."""
    gamma, beta, mean, variance = (tensors[name] for name in node.input[1:5])
    epsilon = next((each.f for each in node.attribute if each.name == "epsilon"), 1e-5)
    scale = gamma / torch.sqrt(variance + epsilon)
    return scale, beta - mean * scale
