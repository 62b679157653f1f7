"""Training on several devices: each has its part of a batch, and all have the same weights.

Started by torchrun, which tells by the environment who is who, and starts all anew when one dies.
"""

import faulthandler
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

_PATIENCE = timedelta(minutes=15)
"""How long one process waits for others that are connected and say nothing, before it fails and torchrun
starts all anew. One that dies is noticed at once, as its connections close; a busy machine may need minutes
to start all, and one that gives up too soon is started again, which makes it busier still."""

_JOINING = 180.0
"""Seconds after which a process that others have not joined ends, and torchrun starts all anew: after a death
two can miss each other's connections, and gloo then waits for ever, whatever time it was given."""


@dataclass(frozen=True)
class Group:
    """All processes that train one model together; usually this one alone."""

    device: torch.device
    rank: int = 0
    ranks: int = 1

    def wrap(self, module: nn.Module, *, partly: bool = False) -> nn.Module:
        """Return a module whose gradients are averaged over all; its parameters are those of the first.

        ``partly``: some of its parameters take no part.
        """
        if self.ranks == 1:
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(
            module, device_ids=ids, gradient_as_bucket_view=True, find_unused_parameters=partly
        )

    def mean(self, values: Sequence[float]) -> list[float]:
        """Return numbers averaged over all; fails when one of them is gone."""
        if self.ranks == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return [float(each) / self.ranks for each in tensor.tolist()]

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give all the first one's values."""
        if self.ranks > 1:
            for tensor in tensors:
                dist.broadcast(tensor.detach(), 0)

    def agree(self, number: int) -> int:
        """Return the first one's number to all."""
        tensor = torch.tensor([number], device=self.device)
        self.share([tensor])
        return int(tensor)


def unsynchronised(module: nn.Module, yes: bool) -> AbstractContextManager[Any]:
    """Return a context in which gradients gather without being averaged."""
    if yes and isinstance(module, DistributedDataParallel):
        context: AbstractContextManager[Any] = module.no_sync()
        return context
    return nullcontext()


@contextmanager
def joined(device: str | None = None) -> Iterator[Group]:
    """Join the processes that torchrun started, or be alone; ``device``: ``cpu``, ``cuda`` or the best."""
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    place = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if ranks == 1:
        yield Group(place)
        return
    faulthandler.dump_traceback_later(_JOINING, exit=True)
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=_PATIENCE)
    faulthandler.cancel_dump_traceback_later()
    try:
        yield Group(place, dist.get_rank(), ranks)
    finally:
        dist.destroy_process_group()
