"""What training minimises: each loss is fp32 [N], for pictures [N, C, H, W], 0..1.

Weights of the terms are DeepFaceLab's, so that its options mean here what they mean there.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from visard.models.train.networks.base import Outputs, Swapped
from visard.models.train.options import TrainOptions

_LUMA_RANGE = 0.01**2, 0.03**2
"""The constants that keep SSIM's fractions finite, for pictures 0..1."""
_FINE, _COARSE = 23.2, 11.6
"""A picture's side in windows of SSIM, the fine ones from 256 pixels on."""
_DEVIATION = 1.5
"""Of SSIM's window in pixels, whatever its size."""
_SIMILARITY, _PIXELS, _MASK, _EYES_MOUTH, _STYLE, _SURROUNDINGS = 10.0, 10.0, 10.0, 300.0, 100.0, 0.1
_AROUND = {"src": 0.02, "dst": 0.1}
"""Weights of what is outside masks: of the persona with a GAN, of the driver with AMP."""


def dssim(made: Tensor, wanted: Tensor, side: int, *, fine: bool = False) -> Tensor:
    """Structural dissimilarity, 0..1, in windows that grow with ``side``; ``fine``: in smaller ones too."""
    if side < 256 and not fine:
        return _dssim(made, wanted, int(side / _COARSE))
    return (_dssim(made, wanted, int(side / _COARSE)) + _dssim(made, wanted, int(side / _FINE))) / 2


def blur(pictures: Tensor, deviation: float) -> Tensor:
    """Blur with a Gaussian; the size stays."""
    size = max(3, round(deviation * 2) * 2 + 1)
    near = min(size // 2, min(pictures.shape[-2:]) - 1)
    return _windowed(functional.pad(pictures, [near] * 4, mode="reflect"), near * 2 + 1, deviation)


def soft_mask(mask: Tensor) -> Tensor:
    """Return a mask that is 1 within its edge and falls off outside, [N, 1, H, W]."""
    return (blur(mask, max(1, mask.shape[-1] // 32)) * 2).clamp(0, 1)


def picture_loss(
    made: Tensor, wanted: Tensor, mask: Tensor, features: Tensor, options: TrainOptions
) -> Tensor:
    """Return how unlike pictures are; ``features``: 1 on eyes and mouth, [N, 1, H, W]."""
    if options.masked_training:
        soft = soft_mask(mask)
        masked, target = made * soft, wanted * soft
    else:
        masked, target = made, wanted
    loss = _SIMILARITY * dssim(masked, target, options.resolution, fine=options.archi == "amp")
    loss = loss + _PIXELS * _mean((masked - target).square())
    if options.eyes_mouth_prio:
        loss = loss + _EYES_MOUTH * _mean((made - wanted).abs() * features)
    return loss


def mask_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Return how unlike masks are."""
    return _MASK * _mean((made - wanted).square())


def style_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Return how unlike two faces, cut out, are in mean and deviation of their colours, details aside."""
    parts = [_moments(blur(each, each.shape[-1] // 8)) for each in (made, wanted)]
    apart = [(one - other).square().mean(1) for one, other in zip(*parts, strict=True)]
    return apart[0] + apart[1]


def reconstruction(outputs: Outputs, batch: dict[str, Tensor], options: TrainOptions) -> dict[str, Tensor]:
    """Return losses of both people by name, and the terms that swapped pictures are asked for."""
    losses = {}
    for name in ("src", "dst"):
        wanted, mask, features = batch[name], batch[f"{name}_mask"], batch[f"{name}_features"]
        made, made_mask = getattr(outputs, name), getattr(outputs, f"{name}_mask")
        losses[name] = picture_loss(made, wanted, mask, features, options) + mask_loss(made_mask, mask)
        if options.masked_training and (options.gan_power if name == "src" else options.archi == "amp"):
            apart = ((made - wanted) * (1 - soft_mask(mask))).square()
            losses[name] = losses[name] + _AROUND[name] * _mean(apart)
    if options.face_style_power or options.bg_style_power:
        losses["style"] = _style(outputs, batch, options)
    return losses


def of_pairs(made: Swapped, batch: dict[str, Tensor], options: TrainOptions) -> dict[str, Tensor]:
    """Return the losses of a swap whose result is known."""
    mask = batch["src_mask"]
    picture = picture_loss(made.swap, batch["src"], mask, batch["src_features"], options)
    return {
        "swap": picture + mask_loss(made.swap_mask, mask),
        "mask": mask_loss(made.dst_mask, batch["dst_mask"]),
    }


def wants_swap(options: TrainOptions) -> bool:
    """Whether swapped pictures have to be made."""
    return bool(options.face_style_power or options.bg_style_power)


def _style(outputs: Outputs, batch: dict[str, Tensor], options: TrainOptions) -> Tensor:
    own, wanted = outputs.swap_mask.detach(), batch["dst_mask"]
    loss = torch.zeros(len(wanted), device=wanted.device)
    if options.face_style_power:
        faces = style_loss(outputs.swap * own, (outputs.dst * outputs.dst_mask).detach())
        loss = loss + _STYLE * options.face_style_power * faces
    if options.bg_style_power:
        around = 1 - soft_mask(torch.maximum(own, wanted))
        made, target = outputs.swap * around, batch["dst"] * around
        apart = dssim(made, target, options.resolution) + _mean((made - target).square())
        loss = loss + _SURROUNDINGS * options.bg_style_power * apart
    return loss


def _moments(pictures: Tensor) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(pictures, (2, 3), correction=0)
    return mean, (variance + 1e-5).sqrt()


def _dssim(made: Tensor, wanted: Tensor, size: int) -> Tensor:
    """All moments in one go: [5N, C, H, W]."""
    together = torch.cat([made, wanted, made * made, wanted * wanted, made * wanted])
    moments = _windowed(together, size, _DEVIATION)
    mean_a, mean_b, square_a, square_b, product = moments.chunk(5)
    c1, c2 = _LUMA_RANGE
    means = mean_a * mean_b
    luma = (2 * means + c1) / (mean_a.square() + mean_b.square() + c1)
    variances = square_a + square_b - mean_a.square() - mean_b.square()
    return _mean((1 - luma * (2 * (product - means) + c2) / (variances + c2)) / 2)


def _windowed(pictures: Tensor, size: int, deviation: float) -> Tensor:
    """Weigh each neighbourhood with a Gaussian, along one side and then the other; edges go."""
    channels = pictures.shape[1]
    weights = torch.tensor(_gaussian(size, deviation), device=pictures.device, dtype=pictures.dtype)
    down = weights.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
    across = weights.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return functional.conv2d(functional.conv2d(pictures, down, groups=channels), across, groups=channels)


@cache
def _gaussian(size: int, deviation: float) -> tuple[float, ...]:
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-places.square() / (2 * deviation**2))
    return tuple((weights / weights.sum()).tolist())


def _mean(values: Tensor) -> Tensor:
    return values.mean((1, 2, 3))
