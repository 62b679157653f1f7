"""What training minimises: each loss is fp32 [N], for pictures [N, C, H, W], 0..1.

Weights of the terms are DeepFaceLab's, so that its options mean here what they mean there.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from visard.models.train.networks.base import Outputs
from visard.models.train.options import TrainOptions

_LUMA_RANGE = 0.01**2, 0.03**2
"""The constants that keep SSIM's fractions finite, for pictures 0..1."""
_FINE, _COARSE = 23.2, 11.6
"""A picture's side in windows of SSIM, the fine ones from 256 pixels on."""
_SHARPNESS = 1.5 / 11
"""Deviation of SSIM's window in its sizes, as its authors have it."""
_SIMILARITY, _PIXELS, _MASK, _EYES_MOUTH, _STYLE, _SURROUNDINGS = 10.0, 10.0, 10.0, 300.0, 100.0, 0.1


def dssim(made: Tensor, wanted: Tensor, side: int) -> Tensor:
    """Structural dissimilarity, 0..1, with windows that grow with the picture's ``side``."""
    if side < 256:
        return _dssim(made, wanted, int(side / _COARSE))
    return (_dssim(made, wanted, int(side / _COARSE)) + _dssim(made, wanted, int(side / _FINE))) / 2


def blur(pictures: Tensor, deviation: float) -> Tensor:
    """Blur with a Gaussian; the size stays."""
    size = max(3, round(deviation * 3) * 2 + 1)
    near = min(size // 2, min(pictures.shape[-2:]) - 1)
    return _windowed(functional.pad(pictures, [near] * 4, mode="reflect"), near * 2 + 1, deviation)


def soft_mask(mask: Tensor) -> Tensor:
    """Return a mask that falls off inside its edge only as far as it must, [N, 1, H, W]."""
    side = mask.shape[-1]
    return (blur(mask, max(1.0, side / 64)) * 2).clamp(0, 1)


def picture_loss(
    made: Tensor, wanted: Tensor, mask: Tensor, features: Tensor, options: TrainOptions
) -> Tensor:
    """Return how unlike pictures are; ``features``: 1 on eyes and mouth, [N, 1, H, W]."""
    if options.masked_training:
        soft = soft_mask(mask)
        masked, target = made * soft, wanted * soft
    else:
        masked, target = made, wanted
    loss = _SIMILARITY * dssim(masked, target, options.resolution)
    loss = loss + _PIXELS * _mean((masked - target).square())
    if options.eyes_mouth_prio:
        loss = loss + _EYES_MOUTH * _mean((made - wanted).abs() * features)
    return loss


def mask_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Return how unlike masks are."""
    return _MASK * _mean((made - wanted).square())


def style_loss(made: Tensor, wanted: Tensor, made_mask: Tensor, wanted_mask: Tensor) -> Tensor:
    """Return how unlike two faces are in mean and deviation of their colours, details aside."""
    side = made.shape[-1]
    parts = [_moments(blur(each, side / 16), m) for each, m in ((made, made_mask), (wanted, wanted_mask))]
    apart = [(one - other).square().sum(1) for one, other in zip(*parts, strict=True)]
    return apart[0] + apart[1]


def reconstruction(outputs: Outputs, batch: dict[str, Tensor], options: TrainOptions) -> dict[str, Tensor]:
    """Return losses of both people by name, and the terms that swapped pictures are asked for."""
    losses = {}
    for name in ("src", "dst"):
        wanted, mask, features = batch[name], batch[f"{name}_mask"], batch[f"{name}_features"]
        made, made_mask = getattr(outputs, name), getattr(outputs, f"{name}_mask")
        losses[name] = picture_loss(made, wanted, mask, features, options) + mask_loss(made_mask, mask)
    if options.paired:
        losses["swap"] = picture_loss(
            outputs.swap, batch["src"], batch["src_mask"], batch["src_features"], options
        ) + mask_loss(outputs.swap_mask, batch["src_mask"])
    if options.face_style_power or options.bg_style_power:
        losses["style"] = _style(outputs, batch, options)
    return losses


def wants_swap(options: TrainOptions) -> bool:
    """Whether swapped pictures have to be made."""
    return bool(options.paired or options.face_style_power or options.bg_style_power)


def _style(outputs: Outputs, batch: dict[str, Tensor], options: TrainOptions) -> Tensor:
    own, wanted = outputs.swap_mask.detach(), batch["dst_mask"]
    loss = torch.zeros(len(wanted), device=wanted.device)
    if options.face_style_power:
        faces = style_loss(outputs.swap, batch["dst"], soft_mask(own), soft_mask(wanted))
        loss = loss + _STYLE * options.face_style_power * faces
    if options.bg_style_power:
        around = 1 - soft_mask(torch.maximum(own, wanted))
        made, target = outputs.swap * around, batch["dst"] * around
        apart = dssim(made, target, options.resolution) + _mean((made - target).square())
        loss = loss + _SURROUNDINGS * options.bg_style_power * apart
    return loss


def _moments(pictures: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    weight = mask.sum((2, 3)).clamp_min(1)
    mean = (pictures * mask).sum((2, 3)) / weight
    variance = ((pictures - mean[:, :, None, None]).square() * mask).sum((2, 3)) / weight
    return mean, (variance + 1e-6).sqrt()


def _dssim(made: Tensor, wanted: Tensor, size: int) -> Tensor:
    """All moments in one go: [5N, C, H, W]."""
    together = torch.cat([made, wanted, made * made, wanted * wanted, made * wanted])
    moments = _windowed(together, size, size * _SHARPNESS)
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
