"""Reads checkpoints of the First Order Motion Model: torch files, by their own keys and never unpickled.

The eight that are published (vox, vox-adv, taichi, taichi-adv, fashion, mgif, bair, nemo) are dicts of parts;
what was only needed for training is not looked at. All sizes are those of the weights.
"""

from pathlib import Path

from visard.engines.errors import ModelRefused
from visard.models.torch_weights import Weights, as_tensors, read_torch

GENERATOR, DETECTOR = "generator", "kp_detector"
_FAMILY = "a First Order Motion Model"


def read(path: Path) -> dict[str, Weights]:
    """Return the generator and the keypoint detector of a checkpoint.

    Raises ModelRefused for anything else; a file that would run code is refused as well.
    """
    content = read_torch(path)
    parts = content if isinstance(content, dict) else {}
    read = {}
    for part in (GENERATOR, DETECTOR):
        tensors = as_tensors(parts.get(part))
        if tensors is None:
            found = ", ".join(sorted(map(str, parts))[:8]) or type(content).__name__
            raise ModelRefused(
                f"{path.name} is no First Order Motion Model: expected are the parts {GENERATOR} and "
                f"{DETECTOR}, found: {found}"
            )
        read[part] = Weights(tensors, part, _FAMILY)
    return read
