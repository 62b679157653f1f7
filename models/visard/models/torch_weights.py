"""Weights in torch files, which are never unpickled; sizes of networks are read off them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain

if TYPE_CHECKING:
    from torch import Tensor

_COUNTER = "num_batches_tracked"
"""How keys end that count steps of training."""


@dataclass
class Weights:
    """The tensors of one part whose keys begin with ``prefix``; shared ``used`` tells which were taken."""

    tensors: Mapping[str, "Tensor"]
    part: str
    """What messages call the part."""
    family: str
    """What messages say is expected."""
    prefix: str = ""
    used: set[str] = field(default_factory=set)

    def __getitem__(self, key: str) -> "Tensor":
        """Return a tensor. Raises ModelRefused when there is none of this key."""
        whole = self.prefix + key
        if whole not in self.tensors:
            raise ModelRefused(
                f"the checkpoint has no {whole} in its {self.part}; "
                f"expected is {self.family} as its authors publish it"
            )
        self.used.add(whole)
        return self.tensors[whole]

    def get(self, key: str) -> "Tensor | None":
        """Return a tensor, or None when there is none of this key."""
        return self[key] if self.prefix + key in self.tensors else None

    def __contains__(self, key: str) -> bool:
        return self.prefix + key in self.tensors

    def below(self, name: str) -> "Weights":
        """Return the weights of a layer."""
        return Weights(self.tensors, self.part, self.family, f"{self.prefix}{name}.", self.used)

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
                f"that are not part of {self.family}"
            )


def read_torch(path: Path) -> object:
    """Return what a torch file holds.

    Raises ModelRefused for what is damaged; a file that would run code is refused as well.
    """
    import torch

    try:
        with open_plain(path) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelRefused(f"{path.name} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # torch raises whatever its parts raise
        raise ModelRefused(
            f"{path.name} is damaged or no torch checkpoint of weights alone; get it again"
        ) from error


def as_tensors(content: object) -> dict[str, "Tensor"] | None:
    """Return a dict of tensors in fp32 by their keys; None for anything else."""
    import torch

    if not isinstance(content, dict) or not all(isinstance(each, torch.Tensor) for each in content.values()):
        return None
    return {str(key): tensor.float() for key, tensor in content.items()}
