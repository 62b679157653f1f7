"""Reads the five files of LivePortrait: torch files, by their own keys and never unpickled.

The human models and those for animals have one layout. Spectral norm is still in the generator's file.
Sizes are those of the weights, but for what the motion means: 21 keypoints, 66 bins of an angle, a volume
of 32 channels and 16 layers.
"""

from pathlib import Path

from visard.engines.errors import ModelRefused
from visard.models.torch_weights import Weights, as_tensors, read_torch

APPEARANCE, MOTION = "appearance_feature_extractor", "motion_extractor"
WARPING, GENERATOR = "warping_module", "spade_generator"
RETARGETING = "stitching_retargeting_module"
STITCHING, EYES, LIPS = "retarget_shoulder", "retarget_eye", "retarget_mouth"
FILES = tuple(f"{part}.pth" for part in (APPEARANCE, MOTION, WARPING, GENERATOR, RETARGETING))
_FAMILY = "LivePortrait"


def read(folder: Path) -> dict[str, Weights]:
    """Return the weights by part: APPEARANCE, MOTION, WARPING, GENERATOR, STITCHING, EYES and LIPS.

    Raises ModelRefused for anything else; a file that would run code is refused as well.
    """
    contents = {file: read_torch(folder / file) for file in FILES}
    retargeting = contents[FILES[-1]]
    inner = retargeting if isinstance(retargeting, dict) else {}
    parts = {Path(file).stem: (file, content) for file, content in list(contents.items())[:-1]}
    parts |= {name: (FILES[-1], inner.get(name)) for name in (STITCHING, EYES, LIPS)}
    read = {}
    for part, (file, content) in parts.items():
        tensors = as_tensors(content)
        if tensors is None:
            raise ModelRefused(f"{file} is no file of LivePortrait: expected are the weights of its {part}")
        if part in (STITCHING, EYES, LIPS):
            tensors = {key.removeprefix("module."): tensor for key, tensor in tensors.items()}
        read[part] = Weights(tensors, part, _FAMILY)
    return read
