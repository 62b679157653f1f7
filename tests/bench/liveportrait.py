"""Milliseconds a frame of LivePortrait, full size, with weights made by a rule.

    python tests/bench/liveportrait.py [--frames N] [--threads N]

A frame is without the appearance network, which sees the portrait once; ``prepare`` is what it would cost.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import liveportrait_files
import numpy as np
from _candidates import print_candidates
from fomm import FRAME, LONG, Timed, best, scene

from visard.engines import load
from visard.engines.cache.cache import Cache
from visard.models.animate.liveportrait.animator import LivePortraitAnimation, LivePortraitNetwork, samples
from visard.models.animate.liveportrait.controls import Openness
from visard.models.animate.liveportrait.crops import PortraitView
from visard.models.animate.liveportrait.export import write
from visard.models.animate.liveportrait.graphs import GRAPHS
from visard.models.animate.liveportrait.options import LivePortraitOptions
from visard.models.face import Face
from visard.models.portrait import Portrait

_HEAD = "\n| step | a frame, ms | network | outside the network | share |\n|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place), chosen.frames, chosen.threads)


def measure(place: Path, frames: int, threads: int) -> None:
    liveportrait_files.write(place)
    paths = {graph: place / f"{graph}.onnx" for graph in GRAPHS}
    for graph, path in paths.items():
        write(place, graph, path)
    picture, face = scene(FRAME)
    view, open_ = PortraitView(Portrait(picture, face), LivePortraitOptions()), Openness.of(face.landmarks)
    cache, lips = Cache(place / "cache"), np.array([[open_.lips]], np.float32)
    prepare = load(paths["prepare"], "cpu", "fp32", threads=threads, cache=cache)
    prepared = best(lambda: prepare(view.crop, lips), frames)
    state = tuple(np.array(array) for array in prepare(view.crop, lips))
    given = samples(prepare, state, open_)[:1]
    engine = load(paths["step"], "cpu", threads=threads, samples=given, cache=cache)
    print_candidates("step", engine)
    print(f"\nprepare, the appearance network with it, {prepared:.0f} ms, once for each portrait\n{_HEAD}")
    for precision in dict.fromkeys(("fp32", str(engine.precision))):
        step = load(paths["step"], "cpu", precision, threads=threads, samples=given, cache=cache)
        network = LivePortraitNetwork(step, state, open_)
        whole, outside = animated(network, view, picture, face, frames)
        share = f"{whole - outside:.0f} | {outside:.1f} | {outside / whole:.1%}"
        print(f"| {step.precision} ({step.backend}) | {whole:.0f} | {share} |", flush=True)


def animated(
    network: LivePortraitNetwork, view: PortraitView, picture: np.ndarray, face: Face, frames: int
) -> tuple[float, float]:
    """Return the milliseconds of a frame, and of what of it is not the network."""
    step = Timed(network._step)
    network._step = step  # type: ignore[assignment]
    animation = LivePortraitAnimation(network, view, face, 0, LivePortraitOptions())
    list(animation.submit(picture, (face,)).result(LONG))
    spent = []
    for _ in range(frames):
        step.seconds, begun = 0.0, time.perf_counter()
        list(animation.submit(picture, (face,)).result(LONG))
        total = time.perf_counter() - begun
        spent.append((1000 * total, 1000 * (total - step.seconds)))
    whole, outside = np.median(spent, axis=0)
    return float(whole), float(outside)


if __name__ == "__main__":
    main()
