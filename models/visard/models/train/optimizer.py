"""AdaBelief and AdamW with learning-rate dropout and rates by width, and averaged weights."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from visard.models.train.options import TrainOptions

_BETA1, _BETA2 = 0.9, 0.999
_EPSILON = 1e-8
_DECAY = 0.01
_KEPT = 0.3
"""Share of the weights that a step changes with learning-rate dropout."""
_WIDTH = 256
"""Inputs of a layer up to which it learns at the full rate, where rates go by width."""
_LEAST = 0.02
"""Share of the rate that is left at the end, where it falls."""
_CYCLE = 500
"""Steps in which the rate falls and rises once with learning-rate dropout."""


class Optimizer:
    """AdaBelief (Zhuang et al. 2020) or AdamW (Loshchilov and Hutter 2019) over fixed parameters.

    Unlike PyTorch's own it has its state from the beginning, so that processes can share it.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, belief: bool, by_width: bool = False) -> None:
        """``by_width``: layers of many inputs learn slower by that much (Yang et al. 2022).

        Each step moves all weights by about the rate, and what a layer puts out by that times its inputs:
        a dense layer of thousands would forget at every step what it has learned, if convolutions are to
        learn fast.
        """
        self.parameters = list(parameters)
        self.shares = [_share(each) if by_width else 1.0 for each in self.parameters]
        self.belief, self.steps = belief, 0
        self.first, self.second = ([torch.zeros_like(each) for each in self.parameters] for _ in range(2))

    def zero(self) -> None:
        """Forget gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def norm(self, most: float) -> float:
        """Return the length of all gradients together, and shorten them to ``most``."""
        return float(nn.utils.clip_grad_norm_(self.parameters, most))

    def step(self, rate: float, dropout: torch.Generator | None = None) -> None:
        """Change the weights; with ``dropout`` only those that it draws."""
        self.steps += 1
        with torch.no_grad():
            states = zip(self.parameters, self.first, self.second, self.shares, strict=True)
            for parameter, first, second, share in states:
                if parameter.grad is not None:
                    self._change(parameter, parameter.grad, first, second, rate * share, dropout)

    def _change(
        self,
        weight: Tensor,
        gradient: Tensor,
        first: Tensor,
        second: Tensor,
        rate: float,
        dropout: torch.Generator | None,
    ) -> None:
        first.lerp_(gradient, 1 - _BETA1)
        surprise = gradient - first if self.belief else gradient
        second.mul_(_BETA2).addcmul_(surprise, surprise, value=1 - _BETA2)
        root = second.sqrt().div_(math.sqrt(1 - _BETA2**self.steps)).add_(_EPSILON)
        update = first / root
        if not self.belief:
            update.add_(weight, alpha=_DECAY * (1 - _BETA1**self.steps))
        if dropout is not None:
            drawn = torch.rand(weight.shape, generator=dropout, device=weight.device) < _KEPT
            update.mul_(drawn)
        weight.add_(update, alpha=-rate / (1 - _BETA1**self.steps))

    def state(self) -> dict[str, object]:
        """Return what has to be kept to go on."""
        return {"steps": self.steps, "first": self.first, "second": self.second}

    def load(self, state: dict[str, object]) -> None:
        """Go on from what was kept. Raises ValueError, KeyError or RuntimeError when it does not fit."""
        self.steps = int(str(state["steps"]))
        for mine, kept in ((self.first, state["first"]), (self.second, state["second"])):
            if not isinstance(kept, list):
                raise ValueError("moments are no list")
            for tensor, value in zip(mine, kept, strict=True):
                tensor.copy_(value)


def rate_at(options: TrainOptions, step: int) -> float:
    """Return the learning rate of a step, which counts from 0."""
    rate = options.lr
    if options.lr_dropout:
        rate *= (1 + math.cos(2 * math.pi * step / _CYCLE)) / 2
    last = options.lr_decay * options.target_iter
    left = (options.target_iter - step) / last if last else 1.0
    return rate * min(1.0, max(left, _LEAST))


def _share(parameter: nn.Parameter) -> float:
    """Return 1 for biases and layers of few inputs, less for others."""
    return min(1.0, _WIDTH / parameter[0].numel()) if parameter.dim() > 1 else 1.0


def follow(average: nn.Module, network: nn.Module, decay: float, steps: int) -> None:
    """Move averaged weights towards the present ones, faster in the beginning."""
    share = 1 - min(decay, (1 + steps) / (10 + steps))
    with torch.no_grad():
        for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, share)
