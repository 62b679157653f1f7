"""Reads checkpoints of the First Order Motion Model: torch files, by their own keys and never unpickled.

The eight that are published (vox, vox-adv, taichi, taichi-adv, fashion, mgif, bair, nemo) are dicts of parts;
what was only needed for training is not looked at. All sizes are those of the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain

if TYPE_CHECKING:
    from torch import Tensor

GENERATOR, DETECTOR = "generator", "kp_detector"
_COUNTER = "num_batches_tracked"
"""How keys end that count steps of training."""


@dataclass
class Weights:
    """The tensors of one part whose keys begin with ``prefix``; shared ``used`` tells which were taken."""

    tensors: Mapping[str, "Tensor"]
    part: str
    prefix: str = ""
    used: set[str] = field(default_factory=set)

    def __getitem__(self, key: str) -> "Tensor":
        """Return a tensor. Raises ModelRefused when there is none of this key."""
        whole = self.prefix + key
        if whole not in self.tensors:
            raise ModelRefused(
                f"the checkpoint has no {whole} in its {self.part}; "
                "expected is a First Order Motion Model as its authors publish it"
            )
        self.used.add(whole)
        return self.tensors[whole]

    def __contains__(self, key: str) -> bool:
        return self.prefix + key in self.tensors

    def below(self, name: str) -> "Weights":
        """Return the weights of a layer."""
        return Weights(self.tensors, self.part, f"{self.prefix}{name}.", self.used)

    def each(self, name: str) -> list["Weights"]:
        """Return the weights of numbered layers, at least one; ``name`` is what comes before the number."""
        begins = f"{self.prefix}{name}"
        rest = (key.removeprefix(begins) for key in self.tensors if key.startswith(begins))
        count = max(1, len({number for number, _, _ in (key.partition(".") for key in rest)}))
        return [self.below(f"{name}{number}") for number in range(count)]

    def finish(self) -> None:
        """Raise ModelRefused when there are weights that nothing has used."""
        spare = sorted(key for key in self.tensors if key not in self.used and not key.endswith(_COUNTER))
        if spare:
            raise ModelRefused(
                f"the checkpoint has {spare[0]} in its {self.part} and {len(spare) - 1} more weights "
                "that are not part of a First Order Motion Model"
            )


def read(path: Path) -> dict[str, Weights]:
    """Return the generator and the keypoint detector of a checkpoint.

    Raises ModelRefused for anything else; a file that would run code is refused as well.
    """
    import torch

    try:
        with open_plain(path) as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelRefused(f"{path.name} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # torch raises whatever its parts raise
        raise ModelRefused(
            f"{path.name} is damaged or no torch checkpoint of weights alone; get it again"
        ) from error
    return {part: Weights(_tensors(path.name, content, part), part) for part in (GENERATOR, DETECTOR)}


def _tensors(name: str, content: object, part: str) -> dict[str, "Tensor"]:
    import torch

    parts = content if isinstance(content, dict) else {}
    tensors = parts.get(part)
    if not isinstance(tensors, dict) or not all(isinstance(each, torch.Tensor) for each in tensors.values()):
        found = ", ".join(sorted(map(str, parts))[:8]) or type(content).__name__
        raise ModelRefused(
            f"{name} is no First Order Motion Model: expected are the parts {GENERATOR} and {DETECTOR}, "
            f"found: {found}"
        )
    return {str(key): tensor.float() for key, tensor in tensors.items()}
