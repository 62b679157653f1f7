"""What judges pictures and codes while training; no part of what is exported."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEAK = 0.2
_WIDEST = 512


class PatchDiscriminator(nn.Module):
    """A U-Net that judges patches in its middle and single pixels at its end (Schoenfeld et al. 2020)."""

    def __init__(self, patch: int, channels: int, side: int) -> None:
        super().__init__()
        deepest = int(math.log2(side)) - 2
        depth = min(max(1, round(math.log2(patch + 1) - 1)), deepest)  # n strided layers see 2**(n+1) - 1
        wide = [min(channels * 2**each, _WIDEST) for each in range(depth + 1)]
        self.first = nn.Conv2d(3, wide[0], 1)
        self.downs = nn.ModuleList(nn.Conv2d(wide[n], wide[n + 1], 3, 2, 1) for n in range(depth))
        self.middle = nn.Conv2d(wide[-1], 1, 1)
        self.ups = nn.ModuleList(
            nn.Conv2d(wide[n + 1] + wide[n], wide[n], 3, 1, 1) for n in reversed(range(depth))
        )
        self.last = nn.Conv2d(wide[0], 1, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 3, H, W] -> logits of patches and of pixels, positive for what looks real."""
        x = _leaky(self.first(pictures))
        beside = []
        for down in self.downs:
            beside.append(x)
            x = _leaky(down(x))
        patches = self.middle(x)
        for up, other in zip(self.ups, reversed(beside), strict=True):
            x = functional.interpolate(x, size=other.shape[-2:], mode="nearest")
            x = _leaky(up(torch.cat([x, other], 1)))
        return patches.float(), self.last(x).float()


class CodeDiscriminator(nn.Module):
    """Tells whose code it is, of what DF's inter makes."""

    def __init__(self, came: int, side: int) -> None:
        super().__init__()
        depth = max(1, int(math.log2(side)) - 1)
        wide = [came, *(min(128 * 2**each, _WIDEST) for each in range(depth))]
        layers: list[nn.Module] = []
        for before, after in pairwise(wide):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(_LEAK)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(wide[-1], 1, 1))

    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        """[N, C, h, w] -> logits, positive for the driver's."""
        return (self.layers(code).float(),)


def judged(logits: tuple[Tensor, ...], real: bool) -> Tensor:
    """Return how far verdicts are from all real, or none, added up, [N]."""
    losses = []
    for each in logits:
        wanted = torch.full_like(each, float(real))
        apart = functional.binary_cross_entropy_with_logits(each, wanted, reduction="none")
        losses.append(apart.mean((1, 2, 3)))
    return torch.stack(losses).sum(0)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, _LEAK)
