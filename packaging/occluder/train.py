"""Train the occlusion network: python packaging/occluder/train.py FACES.npz OUT.onnx [--steps N] [--look PNG]

It learns from faces of people who do not exist (``--generate N FACES.npz`` makes them) with hands,
fingertips, cups, microphones, masks, caps, scarves, sunglasses and strands of hair drawn over them. What is
drawn is known exactly; what is a face's own, beards, wrinkles, shadows, coloured light and clear glasses, is
to be left alone. Needs PyTorch and ONNX; it is run once, by hand: 35 minutes on two cores. The one that
ships has learned from ``--generate 690``, of whom 617 are used: 8000 steps, and with ``--start`` 4200 more
after caps, rings and plain surfaces were drawn better.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import torch
from drawing import Sample
from drawn_things import draw
from onnx import TensorProto, helper, numpy_helper
from own_looks import adorn, light
from torch import nn
from torch.nn import functional

from visard.models.align import align, apply, crop
from visard.models.occlude.fast import COVERAGE, OFFSET, SIDE

STORED, STORED_COVERAGE = 224, 2.6
BATCH = 16
FIRST = 50_000
WITH_THINGS = (
    "1 22 34 37 41 47 54 57 65 72 74 75 76 82 84 122 124 125 127 135 143 147 156 157 172 177 187 205 209 "
    "257 303 308 330 338 344 354 355 360 364 387 388 392 407 417 419 427 428 443 445 451 465 497 505 514 "
    "531 536 551 555 557 558 567 587 594 602 604 607 611 641 648 668 677 678 684"
)
"""Seeds, from the first, of those who wear a cap or sunglasses, hold something or have hair across an eye."""


class Block(nn.Sequential):
    """A convolution and what goes with it."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        convolution = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outside), nn.ReLU())


class Occlusion(nn.Module):
    """A small U-Net at half the crop's size; bytes in, bytes out."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 48, 64, 80)) -> None:
        super().__init__()
        self.stem = Block(12, widths[0])
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Sequential(Block(a, b, 2), Block(b, b)) for a, b in steps)
        self.up = nn.ModuleList(Block(a + b, a) for a, b in reversed(steps))
        self.head = nn.Conv2d(widths[0], 4, 3, 1, 1)

    def logits(self, crops: torch.Tensor) -> torch.Tensor:
        """Return [N, SIDE, SIDE] from BGR bytes [N, SIDE, SIDE, 3]."""
        x = self.stem(functional.pixel_unshuffle(crops.float().permute(0, 3, 1, 2) / 127.5 - 1, 2))
        kept = [x]
        for down in self.down:
            kept.append(down(kept[-1]))
        x = kept.pop()
        for up in self.up:
            x = up(torch.cat([kept.pop(), functional.interpolate(x, scale_factor=2.0, mode="nearest")], 1))
        return functional.pixel_shuffle(self.head(x), 2)[:, 0]

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return how surely each pixel is in front of the face, bytes [N, SIDE, SIDE]."""
        return (torch.sigmoid(self.logits(crops)) * 255 + 0.5).to(torch.uint8)


def generate(count: int, target: Path) -> None:
    """Draw people and keep their faces, uint8 [n, 224, 224, 3], and landmarks [n, 478, 2].

    They are odder than the personas that Visard draws, since drivers are.
    """
    from visard.daemon.personas.generator import open_generator
    from visard.models import generate as people
    from visard.models.track.tracker import Tracker

    draw_person, left_out = open_generator(show=True), {FIRST + int(seed) for seed in WITH_THINGS.split()}
    crops, points = [], []
    for seed in range(FIRST, FIRST + count):
        people.TRUNCATION = 0.6 + 0.3 * ((seed * 7) % 10) / 10
        picture = draw_person(seed)
        for face in () if seed in left_out else Tracker(1).update(picture, 0.0).faces:
            matrix = align(face.landmarks, STORED, coverage=STORED_COVERAGE)
            shrunk = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
            sharp = cv2.GaussianBlur(picture, (0, 0), 0.5 / shrunk) if shrunk < 0.6 else picture
            crops.append(crop(sharp, matrix, STORED))
            points.append(apply(matrix, face.landmarks[:, :2]))
    np.savez(target, crops=np.array(crops), pts=np.array(points, np.float32))


def samples(faces: Path, seed: int) -> Iterator[Sample]:
    """Yield faces in all sorts of light, most of them with something in front."""
    numbers = np.random.default_rng(seed)
    with np.load(faces) as stored:
        crops, points = stored["crops"], stored["pts"]
    while True:
        which = int(numbers.integers(len(crops)))
        sample = _placed(crops[which], points[which], numbers)
        adorn(sample, numbers)
        for _ in range(int(numbers.choice([0, 1, 2], p=[0.24, 0.62, 0.14]))):
            draw(sample, numbers)
        light(sample, numbers)
        yield sample


