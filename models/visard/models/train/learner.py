"""A network that learns: a step from a batch to new weights, and all that has to be kept between steps."""

import copy
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from visard.models.train.distributed import Group, unsynchronised
from visard.models.train.errors import CheckpointUnusable
from visard.models.train.losses import of_pairs, reconstruction, soft_mask, wants_swap
from visard.models.train.networks import build
from visard.models.train.networks.base import Codes, Outputs, SwapNetwork, Swapped
from visard.models.train.networks.blocks import initialise
from visard.models.train.networks.discriminators import CodeDiscriminator, PatchDiscriminator, judged
from visard.models.train.networks.liae import LIAE
from visard.models.train.optimizer import Optimizer, follow, rate_at
from visard.models.train.options import Precision, TrainOptions, parse_archi

_CLIP = 1.0
Batch = dict[str, Tensor]


class StepResult(NamedTuple):
    """What a step came to, on this device."""

    losses: dict[str, float]
    """By names, the mean over the batch."""
    spread: float
    """Deviation of the pictures that were made, the least of both people's."""
    applied: bool
    """False: gradients were no numbers, and no weight was changed."""


class _Made(NamedTuple):
    """What a network made of a batch."""

    losses: dict[str, Tensor]
    pictures: dict[str, Tensor]
    """By whose picture each is to equal."""
    codes: Codes | None


class _Swap(nn.Module):
    """The part of a network that is exported, which is all that pairs need."""

    def __init__(self, network: SwapNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, face: Tensor) -> Swapped:
        """[N, 3, R, R] -> the swap."""
        return self.network.swap(face)


class Critic:
    """A discriminator and its own optimizer."""

    def __init__(self, network: nn.Module, group: Group, options: TrainOptions) -> None:
        initialise(network, torch.Generator().manual_seed(options.seed + 1))
        self.network = network.to(group.device, memory_format=torch.channels_last)
        self.wrapped = group.wrap(self.network)
        self.optimizer = Optimizer(self.network.parameters(), belief=options.adabelief)

    def against(self, made: Tensor) -> Tensor:
        """Return how far it is from taking what was made for real, [N]; its own weights do not learn."""
        self.network.requires_grad_(False)
        loss = judged(self.network(made), real=True)
        self.network.requires_grad_(True)
        return loss

    def mistaken(self, made: Tensor, real: Tensor) -> Tensor:
        """Return how far it is from telling one from the other."""
        logits = self.wrapped(torch.cat([made.detach(), real.detach()]))
        fake, true = zip(*(each.chunk(2) for each in logits), strict=True)
        return (judged(fake, real=False) + judged(true, real=True)).mean() / 2


