"""The large networks of LivePortrait: features of the source, their warping, and the picture drawn of them.

A volume is [N, C, 16, 64, 64]; its coordinates are x (right), y (down), z (in), in -1..1 with these on the
middles of the outermost voxels. Both samplings take -1 and 1 for the outer edges instead, as in training.
Imported only where a checkpoint is exported.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from visard.models.animate._torch_layers import folded, line, norm, numbers, sizes
from visard.models.torch_weights import Weights

DEPTH, SIDE = 16, 64
"""Of a volume."""
_VARIANCE = 0.01
"""Of the Gaussians that show keypoints to the dense motion network."""
_BEND = 0.2
"""Slope of the generator's activations below zero."""


def convolution(weight: Tensor, bias: Tensor | None) -> nn.Module:
    """Return a convolution of pictures or volumes that keeps the size."""
    out, came, *taps = weight.shape
    kind = nn.Conv2d if len(taps) == 2 else nn.Conv3d
    layer = kind(came, out, tuple(taps), padding=tuple(size // 2 for size in taps), bias=bias is not None)
    layer.weight.data = weight
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


def plain(weights: Weights) -> nn.Module:
    """Return a convolution as it is in a checkpoint."""
    return convolution(weights["weight"], weights.get("bias"))


def normed(weights: Weights, *, conv: str = "conv", slope: float = 0.0) -> nn.Module:
    """Return convolution, batch norm, and an activation with a slope below zero."""
    layer = convolution(*folded(weights.below(conv), weights.below("norm")))
    return nn.Sequential(layer, nn.LeakyReLU(slope) if slope else nn.ReLU())


class Residual(nn.Module):
    """Adds to a volume what two convolutions, each after norm and ReLU, make of it."""

    factor: Tensor
    shift: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name, each in zip(("factor", "shift"), norm(weights.below("norm1")), strict=True):
            self.register_buffer(name, each.float()[:, None, None, None])
        self.first = convolution(*folded(weights.below("conv1"), weights.below("norm2")))
        self.second = plain(weights.below("conv2"))

    def forward(self, x: Tensor) -> Tensor:
        """Return a volume of the same shape."""
        inner = torch.relu(x * self.factor + self.shift)
        return x + self.second(torch.relu(self.first(inner)))


class AppearanceExtractor(nn.Module):
    """Makes of a picture, [N, 3, 256, 256], the volume of its features."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        down = [nn.Sequential(normed(each), nn.AvgPool2d(2)) for each in weights.each("down_blocks.")]
        self.flat = nn.Sequential(normed(weights.below("first")), *down, plain(weights.below("second")))
        self.residuals = nn.Sequential(*map(Residual, weights.each("resblocks_3d.3dr")))

    def forward(self, picture: Tensor) -> Tensor:
        """Return the volume."""
        x = self.flat(picture)
        batch, _, high, wide = sizes(x)
        return self.residuals(x.reshape(batch, -1, DEPTH, high, wide))


class Up(nn.Module):
    """Doubles height and width by nearest neighbours before a convolution, norm and ReLU."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.conv = normed(weights)

    def forward(self, x: Tensor) -> Tensor:
        """Return the larger volume."""
        return self.conv(F.interpolate(x, scale_factor=(1.0, 2.0, 2.0)))


class Hourglass(nn.Module):
    """Down and up again in height and width; what was there on the way is joined, the input last."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.down = nn.ModuleList(map(normed, weights.each("encoder.down_blocks.")))
        self.up = nn.ModuleList(map(Up, weights.each("decoder.up_blocks.")))
        self.last = normed(weights.below("decoder"))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the input's size."""
        kept = [x]
        for block in self.down:
            kept.append(F.avg_pool3d(block(kept[-1]), (1, 2, 2)))
        x = kept.pop()
        for block in self.up:
            x = torch.cat([block(x), kept.pop()], 1)
        return self.last(x)


def nearness(points: Tensor) -> Tensor:
    """Return Gaussians around keypoints, [N, K, 3], in a volume: [N, K, 16, 64, 64]; exact, axis by axis."""
    x, y, z = (
        torch.exp((line(count) - points[:, :, axis, None]) ** 2 * (-0.5 / _VARIANCE))
        for axis, count in enumerate((SIDE, SIDE, DEPTH))
    )
    return z[:, :, :, None, None] * (y[:, :, None, :, None] * x[:, :, None, None, :])


def weights_along(places: Tensor, count: int) -> Tensor:
    """Return how much of ``count`` voxels in a line places between -1 and 1 show, [..., count]."""
    voxel = ((places + 1) * count - 1) / 2
    away = voxel[..., None] - numbers(count)
    return torch.relu(1 - torch.abs(away))


def shifted(volume: Tensor, along: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return a volume [N, C, ...] sampled at its own places, moved in M ways: [N, M, C, ...].

    Places that are all moved alike differ along each axis by itself, so that linear sampling is three small
    products; ``along`` has what voxels show, for x, y and z, [N, M, places, voxels].
    """
    x, y, z = along
    batch, motions = sizes(x)[:2]
    moved = torch.matmul(volume.reshape(batch, 1, -1, SIDE), x.transpose(-1, -2))
    moved = moved.reshape(batch * motions, -1, SIDE, SIDE)
    moved = torch.matmul(y.reshape(batch * motions, 1, SIDE, SIDE), moved)
    moved = moved.reshape(batch * motions, -1, DEPTH, SIDE * SIDE)
    moved = torch.matmul(z.reshape(batch * motions, 1, DEPTH, DEPTH), moved)
    return moved.reshape(batch, motions, -1, DEPTH, SIDE, SIDE)


def identity() -> Tensor:
    """Return the places of a volume's voxels, [16, 64, 64, 3]."""
    z, y, x = torch.meshgrid(line(DEPTH), line(SIDE), line(SIDE), indexing="ij")
    return torch.stack([x, y, z], -1)


class Shifts(nn.Module):
    """What follows from keypoints alone; in fp32, as coordinates need it."""

    def forward(
        self, near: Tensor, source: Tensor, driving: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return each motion's shift, [N, 22, 3], its heatmap, and what voxels show along each axis.

        The background, which stays, comes first.
        """
        shifts = F.pad(source - driving, (0, 0, 1, 0))
        heat = F.pad(nearness(driving) - near, (0, 0, 0, 0, 0, 0, 1, 0))
        x, y, z = (
            weights_along(line(count) + shifts[:, :, axis, None], count)
            for axis, count in enumerate((SIDE, SIDE, DEPTH))
        )
        return shifts, heat, (x, y, z)


class Places(nn.Module):
    """Where the voxels of the moved volume come from; in fp32."""

    def forward(self, share: Tensor, shifts: Tensor) -> Tensor:
        """Return the mean of all motions' places, [N, 16, 64, 64, 3]; as shares add up to 1, shifts do."""
        return identity() + (share[..., None] * shifts[:, :, None, None, None]).sum(1)


class Sample(nn.Module):
    """Samples a volume; in fp32, for its places.

    Layers become channels of a picture, which is sampled at x and y; how much of each layer shows follows
    from z. This is the same, and engines that sample no volumes have it.
    """

    def forward(self, volume: Tensor, places: Tensor) -> Tensor:
        """Return a volume [N, C, ...] at places [N, 16, 64, 64, 3], linear between voxels, zero outside."""
        batch, channels = sizes(volume)[:2]
        across, along = places.split([2, 1], -1)
        flat = volume.reshape(batch, channels * DEPTH, SIDE, SIDE)
        seen = F.grid_sample(flat, across.reshape(batch, DEPTH * SIDE, SIDE, 2), align_corners=False)
        share = weights_along(along.reshape(batch, DEPTH * SIDE, SIDE), DEPTH).permute(0, 3, 1, 2)
        summed = (seen.reshape(batch, channels, DEPTH, DEPTH * SIDE, SIDE) * share[:, None]).sum(2)
        return summed.reshape(batch, channels, DEPTH, SIDE, SIDE)


class DenseMotion(nn.Module):
    """Finds where every voxel of the moved volume comes from."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.compress = normed(weights, conv="compress")
        self.shifts, self.places = Shifts(), Places()
        self.hourglass = Hourglass(weights.below("hourglass"))
        self.mask, self.occlusion = plain(weights.below("mask")), plain(weights.below("occlusion"))

    def forward(
        self, small: Tensor, near: Tensor, source: Tensor, driving: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return places, [N, 16, 64, 64, 3], how much shows, [N, 1, 64, 64], and each motion's share.

        ``small`` is the source's compressed volume, ``near`` is around the source's keypoints.
        """
        shifts, heat, along = self.shifts(near, source, driving)
        seen = torch.cat([heat[:, :, None], shifted(small, along)], 2)
        x = self.hourglass(seen.flatten(1, 2))
        share = torch.softmax(self.mask(x), 1)
        shown = torch.sigmoid(self.occlusion(x.flatten(1, 2)))
        return self.places(share, shifts), shown, share


class Warping(nn.Module):
    """Moves the source's features to where the driver's keypoints are."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.motion, self.sample = DenseMotion(weights.below("dense_motion_network")), Sample()
        self.third = normed(weights.below("third"), slope=0.01)
        self.fourth = plain(weights.below("fourth"))

    def forward(self, volume: Tensor, small: Tensor, near: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """Return features, [N, 256, 64, 64]; the other arguments are ``DenseMotion``'s."""
        places, shown, _ = self.motion(small, near, source, driving)
        return self.fourth(self.third(self.sample(volume, places).flatten(1, 2))) * shown


def unspectral(weights: Weights) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a convolution, divided by the norm that the stored vectors tell."""
    weight = weights["weight_orig"].double()
    size = weights["weight_u"].double() @ (weight.flatten(1) @ weights["weight_v"].double())
    return (weight / size).float(), weights.get("bias")


class Modulated(nn.Module):
    """Instance norm whose factors and shifts follow from the features at each place; then an activation."""

    def __init__(self, weights: Weights, *, bent: bool = True) -> None:
        super().__init__()
        self.shared = nn.Sequential(plain(weights.below("mlp_shared.0")), nn.ReLU())
        both = (weights.below("mlp_gamma"), weights.below("mlp_beta"))
        self.both = convolution(*(torch.cat([each[kind] for each in both]) for kind in ("weight", "bias")))
        self.channels = len(both[0]["bias"])
        self.bend: nn.Module = nn.LeakyReLU(_BEND) if bent else nn.Identity()

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """Return features of the shape of ``x``."""
        factor, shift = self.both(self.shared(features)).split(self.channels, 1)
        return self.bend(F.instance_norm(x, eps=1e-5) * (1 + factor) + shift)


class SpadeBlock(nn.Module):
    """A residual block of modulated convolutions."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.norms = nn.ModuleList([Modulated(weights.below(f"norm_{number}")) for number in (0, 1)])
        self.convs = nn.ModuleList(
            [convolution(*unspectral(weights.below(f"conv_{number}"))) for number in (0, 1)]
        )
        self.short_norm: nn.Module | None = None
        self.short: nn.Module | None = None
        if "conv_s.weight_orig" in weights:
            self.short_norm = Modulated(weights.below("norm_s"), bent=False)
            self.short = convolution(*unspectral(weights.below("conv_s")))

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """Return features, at the size of ``x``."""
        high, wide = sizes(x)[2:]
        if sizes(features)[2] != high:
            features = F.interpolate(features, (high, wide))
        short = x
        if self.short is not None and self.short_norm is not None:
            short = self.short(self.short_norm(x, features))
        for modulated, conv in zip(self.norms, self.convs, strict=True):
            x = conv(modulated(x, features))
        return short + x


class Generator(nn.Module):
    """Draws the picture."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.first = plain(weights.below("fc"))
        self.middle = nn.ModuleList(map(SpadeBlock, weights.each("G_middle_")))
        self.up = nn.ModuleList(map(SpadeBlock, weights.each("up_")))
        self.last = plain(weights.below("conv_img.0"))

    def forward(self, features: Tensor) -> Tensor:
        """Return the picture, [N, 3, 512, 512], of features, [N, 256, 64, 64]."""
        x = self.first(features)
        for block in self.middle:
            x = block(x, features)
        for block in self.up:
            x = block(F.interpolate(x, scale_factor=2.0), features)
        return torch.sigmoid(F.pixel_shuffle(self.last(F.leaky_relu(x, _BEND)), 2))
