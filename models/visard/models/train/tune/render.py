"""What a correction would make of views, differentiably: their pixels move with the mesh and change in light.

To first order: the triangles are those of the mesh as it was, which suffices for a few pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.train.tune.views import SIDE, View

_FOLLOWED = [EYE_RING_LEFT, EYE_RING_RIGHT, [1], [61], [291]]
"""Points of the mesh that eyes, nose and corners of the mouth move with."""
_GREY = torch.tensor([0.114, 0.587, 0.299]).view(1, 3, 1, 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Views as tensors; pictures are BGR 0..1, [n, 3, 160, 160]."""

    swapped: Tensor
    driver: Tensor
    mask: Tensor
    corners: Tensor
    weights: Tensor
    uv: Tensor
    turn: Tensor
    five: Tensor
    weight: Tensor

    @classmethod
    def of(cls, views: Sequence[View]) -> "Batch":
        """Put views together."""

        def stacked(name: str) -> Tensor:
            return torch.from_numpy(np.stack([np.asarray(getattr(view, name)) for view in views])).float()

        return cls(
            swapped=stacked("swapped").permute(0, 3, 1, 2) / 255,
            driver=stacked("driver").permute(0, 3, 1, 2) / 255,
            mask=stacked("mask")[:, None] / 255,
            corners=stacked("corners").long(),
            weights=stacked("weights"),
            uv=stacked("uv"),
            turn=stacked("turn"),
            five=stacked("five"),
            weight=stacked("weight"),
        )


def render(batch: Batch, shape: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pictures with a correction, [n, 3, 160, 160], and the five points in them, [n, 5, 2].

    ``shape`` [468, 3] and ``light`` [48, 48] are as in ``Correction``.
    """
    pixels = torch.einsum("ic,nrc->nir", shape, batch.turn)
    lit = batch.swapped + _light(batch, light) * (batch.swapped * _GREY).sum(1, True)
    pictures = F.grid_sample(lit, _sources(batch, pixels), align_corners=False, padding_mode="border")
    moved = torch.stack([pixels[:, points].mean(1) for points in _FOLLOWED], 1)
    return pictures, batch.five + moved


def _sources(batch: Batch, pixels: Tensor) -> Tensor:
    """Where each pixel comes from, as ``grid_sample`` wants it; ``pixels`` [n, 468, 2] is how points move."""
    points = F.pad(pixels, (0, 0, 0, 36))  # the rim stays
    fetched = torch.stack([each[corners] for each, corners in zip(points, batch.corners, strict=True)])
    coarse = (fetched * batch.weights[..., None]).sum(3).permute(0, 3, 1, 2)
    moved = F.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return (torch.stack([columns, rows], -1) - moved.permute(0, 2, 3, 1) + 0.5) * 2 / SIDE - 1


def _light(batch: Batch, light: Tensor) -> Tensor:
    """How much each pixel changes in light, as a share, [n, 1, 160, 160]."""
    everywhere = light[None, None].expand(len(batch.uv), 1, *light.shape)
    drawn = F.grid_sample(everywhere, batch.uv * 2 - 1, align_corners=False)
    drawn = drawn * (batch.uv[..., :1] >= 0).permute(0, 3, 1, 2)
    return F.interpolate(drawn, size=(SIDE, SIDE), mode="bilinear", align_corners=False) * batch.mask
