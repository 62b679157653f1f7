"""Searches for a correction: what makes a recogniser see the persona, and changes the picture least."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Generator, Tensor

from visard.models.five_points import FIVE_POINTS
from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER, canonical
from visard.models.geometry.uv import edge_distance, polygons
from visard.models.portrait import Portrait
from visard.models.processor import Report
from visard.models.swap.mesh.correction import FARTHEST, LIGHT_SIDE, STRONGEST, Correction
from visard.models.swap.mesh.light import smoothstep
from visard.models.train.tune.identity import Identity, cut_out
from visard.models.train.tune.render import Batch, render
from visard.models.train.tune.views import FIVE_AT, View

STEPS = 70
_BATCH = 4
_STIFFNESS = 4.0
"""How much the mesh resists bending: 4 leaves bumps of an eyebrow's size."""
_SOFTNESS = 0.8
"""Blur of the light, texels of 48."""
_ALIKE, _UNLIKE = 0.85, 0.05
"""Cosines from which more likeness to the persona, and less to the driver, earns nothing."""
_PERSONA, _DRIVER, _SAME, _STRUCTURE = 1.5, 0.3, 2.0, 5.0
"""Weights of the loss: persona, driver, the picture as it was, and its structure."""
_RATES = (0.05, 0.04)
"""Learning rates of shape and light."""
_FEATURES = 0.7
"""Weight of what the recogniser sees on its way, which it shares with others more than what it ends with."""
_JITTER, _TURN = 2.0, 0.05
"""Pixels by which what the recogniser sees is displaced at random, and by how much turned and scaled."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long to search: whatever is reached first."""

    steps: int = STEPS
    seconds: float = math.inf
    seed: int = 0


def fit(
    drivers: Sequence[Sequence[View]], portraits: Sequence[Portrait], report: Report, settings: Settings
) -> Correction:
    """Return the correction found on several drivers' views, each driver counting as much as another.

    About half a second a step on one thread. The same views and settings give the same correction, unless the
    time ends first.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    identity = Identity()
    persona = _Known.of(identity, portraits, generator)
    search = _Search()
    start = time.monotonic()
    for step in range(settings.steps):
        spent = time.monotonic() - start
        if spent > settings.seconds:
            break
        left = max(settings.steps / max(step, 1) - 1, 0) * spent
        report(step / settings.steps, f"learning, {left:.0f} s left" if step > 4 else "learning")
        search.slow_down(max(step / settings.steps, spent / settings.seconds))
        batch = _chosen(drivers, generator)
        search.follow(_loss(batch, search, identity, persona, generator))
    return search.found()


class _Search:
    """The correction as it is so far, and what moves it."""

    def __init__(self) -> None:
        self._points = torch.zeros(468, 3, requires_grad=True)
        self._texels = torch.zeros(LIGHT_SIDE, LIGHT_SIDE, requires_grad=True)
        groups = [{"params": [each]} for each in (self._points, self._texels)]
        self._optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99))
        self._steps = 0

    @property
    def shape(self) -> Tensor:
        """Upright centimetres, smooth, [468, 3]."""
        return FARTHEST * torch.tanh(_stiff() @ self._points / FARTHEST)

    @property
    def light(self) -> Tensor:
        """Smooth, nothing on eyes, lips and the edge, and on the whole neither lighter nor darker."""
        area = _lit_area()
        soft = cv2.getGaussianKernel(7, _SOFTNESS)
        kernel = torch.from_numpy((soft @ soft.T).astype(np.float32))[None, None]
        light = F.conv2d(F.pad(self._texels[None, None], (3, 3, 3, 3), mode="reflect"), kernel)[0, 0]
        light = light - (light * area).sum() / area.sum()
        return STRONGEST * torch.tanh(light / STRONGEST) * area

    def slow_down(self, done: float) -> None:
        """Begin gently, and from 60 % of the way on take ever smaller steps."""
        pace = min(1, (self._steps + 1) / 10) * min(1, 1 - 0.9 * (done - 0.6) / 0.4)
        for group, rate in zip(self._optimiser.param_groups, _RATES, strict=True):
            group["lr"] = rate * pace

    def follow(self, loss: Tensor) -> None:
        """Take a step."""
        self._steps += 1
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()

    def found(self) -> Correction:
        """Return what was found."""
        return Correction(*(each.detach().numpy().astype(np.float32) for each in (self.shape, self.light)))


def _loss(
    batch: Batch, search: _Search, identity: Identity, persona: "_Known", generator: Generator
) -> Tensor:
    pictures, five = render(batch, search.shape, search.light)
    faces = cut_out(_otherwise_lit(pictures, generator), _displaced(five, generator))
    mirrored = bool(torch.rand(1, generator=generator) < 0.5)
    now, maps = identity.seen(faces.flip(3) if mirrored else faces)
    with torch.no_grad():
        driver = identity(batch.driver, torch.from_numpy(FIVE_AT).expand(len(now), 5, 2))
    alike = (F.relu(_ALIKE - now @ persona.embedding) * batch.weight).mean()
    unlike = F.relu((now * driver).sum(1) - _UNLIKE).mean()
    same = (pictures - batch.swapped).abs().mean()
    structure = _dssim(pictures, batch.swapped)
    features = persona.features_off(maps, mirrored, batch.weight)
    return _PERSONA * alike + _DRIVER * unlike + _FEATURES * features + _SAME * same + _STRUCTURE * structure


@dataclass(frozen=True, slots=True)
class _Known:
    """What the recogniser makes of the persona's photos."""

    embedding: Tensor
    """The mean over photos, each seen 16 times, a little displaced, [128]."""
    maps: list[Tensor]
    """What is seen on the way, of each photo; first as it is, then mirrored."""

    @classmethod
    def of(cls, identity: Identity, portraits: Sequence[Portrait], generator: Generator) -> "_Known":
        faces, whole = [], []
        for portrait in portraits:
            picture = (torch.from_numpy(portrait.image).permute(2, 0, 1)[None] / 255).expand(16, -1, -1, -1)
            five = torch.from_numpy(portrait.face.landmarks[FIVE_POINTS, :2])[None].expand(16, 5, 2)
            scale = portrait.face.size / 150  # a view's face has about so many pixels
            faces.append(cut_out(picture, _displaced(five, generator, scale)))
            whole.append(cut_out(picture[:1], five[:1]))
        with torch.no_grad():
            found = F.normalize(
                torch.stack([identity.seen(each)[0].mean(0) for each in faces]).mean(0), dim=0
            )
            both = torch.stack([torch.cat(whole), torch.cat(whole).flip(3)])
            maps = [identity.seen(each)[1] for each in both]
        return cls(found, [torch.stack(each) for each in zip(*maps, strict=True)])

    def features_off(self, maps: list[Tensor], mirrored: bool, weight: Tensor) -> Tensor:
        """How far what is seen where is from the photo that is nearest to it, summed over the maps."""
        off = [
            1 - torch.einsum("nchw,pchw->nphw", now, known[int(mirrored)]).mean((2, 3)).max(1).values
            for now, known in zip(maps, self.maps, strict=True)
        ]
        return (torch.stack(off).sum(0) * weight).mean()


