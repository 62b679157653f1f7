"""The small networks of LivePortrait: the one that sees how a face moves, and those that correct keypoints.

A motion's rotation is a matrix for row vectors. Everything is written with convolutions and sums: matrix
products are what Turing lacks in fp32, in which this part always runs.
Imported only where a checkpoint is exported.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from visard.models.animate._torch_layers import numbers, product, sizes
from visard.models.torch_weights import Weights

POINTS = 21
BINS = 66
_EPSILON = 1e-6
_HEADS = {"pitch": BINS, "yaw": BINS, "roll": BINS, "t": 3, "exp": 3 * POINTS, "scale": 1, "kp": 3 * POINTS}


@dataclass(frozen=True, slots=True)
class Motion:
    """Where a head is and what its face does."""

    rotation: Tensor
    """[N, 3, 3]"""
    expression: Tensor
    """Added to the turned keypoints, [N, 21, 3]."""
    translation: Tensor
    """[N, 3]"""
    scale: Tensor
    """[N, 1]"""

    def applied(self, keypoints: Tensor) -> Tensor:
        """Return where a face's own keypoints, [N, 21, 3], are with it; its depth does not move them."""
        turned = product(keypoints, self.rotation) + self.expression
        return self.scale[:, None] * turned + (self.translation * _FLAT)[:, None]


_FLAT = torch.tensor([1.0, 1.0, 0.0])
"""Without depth."""


class Linear(nn.Module):
    """A linear layer over the channels of [N, C, H, W]."""

    def __init__(self, *weights: Weights) -> None:
        super().__init__()
        weight, bias = (torch.cat([each[kind] for each in weights]) for kind in ("weight", "bias"))
        out, came = weight.shape
        self.conv = nn.Conv2d(came, out, 1)
        self.conv.weight.data, self.conv.bias = weight[:, :, None, None], nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, out, H, W]."""
        return self.conv(x)


class LayerNorm(nn.Module):
    """Normalises the channels of every pixel."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name in ("weight", "bias"):
            self.register_buffer(name, weights[name][:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        away = x - x.mean(1, keepdim=True)
        return away / torch.sqrt((away * away).mean(1, keepdim=True) + _EPSILON) * self.weight + self.bias


def convolution(weights: Weights, *, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """Return a convolution; one with a single input for each channel takes each by itself."""
    weight = weights["weight"]
    out, came, high, wide = weight.shape
    groups = out if came == 1 else 1
    layer = nn.Conv2d(came * groups, out, (high, wide), stride, padding, groups=groups)
    layer.weight.data, layer.bias = weight, nn.Parameter(weights["bias"])
    return layer


class Block(nn.Module):
    """Adds to its input: each channel around a pixel, then all channels of it, in relation to the others."""

    gamma: Tensor
    beta: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.depthwise = convolution(weights.below("dwconv"), padding=3)
        self.norm = LayerNorm(weights.below("norm"))
        self.widen, self.narrow = Linear(weights.below("pwconv1")), Linear(weights.below("pwconv2"))
        for name in ("gamma", "beta"):
            self.register_buffer(name, weights[f"grn.{name}"].reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        inner = F.gelu(self.widen(self.norm(self.depthwise(x))))
        size = torch.sqrt((inner * inner).sum((2, 3), keepdim=True))
        share = size / (size.mean(1, keepdim=True) + _EPSILON)
        return x + self.narrow(inner * (self.gamma * share + 1) + self.beta)


class MotionExtractor(nn.Module):
    """Sees a face's motion and its own keypoints."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        weights = weights.below("detector")
        layers: list[nn.Module] = []
        for stage, reduce in enumerate(weights.each("downsample_layers.")):
            first, second = reduce.below("0"), reduce.below("1")
            if stage == 0:
                layers += [convolution(first, stride=4), LayerNorm(second)]
            else:
                layers += [LayerNorm(first), convolution(second, stride=2)]
            layers += map(Block, weights.below(f"stages.{stage}").each(""))
        self.features = nn.Sequential(*layers)
        self.norm = LayerNorm(weights.below("norm"))
        self.heads = Linear(*(weights.below(f"fc_{name}") for name in _HEADS))

    def raw(self, picture: Tensor) -> dict[str, Tensor]:
        """Return what the heads say, each [N, numbers]: of angles the logits of bins."""
        seen = self.norm(self.features(picture).mean((2, 3), keepdim=True))
        told = self.heads(seen)[:, :, 0, 0]
        return dict(zip(_HEADS, told.split(list(_HEADS.values()), 1), strict=True))

    def forward(self, picture: Tensor) -> tuple[Motion, Tensor]:
        """Return motion and own keypoints, [N, 21, 3], of the face in a picture [N, 3, 256, 256]."""
        told = self.raw(picture)
        turned = rotation(*(degrees(told[name]) for name in ("pitch", "yaw", "roll")))
        expression, keypoints = (told[name].reshape(-1, POINTS, 3) for name in ("exp", "kp"))
        return Motion(turned, expression, told["t"], told["scale"]), keypoints


def degrees(logits: Tensor) -> Tensor:
    """Return the mean of angles, [N, 1], each bin 3 degrees wide."""
    return (torch.softmax(logits, 1) * numbers(BINS)).sum(1, keepdim=True) * 3 - 97.5


def rotation(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """Return matrices for row vectors, [N, 3, 3], of angles in degrees, [N, 1] each."""
    turns = [_turn(angle * (torch.pi / 180), axis) for axis, angle in enumerate((pitch, yaw, roll))]
    return product(product(turns[0], turns[1]), turns[2])


def _turn(angle: Tensor, axis: int) -> Tensor:
    """Return a turn around one axis, transposed for row vectors."""
    sine, cosine = torch.sin(angle), torch.cos(angle)
    zero, one = angle * 0, angle * 0 + 1
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cells = {(axis, axis): one, (first, first): cosine, (second, second): cosine,
             (first, second): sine, (second, first): -sine}  # fmt: skip
    rows = [cells.get((row, column), zero) for row in range(3) for column in range(3)]
    return torch.cat(rows, 1).reshape(*sizes(angle)[:-1], 3, 3)


class Correction(nn.Module):
    """Says from keypoints and numbers by how much keypoints are to be moved: stitching, eyes, lips."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        number = 0
        while f"mlp.{number}.weight" in weights or not number:
            layers += [Linear(weights.below(f"mlp.{number}")), nn.ReLU()]
            number += 2
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, keypoints: Tensor, others: Tensor) -> Tensor:
        """Return its numbers, [N, n]; ``others`` is [N, m]."""
        x = torch.cat([keypoints.reshape(sizes(keypoints)[0], -1), others], 1)
        return self.layers(x[:, :, None, None])[:, :, 0, 0]

    def delta(self, keypoints: Tensor, ratios: Tensor) -> Tensor:
        """Return how keypoints, [N, 21, 3], are to be moved for these ratios."""
        return self(keypoints, ratios).reshape(-1, POINTS, 3)


def stitched(stitching: Correction, source: Tensor, driving: Tensor) -> Tensor:
    """Return by how much driving keypoints are to be moved to keep the shoulders in place, [N, 21, 3]."""
    told = stitching(source, driving.reshape(sizes(driving)[0], -1))
    each, all_ = told.split([3 * POINTS, 2], 1)
    return each.reshape(-1, POINTS, 3) + F.pad(all_, (0, 1))[:, None]
