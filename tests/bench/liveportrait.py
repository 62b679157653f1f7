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
from fomm import FRAME, Timed, best, scene

from visard.engines import load
from visard.engines.cache.cache import Cache
from visard.models.animate.liveportrait.animator import LivePortraitAnimation, LivePortraitNetwork
from visard.models.animate.liveportrait.controls import Openness
from visard.models.animate.liveportrait.crops import PortraitView
from visard.models.animate.liveportrait.export import write
from visard.models.animate.liveportrait.graphs import GRAPHS
from visard.models.animate.liveportrait.options import LivePortraitOptions
from visard.models.portrait import Portrait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5)
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
    engine = load(paths["step"], "cpu", "fp32", threads=threads, cache=cache)
    step = Timed(engine)
    network = LivePortraitNetwork(step, state, open_)  # type: ignore[arg-type]
    animation = LivePortraitAnimation(network, view, face, 0, LivePortraitOptions())
    list(animation.submit(picture, (face,)).result(600))
    spent = []
    for _ in range(frames):
        step.seconds, begun = 0.0, time.perf_counter()
        list(animation.submit(picture, (face,)).result(600))
        total = time.perf_counter() - begun
        spent.append((1000 * total, 1000 * (total - step.seconds)))
    whole, outside = np.median(spent, axis=0)
    print(
        f"prepare {prepared:.0f} ms; a frame {whole:.0f} ms in {engine.precision} ({engine.backend}), "
        f"{outside:.1f} of it outside the network"
    )


if __name__ == "__main__":
    main()
