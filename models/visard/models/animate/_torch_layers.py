"""Layers that animators' networks share; imported only where a checkpoint is exported.

Pictures are fp32 [N, 3, H, W], RGB, 0..1, and as bytes [N, H, W, 3], BGR.
"""

import numpy as np
import torch
from torch import Tensor

from visard.models.torch_weights import Weights

_EPSILON = 1e-5


def to_picture(image: Tensor) -> Tensor:
    """Return bytes as a picture."""
    return image.float().permute(0, 3, 1, 2)[:, [2, 1, 0]] / 255


def to_bytes(picture: Tensor) -> Tensor:
    """Return a picture as bytes, cut off and not rounded, as the models' authors have it."""
    return (picture * 255).floor().clamp(0, 255)[:, [2, 1, 0]].permute(0, 2, 3, 1).to(torch.uint8)


def norm(weights: Weights) -> tuple[Tensor, Tensor]:
    """Return factor and shift of each channel by which a batch norm acts."""
    factor = weights["weight"] / torch.sqrt(weights["running_var"].double() + _EPSILON)
    return factor, weights["bias"] - factor * weights["running_mean"]


def folded(convolution: Weights, batch_norm: Weights) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution with the batch norm that follows it."""
    factor, shift = norm(batch_norm)
    weight = convolution["weight"]
    wide = factor.reshape(-1, *[1] * (weight.dim() - 1))
    return (weight * wide).float(), (convolution["bias"] * factor + shift).float()


def sizes(x: Tensor) -> tuple[int, ...]:
    """Return the shape as numbers that an exporter takes for constants."""
    return tuple(map(int, x.shape))


def line(count: int) -> Tensor:
    """Return coordinates from -1 to 1, these on the outermost pixels; a constant to an exporter."""
    return torch.from_numpy(np.linspace(-1, 1, count, dtype=np.float32))


def numbers(count: int) -> Tensor:
    """Return 0, 1, 2 and so on; a constant to an exporter."""
    return torch.from_numpy(np.arange(count, dtype=np.float32))


def product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply small matrices, [..., n, n], without a matrix product, which Turing has not in fp32."""
    return (left[..., None] * right[..., None, :, :]).sum(-2)
