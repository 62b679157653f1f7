"""The First Order Motion Model (Siarohin et al., 2019) for inference: torch modules made from weights.

They are not trained and hold nothing that a picture does not need: batch norms are folded into the layer
before them, heads that look at the same features are one convolution, and a convolution after a doubling by
nearest neighbours is one transposed convolution, which has 4 products for 9.
Coordinates are x, y in -1..1 with these on the middles of the outermost pixels. Pictures are fp32
[N, 3, H, W], RGB, 0..1. Imported only where a checkpoint is exported.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from visard.models.animate._torch_layers import folded, line, norm, product, sizes
from visard.models.torch_weights import Weights

_TEMPERATURE = 0.1
"""What the logits of keypoints are divided by."""
_VARIANCE = 0.01
"""Of the Gaussians that show keypoints to the dense motion network."""


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Where keypoints are, and how the picture around them is turned and stretched."""

    value: Tensor
    """[N, K, 2]"""
    jacobian: Tensor | None
    """[N, K, 2, 2]; None where the model has none."""


def conv(weight: Tensor, bias: Tensor, *, padded: bool = True) -> nn.Conv2d:
    """Return a convolution that keeps the size; not ``padded``, it takes the rim off."""
    out, came, high, wide = weight.shape
    layer = nn.Conv2d(came, out, (high, wide), padding=(high // 2, wide // 2) if padded else 0)
    layer.weight.data, layer.bias = weight, nn.Parameter(bias)
    return layer


def same(weights: Weights) -> nn.Module:
    """Return a block that keeps the size: convolution, norm, ReLU."""
    return nn.Sequential(conv(*folded(weights.below("conv"), weights.below("norm"))), nn.ReLU())


def down(weights: Weights) -> nn.Module:
    """Return a block that halves the size, by the mean of four."""
    return nn.Sequential(same(weights), nn.AvgPool2d(2))


def up(weights: Weights) -> nn.Module:
    """Return a block that doubles the size by nearest neighbours before its 3x3 convolution."""
    weight, bias = folded(weights.below("conv"), weights.below("norm"))
    out, came = weight.shape[:2]
    layer = nn.ConvTranspose2d(came, out, 4, stride=2, padding=1)
    spread = F.conv2d(weight.reshape(-1, 1, 3, 3).flip(2, 3), torch.ones(1, 1, 2, 2), padding=1)
    layer.weight.data = spread.reshape(out, came, 4, 4).transpose(0, 1).contiguous()
    layer.bias = nn.Parameter(bias)
    return nn.Sequential(layer, nn.ReLU())


def last(weights: Weights) -> nn.Module:
    """Return a convolution that keeps the size, computed for four pixels at a time.

    Processors fill whole registers with the channels of a pixel; the three of a picture leave most empty.
    """
    weight, bias = weights["weight"], weights["bias"]
    out, came, taps, _ = weight.shape
    wide = torch.zeros(out, 2, 2, came, taps + 1, taps + 1)
    for y in (0, 1):
        for x in (0, 1):
            wide[:, y, x, :, y : y + taps, x : x + taps] = weight
    layer = nn.Conv2d(came, 4 * out, taps + 1, stride=2, padding=taps // 2)
    layer.weight.data, layer.bias = wide.flatten(0, 2), nn.Parameter(bias.repeat_interleave(4))
    return nn.Sequential(layer, nn.PixelShuffle(2))


def heads(weights: Weights, *names: str, padded: bool) -> nn.Conv2d:
    """Return convolutions of the same features as one, those that are there."""
    found = [weights.below(name) for name in names if f"{name}.weight" in weights or name == names[0]]
    weight, bias = (torch.cat([each[kind] for each in found]) for kind in ("weight", "bias"))
    return conv(weight, bias, padded=padded)


def grid(high: int, wide: int) -> Tensor:
    """Return the coordinates of a picture's pixels, [high, wide, 2]; a constant to an exporter."""
    return torch.stack(torch.meshgrid(line(wide), line(high), indexing="xy"), -1)


def inverse(matrix: Tensor) -> Tensor:
    """Invert 2x2 matrices, [..., 2, 2]."""
    a, b, c, d = matrix.flatten(-2).split(1, -1)
    adjoint = torch.cat([d, -b, -c, a], -1) / (a * d - b * c)
    return adjoint.reshape(sizes(matrix))


class Reduce(nn.Module):
    """Makes a picture smaller: a blur, of which every n-th pixel is taken."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        weight = weights["weight"]
        channels, _, taps, _ = weight.shape
        # The blur's deviation is (n - 1) / 2, and it has four of them on either side, rounded.
        every = (taps - 1) // 4 + 1
        self.blur = nn.Conv2d(
            channels, channels, taps, stride=every, padding=taps // 2, groups=channels, bias=False
        )
        self.blur.weight.data = weight

    def forward(self, picture: Tensor) -> Tensor:
        """Return the smaller picture."""
        return self.blur(picture)


class Hourglass(nn.Module):
    """Down and up again; what was there on the way is joined, the input last."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.down = nn.ModuleList(map(down, weights.each("encoder.down_blocks.")))
        self.up = nn.ModuleList(map(up, weights.each("decoder.up_blocks.")))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the size of the input, its channels among them."""
        kept = [x]
        for block in self.down:
            kept.append(block(kept[-1]))
        x = kept.pop()
        for block in self.up:
            x = torch.cat([block(x), kept.pop()], 1)
        return x


class KeypointDetector(nn.Module):
    """Finds keypoints and their Jacobians in a picture."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.reduce = Reduce(weights.below("down"))
        self.predictor = Hourglass(weights.below("predictor"))
        self.heads = heads(weights, "kp", "jacobian", padded=False)
        self.count = len(weights["kp.bias"])
        self.maps = len(weights["jacobian.bias"]) // 4 if "jacobian.bias" in weights else 0
        """Of Jacobians: none, one for all keypoints, or one for each."""

    def forward(self, picture: Tensor) -> Keypoints:
        """Return the mean places under each keypoint's heatmap, and the mean Jacobians there."""
        maps = self.heads(self.predictor(self.reduce(picture)))
        batch, channels, high, wide = sizes(maps)
        logits, rest = maps.reshape(batch, channels, -1).split([self.count, 4 * self.maps], 1)
        heat = torch.softmax(logits / _TEMPERATURE, -1)
        value = (heat[..., None] * grid(high, wide).reshape(-1, 2)).sum(2)
        if not self.maps:
            return Keypoints(value, None)
        jacobian = (rest.reshape(batch, self.maps, 4, -1) * heat[:, :, None]).sum(-1)
        return Keypoints(value, jacobian.reshape(batch, self.count, 2, 2))


class DenseMotion(nn.Module):
    """Finds where every pixel of the moved picture comes from, at the size of the reduced picture."""

    def __init__(self, weights: Weights, *, align_corners: bool) -> None:
        super().__init__()
        self.reduce = Reduce(weights.below("down"))
        self.hourglass = Hourglass(weights.below("hourglass"))
        self.heads = heads(weights, "mask", "occlusion", padded=True)
        self.align_corners = align_corners
        self.motions = len(weights["mask.bias"])

    def forward(self, small: Tensor, source: Keypoints, driving: Keypoints) -> tuple[Tensor, Tensor | None]:
        """Return places in the source, [N, h, w, 2], and how much of it shows, [N, 1, h, w] or None."""
        batch, channels, high, wide = sizes(small)
        motions = _sparse(grid(high, wide), source, driving)
        heat = _gaussians(grid(high, wide), driving.value) - _gaussians(grid(high, wide), source.value)
        heat = F.pad(heat, (0, 0, 0, 0, 1, 0))
        moved = self.sample(small, motions.reshape(batch, -1, wide, 2))
        moved = moved.reshape(batch, channels, self.motions, high, wide).transpose(1, 2)
        x = self.hourglass(torch.cat([heat[:, :, None], moved], 2).reshape(batch, -1, high, wide))
        maps = self.heads(x)
        mask = torch.softmax(maps[:, : self.motions], 1)
        places = (mask[..., None] * motions).sum(1)
        shown = torch.sigmoid(maps[:, self.motions :]) if sizes(maps)[1] > self.motions else None
        return places, shown

    def sample(self, picture: Tensor, places: Tensor) -> Tensor:
        """Return what is at these places, linearly between pixels, zero outside."""
        return F.grid_sample(picture, places, align_corners=self.align_corners)


def _gaussians(places: Tensor, value: Tensor) -> Tensor:
    """Return how near pixels are to keypoints, [N, K, h, w]."""
    away = places - value[:, :, None, None]
    return torch.exp((away * away).sum(-1) * (-0.5 / _VARIANCE))


def _sparse(places: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
    """Return the motion around each keypoint, the still background first: [N, K + 1, h, w, 2]."""
    batch, count, _ = sizes(source.value)
    high, wide, _ = sizes(places)
    away = places.reshape(-1, 2) - driving.value[:, :, None]
    if source.jacobian is not None and driving.jacobian is not None:
        turn = product(source.jacobian, inverse(driving.jacobian))
        away = (turn[:, :, None] * away[..., None, :]).sum(-1)
    moved = (away + source.value[:, :, None]).reshape(batch, count, high, wide, 2)
    return torch.cat([places.expand(batch, 1, high, wide, 2), moved], 1)


class Residual(nn.Module):
    """Adds to its input what two convolutions, each after norm and ReLU, make of it."""

    factor: Tensor
    shift: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name, each in zip(("factor", "shift"), norm(weights.below("norm1")), strict=True):
            self.register_buffer(name, each.float()[:, None, None])
        self.first = conv(*folded(weights.below("conv1"), weights.below("norm2")))
        self.second = conv(weights["conv2.weight"], weights["conv2.bias"])

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        inner = torch.relu(x * self.factor + self.shift)
        return x + self.second(torch.relu(self.first(inner)))


class Generator(nn.Module):
    """Draws the moved picture from the source's features."""

    def __init__(self, weights: Weights, *, align_corners: bool) -> None:
        super().__init__()
        self.motion = DenseMotion(weights.below("dense_motion_network"), align_corners=align_corners)
        self.encoder = nn.Sequential(same(weights.below("first")), *map(down, weights.each("down_blocks.")))
        self.bottleneck = nn.Sequential(*map(Residual, weights.each("bottleneck.r")))
        self.decoder = nn.Sequential(*map(up, weights.each("up_blocks.")))
        self.last = last(weights.below("final"))

    def warp(self, features: Tensor, small: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
        """Return the encoder's features moved, zero where they do not show; ``small``: the reduced source."""
        places, shown = self.motion(small, source, driving)
        size = sizes(features)[2:]
        if sizes(places)[1:3] != size:
            places = F.interpolate(places.permute(0, 3, 1, 2), size, mode="bilinear").permute(0, 2, 3, 1)
            shown = shown if shown is None else F.interpolate(shown, size, mode="bilinear")
        warped = self.motion.sample(features, places)
        return warped if shown is None else warped * shown

    def draw(self, warped: Tensor) -> Tensor:
        """Return the moved picture."""
        return torch.sigmoid(self.last(self.decoder(self.bottleneck(warped))))
