"""Milliseconds a frame of the First Order Motion Model, full size, with weights made by a rule.

    python tests/bench/fomm.py [--frames N] [--threads N]

Beside the animator's own frame it measures the same network as it was published: the source is encoded, and
its keypoints are found, with every frame. The second row is what an engine's check lets pass.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import cv2
import fomm_checkpoint
import numpy as np
from _candidates import print_candidates
from networks import NETWORKS
from networks import samples as noise

from visard.engines import load
from visard.engines.cache.cache import Cache
from visard.models.animate.fomm.animator import FommAnimation, FommNetwork, samples
from visard.models.animate.fomm.crops import PortraitView
from visard.models.animate.fomm.export import write
from visard.models.animate.fomm.graphs import GRAPHS
from visard.models.animate.fomm.options import FommOptions
from visard.models.face import Face
from visard.models.portrait import Portrait
from visard.models.sample_faces import sample_faces

FRAME = 1280, 720
LONG = 600
"""Seconds after which a frame counts as hung, on a machine that is busy with other work too."""
_HEAD = (
    "\n| motion, draw | motion, ms | draw, ms | a frame, ms | outside the network | share | times as fast as "
    "without cached source | as published |\n|---|---|---|---|---|---|---|---|"
)
"""``as published``: fp32, and the source's part in every frame."""


class Timed:
    """An engine that counts the seconds spent in it."""

    def __init__(self, engine: Any) -> None:
        self._engine, self.seconds = engine, 0.0

    def __call__(self, *arrays: Any) -> Any:
        begun = time.perf_counter()
        try:
            return self._engine(*arrays)
        finally:
            self.seconds += time.perf_counter() - begun


def best(call: Callable[[], object], frames: int) -> float:
    """Return the median milliseconds of a call."""
    call()
    spent = []
    for _ in range(frames):
        begun = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begun)
    return 1000 * float(np.median(spent))


def scene(size: tuple[int, int]) -> tuple[np.ndarray, Face]:
    """Return a frame with a shipped face in it, about half as high."""
    picture, face = sample_faces()[0]
    scale = size[1] / picture.shape[0]
    frame = cv2.copyMakeBorder(
        cv2.resize(picture, None, fx=scale, fy=scale), 0, 0, 0, size[0] - size[1], cv2.BORDER_REPLICATE
    )
    return np.asarray(frame, np.uint8), Face(1, face.landmarks * np.float32(scale), face.blendshapes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place), chosen.frames, chosen.threads)


def measure(place: Path, frames: int, threads: int) -> None:
    checkpoint, cache = fomm_checkpoint.write(place / "full.pth.tar"), Cache(place / "cache")

    def engine(path: Path, precision: str, given: list[Any] | None = None) -> Any:
        return load(path, "cpu", precision, threads=threads, samples=given, cache=cache)

    paths = {graph: place / f"{graph}.onnx" for graph in GRAPHS}
    for graph, path in paths.items():
        write(checkpoint, graph, path, align_corners=True)
    frame, face = scene(FRAME)
    view = PortraitView(Portrait(frame, face), FommOptions())
    prepare = engine(paths["prepare"], "fp32")
    state = tuple(np.array(array) for array in prepare(view.crop))
    given = samples(prepare, state)
    motions = {precision: engine(paths["motion"], precision, given) for precision in ("fp32", "auto")}
    warped = [(np.array(motions["fp32"](*sample)[0]),) for sample in given]
    draws = {precision: engine(paths["draw"], precision, warped) for precision in ("fp32", "auto")}
    print_candidates("motion", motions["auto"])
    print_candidates("draw", draws["auto"])
    prepared, published = best(lambda: prepare(view.crop), frames), original(place, engine, frames)
    print(f"\nprepare fp32 {prepared:.0f} ms; the network as published, fp32, {published:.0f} ms\n{_HEAD}")
    for precision in ("fp32", "auto"):
        motion, draw = motions[precision], draws[precision]
        moved, drawn = best(lambda: motion(*given[0]), frames), best(lambda: draw(*warped[0]), frames)  # noqa: B023
        whole, outside = animated(FommNetwork(motion, draw, state), view, frame, face, frames)
        ratios = (prepared + moved + drawn) / (moved + drawn), published / (moved + drawn)
        print(
            f"| {motion.precision}, {draw.precision} | {moved:.0f} | {drawn:.0f} | {whole:.0f} "
            f"| {outside:.1f} | {outside / whole:.1%} | {ratios[0]:.2f} | {ratios[1]:.2f} |",
            flush=True,
        )


def original(place: Path, engine: Callable[..., Any], frames: int) -> float:
    """Return the milliseconds of both networks as published, with the source's part in every frame."""
    found = []
    for name, times in (("fomm_keypoints", 2), ("fomm_generator", 1)):
        path = NETWORKS[name](place / f"{name}.onnx")
        network, (given,) = engine(path, "fp32"), noise(path, 1)
        found.append(times * best(lambda network=network, given=given: network(*given), frames))  # type: ignore[misc]
    return sum(found)


def animated(
    network: FommNetwork, view: PortraitView, frame: np.ndarray, face: Face, frames: int
) -> tuple[float, float]:
    """Return the milliseconds of an animator's frame, and of what of it is not the network."""
    engines = network._motion, network._draw
    timed = network._motion, network._draw = Timed(engines[0]), Timed(engines[1])
    animation = FommAnimation(network, view, face.landmarks, 0, FommOptions())
    list(animation.submit(frame, (face,)).result(LONG))
    spent = []
    for _ in range(frames):
        before, begun = sum(each.seconds for each in timed), time.perf_counter()
        list(animation.submit(frame, (face,)).result(LONG))
        total = time.perf_counter() - begun
        spent.append((total, total - sum(each.seconds for each in timed) + before))
    network._motion, network._draw = engines
    whole, outside = (1000 * float(np.median(column)) for column in zip(*spent, strict=True))
    return whole, outside


if __name__ == "__main__":
    main()
