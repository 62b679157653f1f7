"""Prints what one-shot swappers cost a frame, and how much of it is outside the network.

usage: python -m tests.bench.one_shot [MEMBER...] [--width 1.0] [--rounds 7] [--boost 1] [--box]

inswapper runs at its full size (or ``--width`` of its channels) with random weights; the others have small
stand-ins with the same inputs and outputs, so only what is outside counts for them. The frame is 1280x720.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import published_models
from _candidates import print_candidates
from networks import NETWORKS
from people import driver, moved

from visard.daemon.config.settings import Settings
from visard.daemon.pipeline.blend import Blender
from visard.engines import Array, load
from visard.models.store import open_store
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import EMAP, IDENTITY, MEMBERS, Member
from visard.models.swap.one_shot.options import MaskKind, OneShotOptions
from visard.models.swap.one_shot.swapper import OneShotNetwork, OneShotSwap, samples

_HEAD = (
    "\n| member | mask | face, pixels | ms a frame | network | outside, median | least | share |\n"
    "|---|---|---|---|---|---|---|---|"
)
"""Outside is this thread's own time."""


class TimedNetwork(OneShotNetwork):
    """Adds up the time inside of the engine, on the clock and of this thread."""

    spent = busy = 0.0

    def _run(self, *arrays: Array) -> Array:
        start, busy = time.perf_counter(), time.thread_time()
        made = super()._run(*arrays)
        self.spent += time.perf_counter() - start
        self.busy += time.thread_time() - busy
        return made


def opened(member: Member, folder: Path, width: float) -> TimedNetwork:
    """Return a member's network on the engine that serves here."""
    store, file = open_store(), folder / f"{member.name}.onnx"
    if member.converter == EMAP:
        NETWORKS["inswapper"](file, width)
    else:
        published_models.swapper(file, member)
    store.import_(file, name=member.name, accept_licence=True)
    source = np.full(member.source, 512**-0.5, np.float32)
    engine = load(
        graphs.step(store, member), "cpu", threads=os.cpu_count() or 1, samples=samples(member, source)[:1]
    )
    print_candidates(member.name, engine)
    return TimedNetwork(engine, member)


def measure(member: Member, folder: Path, options: OneShotOptions, width: float, rounds: int) -> None:
    """Print medians for one member."""
    frame, face = driver()[0]
    scale = 720 / frame.shape[0]
    frame, face = cv2.resize(frame, (1280, 720)), moved(face, scale=scale)
    network = opened(member, folder, width)
    swap = OneShotSwap(network, np.full(member.source, 512**-0.5, np.float32), None, 1, options)
    blend, took = Blender(), []
    for _ in range(rounds + 1):
        picture, network.spent, network.busy = frame.copy(), 0.0, 0.0
        start, busy = time.perf_counter(), time.thread_time()
        blend(picture, swap._patch(picture, face, True, options), face, Settings())
        whole, own = time.perf_counter() - start, time.thread_time() - busy
        took.append((whole, network.spent, own - network.busy))
    swap.close()
    print(_HEAD)
    total, inside, outside = 1000 * np.median(took[1:], axis=0)
    least = 1000 * min(each[2] for each in took)
    ways = f"{options.mask} | {face.size:.0f}"
    print(
        f"| {member.name} | {ways} | {total:.1f} | {inside:.1f} | {outside:.2f} | {least:.2f} "
        f"| {outside / total:.1%} |"
    )


def main() -> None:
    """Measure every member that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "members", nargs="*", default=["inswapper_128", "ghost_1_256", "simswap_unofficial_512"]
    )
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--boost", type=int, default=1)
    parser.add_argument("--box", action="store_true")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VISARD_HOME"] = folder
        open_store().import_(
            published_models.identity(Path(folder) / "identity.onnx"), name=IDENTITY, accept_licence=True
        )
        mask = MaskKind.box if asked.box else MaskKind.face
        for name in asked.members:
            options = OneShotOptions(model=name, pixel_boost=asked.boost, mask=mask)
            measure(MEMBERS[name], Path(folder), options, asked.width, asked.rounds)


if __name__ == "__main__":
    main()