def _placed(
    picture: npt.NDArray[np.uint8], points: npt.NDArray[np.float32], numbers: np.random.Generator
) -> Sample:
    """Cut the face out as the network will see it, a little off, perhaps mirrored."""
    matrix = align(points, SIDE, coverage=COVERAGE * numbers.uniform(0.93, 1.09), offset=OFFSET)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), numbers.normal(0, 4), 1)
    turn[:, 2] += numbers.normal(0, 2.0, 2)
    whole = np.vstack([turn, [0, 0, 1]]) @ np.vstack([matrix, [0, 0, 1]])
    cut = cv2.warpAffine(
        picture, whole[:2], (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )
    moved = apply(whole[:2], points)
    if numbers.random() < 0.5:
        from visard.models.geometry.expression import mirrored_landmarks

        cut, moved = (
            np.ascontiguousarray(cut[:, ::-1]),
            (moved * (-1, 1) + (SIDE - 1, 0))[mirrored_landmarks()],
        )
    return Sample(cut.astype(np.float32), np.zeros((SIDE, SIDE), np.float32), moved.astype(np.float32))


class _Drawn(torch.utils.data.IterableDataset):  # type: ignore[misc]
    def __init__(self, faces: Path) -> None:
        self._faces = faces

    def __iter__(
        self,
    ) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        cv2.setNumThreads(1)
        worker = torch.utils.data.get_worker_info()
        for sample in samples(self._faces, seed=1 + (worker.id if worker else 0)):
            yield np.clip(sample.picture, 0, 255).astype(np.uint8), sample.front, sample.counts()


def train(faces: Path, steps: int, start: Path | None = None) -> Occlusion:
    """Cross entropy and overlap, counted inside the face alone: behind it anything may be."""
    torch.manual_seed(0)
    network = Occlusion().to(memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(torch.load(start))
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3 if start is None else 1.5e-3, steps)
    batches = torch.utils.data.DataLoader(_Drawn(faces), BATCH, num_workers=1)
    smooth = 0.0
    for step, (crops, front, counts) in zip(range(steps), batches, strict=False):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.logits(crops).float()
        each = functional.binary_cross_entropy_with_logits(logits, front, reduction="none")
        likely = torch.sigmoid(logits) * counts
        overlap = 2 * (likely * front).sum((1, 2)) + 20
        dice = 1 - overlap / ((likely + front * counts).sum((1, 2)) + 20)
        loss = (each * counts).sum() / counts.sum() + 0.5 * dice.mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        smooth += (float(loss) - smooth) * (0.02 if step else 1)
        if step % 50 == 49:
            print(f"{step + 1}/{steps}: {smooth:.4f}", flush=True)
    return network.eval()


def export(network: Occlusion, target: Path) -> None:
    """Write it as ONNX, one face a call, weights in half precision that are widened when it is opened."""
    example = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    names = {"input_names": ["crop"], "output_names": ["front"]}
    torch.onnx.export(network, (example,), target, opset_version=17, dynamo=False, **names)
    model = onnx.load(target)
    for weights in [one for one in model.graph.initializer if np.prod(one.dims) > 256]:
        half, widened = numpy_helper.to_array(weights).astype(np.float16), weights.name
        weights.CopyFrom(numpy_helper.from_array(half, f"{widened}.half"))
        cast = helper.make_node("Cast", [weights.name], [widened], to=TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def look(faces: Path, target: Path) -> None:
    """Write a sheet of what it learns from."""
    drawn = samples(faces, seed=7)
    tiles = []
    for _, sample in zip(range(40), drawn, strict=False):
        over = sample.picture * (0.5 + 0.5 * sample.counts()[..., None])
        tiles.append(np.vstack([sample.picture, np.where(sample.front[..., None] > 0.5, (0, 0, 255), over)]))
    cv2.imwrite(str(target), np.vstack([np.hstack(tiles[i : i + 10]) for i in range(0, 40, 10)]))


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--generate", type=int)
    parser.add_argument("--look", type=Path)
    parser.add_argument("--start", type=Path, help="weights to go on from: OUT.pt of an earlier run")
    parser.add_argument("--steps", type=int, default=8000)
    given = parser.parse_args()
    torch.set_num_threads(2)
    if given.generate:
        generate(given.generate, given.faces)
    if given.look:
        look(given.faces, given.look)
    if given.out:
        network = train(given.faces, given.steps, given.start)
        torch.save(network.state_dict(), given.out.with_suffix(".pt"))
        export(network, given.out)


if __name__ == "__main__":
    main()
