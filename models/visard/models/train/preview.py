"""A picture that shows what a network has learned."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from visard.engines.cache import files
from visard.models.train.dataset import Batches
from visard.models.train.networks.base import SwapNetwork

COLUMNS = "src", "src as src", "dst", "dst as dst", "dst as src", "swapped"
PAIRED_COLUMNS = "src", "dst", "dst as src", "swapped"
"""From pairs a network learns nothing else."""
_ROWS = 4


def preview(network: SwapNetwork, batches: Batches, rows: int = _ROWS) -> npt.NDArray[np.uint8]:
    """Return a grid of COLUMNS, [rows * R, columns * R, 3], BGR, of faces spread over both sets."""
    device = next(network.parameters()).device
    faces = {name: _spread(batches, name, rows).to(device) for name in ("src", "dst")}
    own = torch.ones(1, network.morph_channels, 1, 1, device=device) if network.morph_channels else None
    with torch.no_grad():
        made = network(faces["src"], faces["dst"], own, swap=True)
    mask = torch.minimum(made.swap_mask, made.dst_mask)
    worn = made.swap * mask + faces["dst"] * (1 - mask)
    columns = [faces["src"], made.src, faces["dst"], made.dst, made.swap, worn]
    if batches.options.paired:
        columns = [faces["src"], faces["dst"], made.swap, worn]
    grid = torch.cat([torch.cat(list(column), 1) for column in columns], 2)
    return np.ascontiguousarray((grid.permute(1, 2, 0).cpu().numpy() * 255).round().clip(0, 255), np.uint8)


def write_preview(grid: npt.NDArray[np.uint8], folder: Path, step: int) -> Path:
    """Write a grid as PNG, also as ``latest.png``. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    done, content = cv2.imencode(".png", grid)
    path = folder / f"step-{step:09d}.png"
    for each in (path, folder / "latest.png") if done else ():
        with files.replacing(each) as file:
            file.write(content.tobytes())
    return path


def _spread(batches: Batches, name: str, rows: int) -> Tensor:
    count = len(batches.faces[name])
    pictures = [batches.plain(name, row * count // rows)[name] for row in range(rows)]
    return torch.from_numpy(np.stack(pictures))