def _displaced(five: Tensor, generator: Generator, scale: float = 1.0) -> Tensor:
    """Move, turn and scale points at random as a whole, [n, 5, 2]."""
    middle = five.mean(1, keepdim=True)
    turn, size = _TURN * torch.randn(2, len(five), 1, generator=generator)
    around = torch.view_as_complex((five - middle).contiguous()) * torch.polar(torch.exp(size), turn)
    return (
        middle
        + torch.view_as_real(around)
        + _JITTER * scale * torch.randn(len(five), 1, 2, generator=generator)
    )


def _otherwise_lit(pictures: Tensor, generator: Generator) -> Tensor:
    gain, lift = torch.randn(2, len(pictures), 1, 1, 1, generator=generator)
    return (pictures * (1 + 0.15 * gain) + 0.05 * lift).clamp(0, 1)


def _chosen(drivers: Sequence[Sequence[View]], generator: Generator) -> Batch:
    views = []
    for _ in range(_BATCH):
        driver = drivers[int(torch.randint(len(drivers), (1,), generator=generator))]
        views.append(driver[int(torch.randint(len(driver), (1,), generator=generator))])
    return Batch.of(views)


@cache
def _stiff() -> Tensor:
    """What makes points' displacements smooth, [468, 468]: (1 + s * L * L)^-1, L the mesh's Laplacian."""
    beside = np.zeros((468, 468))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        one, other = canonical().triangles[:, a], canonical().triangles[:, b]
        beside[one, other] = beside[other, one] = 1
    laplacian = np.diag(beside.sum(1)) - beside
    smooth = np.linalg.inv(np.eye(468) + _STIFFNESS * laplacian @ laplacian)
    return torch.from_numpy(smooth.astype(np.float32))


@cache
def _lit_area() -> Tensor:
    """Where light may change, 0..1: not on eyes and lips, which open and close, nor at the seam."""
    side = 4 * LIGHT_SIDE
    features = polygons(side, [EYE_RING_LEFT, EYE_RING_RIGHT, LIPS_OUTER], 4)
    soft = 1 - cv2.GaussianBlur(features.astype(np.float32) / 255, (0, 0), 2.5)
    area = np.where(features > 0, 0, soft) * smoothstep(edge_distance(side), 0.05, 0.18)
    size = (LIGHT_SIDE, LIGHT_SIDE)
    return torch.from_numpy(cv2.resize(area.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _dssim(one: Tensor, other: Tensor) -> Tensor:
    """How unlike the structure of pictures is, 0 for the same."""
    soft = cv2.getGaussianKernel(9, 1.5)
    kernel = torch.from_numpy((soft @ soft.T).astype(np.float32))[None, None]
    a, b = (each.mean(1, True) for each in (one, other))
    mean_a, mean_b = F.conv2d(a, kernel), F.conv2d(b, kernel)
    spread_a = F.conv2d(a * a, kernel) - mean_a**2
    spread_b = F.conv2d(b * b, kernel) - mean_b**2
    both = F.conv2d(a * b, kernel) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    return ((1 - alike / ((mean_a**2 + mean_b**2 + 1e-4) * (spread_a + spread_b + 9e-4))) / 2).mean()
