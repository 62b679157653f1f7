"""Writes a video again and again and kills each writer at random: FOLDER SUFFIX SEED [ORIGINAL]."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoReader, VideoWriter

FRAMES = 120
ROUNDS = 12


def write(path: Path, told: int, original: Path | None) -> None:
    """Write all frames, with a byte told for each."""
    reader = VideoReader(original) if original else None
    with VideoWriter(path, Format(160, 120, 25, live=reader is None), original=reader) as writer:
        for number in range(FRAMES):
            writer.write(np.full((120, 160, 3), number % 200, np.uint8))
            os.write(told, b"x")


def main(folder: Path, suffix: str, seed: int, original: Path | None = None) -> None:
    chance = random.Random(seed)
    for number in range(ROUNDS):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            write(folder / f"{number}{suffix}", writing, original)
            os._exit(0)
        os.close(writing)
        seen, wanted = 0, FRAMES if number < 2 else chance.randrange(FRAMES)  # also while it is finished
        while seen < wanted:
            seen += len(os.read(reading, wanted - seen))
        time.sleep(chance.random() * 0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(number, seen)


main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *map(Path, sys.argv[4:]))
