"""Layers of DeepFaceLab's networks, under its names, so that its weights fit.

Pictures and features are [N, C, H, W]. Depth-to-space has the four pixels of a channel side by side, as
PyTorch has it; TensorFlow's order differs, which only matters to whoever reads weights of its files.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAK = 0.1
RESIDUAL_LEAK = 0.2
NORM_EPSILON = 1e-6
_SMALL = {".conv2": 0.1, "out_conv": 0.3}
"""Layers, by parts of their names, whose first weights are so much smaller."""


class Activation(nn.Module):
    """Leaky ReLU, or ``x*cos(x)`` with the flag c."""

    def __init__(self, cosine: bool, leak: float = LEAK) -> None:
        super().__init__()
        self.cosine, self.leak = cosine, leak

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return x * torch.cos(x) if self.cosine else functional.leaky_relu(x, self.leak)


class Downscale(nn.Module):
    """Halves the sides: a convolution of 5, stride 2."""

    def __init__(self, came: int, go: int, cosine: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(came, go, 5, 2, 2)
        self.act = Activation(cosine)

    def forward(self, x: Tensor) -> Tensor:
        """[N, came, H, W] -> [N, go, H/2, W/2]."""
        return self.act(self.conv1(x))


class Upscale(nn.Module):
    """Doubles the sides: a convolution to four times the channels, then depth to space."""

    def __init__(self, came: int, go: int, cosine: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(came, go * 4, 3, 1, 1)
        self.act = Activation(cosine)

    def forward(self, x: Tensor) -> Tensor:
        """[N, came, H, W] -> [N, go, 2H, 2W]."""
        return functional.pixel_shuffle(self.act(self.conv1(x)), 2)


class Residual(nn.Module):
    """Two convolutions of 3 beside the way straight on."""

    def __init__(self, channels: int, cosine: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))
        self.act = Activation(cosine, RESIDUAL_LEAK)

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        return self.act(x + self.conv2(self.act(self.conv1(x))))


class _Downscales(nn.Module):
    """The encoder's four layers without the flag t."""

    def __init__(self, channels: Iterable[int], cosine: bool) -> None:
        super().__init__()
        came = 3
        self.layers = []
        for number, go in enumerate(channels):
            self.layers.append(Downscale(came, go, cosine))
            self.add_module(f"downs_{number}", self.layers[-1])
            came = go


class Encoder(nn.Module):
    """A picture to a flat code; ``residuals``: the flag t, ``normalised``: u, ``dense``: AMP's last layer."""

    def __init__(
        self, side: int, e: int, *, residuals: bool, normalised: bool, cosine: bool, dense: int = 0
    ) -> None:
        super().__init__()
        self.normalised = normalised
        if residuals:
            came = 3
            for number, go in enumerate((e, e * 2, e * 4, e * 8, e * 8), start=1):
                self.add_module(f"down{number}", Downscale(came, go, cosine))
                came = go
            self.res1, self.res5 = Residual(e, cosine), Residual(e * 8, cosine)
            names = "down1", "res1", "down2", "down3", "down4", "down5", "res5"
            self.order: list[nn.Module] = [getattr(self, name) for name in names]
        else:
            self.down1 = _Downscales((e, e * 2, e * 4, e * 8), cosine)
            self.order = list(self.down1.layers)
        self.low = side // (32 if residuals else 16)
        self.length = e * 8 * self.low**2
        self.dense1 = nn.Linear(self.length, dense) if dense else None

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, side, side] -> [N, length], or [N, dense]."""
        for layer in self.order:
            x = layer(x)
        x = x.flatten(1)
        if self.normalised:
            x = pixel_norm(x)
        return self.dense1(x) if self.dense1 else x


class Inter(nn.Module):
    """A code to the features that a decoder begins with; AMP's has one dense layer, and no upscaling."""

    def __init__(
        self, length: int, ae: int | None, channels: int, low: int, *, upscaled: bool, cosine: bool
    ) -> None:
        super().__init__()
        self.shape = channels, low, low
        self.dense1 = nn.Linear(length, ae) if ae else None
        self.dense2 = nn.Linear(ae or length, channels * low * low)
        self.upscale1 = Upscale(channels, channels, cosine) if upscaled else None

    def forward(self, code: Tensor) -> Tensor:
        """[N, length] -> [N, channels, low or 2 low, same]."""
        if self.dense1:
            code = self.dense1(code)
        x = self.dense2(code).reshape(-1, *self.shape)
        return self.upscale1(x) if self.upscale1 else x


class Decoder(nn.Module):
    """Features to a picture and a mask, both 0..1; ``parts``: the flag d, ``residuals``: the flag t."""

    def __init__(self, came: int, d: int, mask: int, *, parts: bool, residuals: bool, cosine: bool) -> None:
        super().__init__()
        wide = [8, 8, 4, 2] if residuals else [8, 4, 2]
        self.stages = len(wide)
        self.mask_stages = self.stages + parts
        self._add("upscale", came, [d * each for each in wide], cosine)
        self._add("upscalem", came, [mask * each for each in (*wide, 1)[: self.mask_stages]], cosine)
        for number, each in enumerate(wide):
            self.add_module(f"res{number}", Residual(d * each, cosine))
        self.out_conv = nn.Conv2d(d * 2, 3, 1)
        self.heads = [self.out_conv]
        if parts:
            self.out_conv1, self.out_conv2, self.out_conv3 = (nn.Conv2d(d * 2, 3, 3, 1, 1) for _ in range(3))
            self.heads += [self.out_conv1, self.out_conv2, self.out_conv3]
        self.out_convm = nn.Conv2d(mask * (1 if parts else 2), 1, 1)

    def _add(self, name: str, came: int, channels: list[int], cosine: bool) -> None:
        for number, go in enumerate(channels):
            self.add_module(f"{name}{number}", Upscale(came, go, cosine))
            came = go

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N, came, h, w] -> fp32 [N, 3, H, W] and [N, 1, H, W]."""
        return self.picture(x), self.mask(x)

    def picture(self, x: Tensor) -> Tensor:
        """[N, came, h, w] -> fp32 [N, 3, H, W]."""
        for number in range(self.stages):
            x = getattr(self, f"res{number}")(getattr(self, f"upscale{number}")(x))
        return self._join(x).float().sigmoid()

    def mask(self, x: Tensor) -> Tensor:
        """[N, came, h, w] -> fp32 [N, 1, H, W]."""
        for number in range(self.mask_stages):
            x = getattr(self, f"upscalem{number}")(x)
        return self.out_convm(x).float().sigmoid()

    def _join(self, x: Tensor) -> Tensor:
        if len(self.heads) == 1:
            return self.out_conv(x)
        pixels = torch.stack([head(x) for head in self.heads], 2)
        return functional.pixel_shuffle(pixels.flatten(1, 2), 2)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale each code to a mean square of 1, in fp32."""
    wide = x.float()
    return wide * torch.rsqrt(wide.square().mean(1, keepdim=True) + NORM_EPSILON)


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Fill weights so that signals keep their size on the way (He et al. 2015), and biases with zeros.

    By Glorot's rule, which DeepFaceLab has, upscaling layers halve them, and a network first learns for
    thousands of steps to look at its input at all. What is added to the way straight on, and the last
    layers, before a sigmoid, begin small.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            inputs = module.weight[0].numel()
            gain = 1.0 if isinstance(module, nn.Linear) else math.sqrt(2)
            for part, share in _SMALL.items():
                gain *= share if part in name else 1
            nn.init.normal_(module.weight, 0, gain / math.sqrt(inputs), generator=generator)
            nn.init.zeros_(module.bias)