class Learner:
    """Network, averaged network, critics and optimizers of one device."""

    def __init__(self, options: TrainOptions, group: Group) -> None:
        self.options, self.group = options, group
        self.network = build(options).to(group.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimizer = Optimizer(
            self.network.parameters(), belief=options.adabelief, by_width=options.lr_by_width
        )
        if isinstance(self.network, LIAE) and not (options.random_warp or options.paired):
            self.network.inter_AB.requires_grad_(False)  # as in DeepFaceLab, to keep the likeness
        trained = _Swap(self.network) if options.paired else self.network
        self.wrapped = group.wrap(trained, partly=options.paired)
        self.critics: dict[str, Critic] = {}
        if options.gan_power:
            patch = options.gan_patch_size or options.resolution // 8
            judge = PatchDiscriminator(patch, options.gan_dims, options.resolution)
            self.critics["gan"] = Critic(judge, group, options)
        if options.true_face_power:
            flags = parse_archi(options.archi).flags
            low = options.resolution // 8 // 2 ** len(flags & {"d", "t"})
            self.critics["true_face"] = Critic(CodeDiscriminator(options.ae_dims, low), group, options)

    def step(self, batch: Batch, step: int) -> StepResult:
        """Learn from a step's batch, [B * accumulation, ...]; ``step`` counts from 0."""
        options = self.options
        for optimizer in self._optimizers():
            optimizer.zero()
        parts = [self._placed(batch, part) for part in range(options.accumulation)]
        results = [self._gather(part, last=part is parts[-1]) for part in parts]
        norms = [each.norm(_CLIP if options.clipgrad else float("inf")) for each in self._optimizers()]
        applied = all(map(math.isfinite, norms))
        if applied:
            self._apply(step)
        losses = {name: sum(each[0][name] for each in results) / len(results) for name in results[0][0]}
        return StepResult(losses, min(spread for _, spread in results), applied)

    def _apply(self, step: int) -> None:
        options, dropout = self.options, None
        if options.lr_dropout:
            dropout = torch.Generator(self.group.device).manual_seed(options.seed * 1_000_003 + step)
        for optimizer in self._optimizers():
            optimizer.step(rate_at(options, step), dropout)
        follow(self.average, self.network, options.ema_decay, step)

    def _gather(self, batch: Batch, *, last: bool) -> tuple[dict[str, float], float]:
        """Add gradients of a part of the batch."""
        options = self.options
        share = 1 / options.accumulation
        with unsynchronised(self.wrapped, not last):
            made = self._made(batch)
            losses, seen = made.losses, self._seen(made, batch)
            with self._autocast():
                for name, critic in self.critics.items():
                    power = options.gan_power if name == "gan" else options.true_face_power
                    losses[name] = power * critic.against(seen[name][0])
            total = torch.stack([loss.mean() for loss in losses.values()]).sum()
            (total * share).backward()
        for name, critic in self.critics.items():
            with unsynchronised(critic.wrapped, not last):
                with self._autocast():
                    mistakes = critic.mistaken(*seen[name])
                (mistakes * share).backward()
        spread = min(float(each.detach().std()) for each in made.pictures.values())
        return {name: float(loss.detach().mean()) for name, loss in losses.items()}, spread

    def _made(self, batch: Batch) -> _Made:
        options = self.options
        if options.paired:
            with self._autocast():
                swapped: Swapped = self.wrapped(batch["dst_warped"])
            return _Made(of_pairs(swapped, batch, options), {"src": swapped.swap}, None)
        with self._autocast():
            outputs: Outputs = self.wrapped(
                batch["src_warped"],
                batch["dst_warped"],
                batch.get("own"),
                swap=wants_swap(options),
                through=bool(options.bg_style_power),
            )
        losses = reconstruction(outputs, batch, options)
        return _Made(losses, {"src": outputs.src, "dst": outputs.dst}, outputs.codes)

    def _seen(self, made: _Made, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return what critics compare: what was made, and what is real."""
        seen = {}
        if "gan" in self.critics:
            names = ("src", "dst") if self.options.archi == "amp" else ("src",)
            soft = [soft_mask(batch[f"{name}_mask"]) if self.options.masked_training else 1 for name in names]
            pairs = [
                (made.pictures[name] * mask, batch[name] * mask)
                for name, mask in zip(names, soft, strict=True)
            ]
            seen["gan"] = torch.cat([one for one, _ in pairs]), torch.cat([other for _, other in pairs])
        if "true_face" in self.critics and made.codes:
            seen["true_face"] = made.codes.src, made.codes.dst
        return seen

    def _autocast(self) -> torch.autocast:
        half = self.options.precision is Precision.bf16
        return torch.autocast(self.group.device.type, torch.bfloat16, enabled=half)

    def _placed(self, batch: Batch, part: int) -> Batch:
        """Return a part of a batch on the device."""
        size = self.options.batch_size
        return {
            name: value[part * size : (part + 1) * size].to(
                self.group.device, non_blocking=True, memory_format=torch.channels_last
            )
            for name, value in batch.items()
        }

    def _optimizers(self) -> list[Optimizer]:
        return [self.optimizer, *(critic.optimizer for critic in self.critics.values())]

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state(),
            "critics": {
                name: {"network": critic.network.state_dict(), "optimizer": critic.optimizer.state()}
                for name, critic in self.critics.items()
            },
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what was kept; critics that have changed begin anew. Raises CheckpointUnusable."""
        try:
            with torch.no_grad():
                self.network.load_state_dict(state["network"])
                self.average.load_state_dict(state["average"])
                self.optimizer.load(state["optimizer"])
                for name, critic in self.critics.items():
                    kept = state["critics"].get(name)
                    if kept and _fits(critic.network, kept["network"]):
                        critic.network.load_state_dict(kept["network"])
                        critic.optimizer.load(kept["optimizer"])
        except (KeyError, ValueError, RuntimeError, AttributeError, TypeError) as error:
            raise CheckpointUnusable(f"the checkpoint is another network's: {error}") from error

    def share(self) -> None:
        """Give all devices the first one's state."""
        self.group.share(self._tensors())
        for optimizer in self._optimizers():
            optimizer.steps = self.group.agree(optimizer.steps)

    def _tensors(self) -> Iterator[Tensor]:
        networks = [self.network, self.average, *(critic.network for critic in self.critics.values())]
        for network in networks:
            yield from network.parameters()
        for optimizer in self._optimizers():
            yield from (*optimizer.first, *optimizer.second)


def _fits(network: nn.Module, kept: dict[str, Tensor]) -> bool:
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    return shapes == {name: value.shape for name, value in kept.items()}
