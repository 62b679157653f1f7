"""What reading and writing video costs a frame, as JSON: python tests/bench/video.py CLIP."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import cv2

from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoReader, VideoWriter

FRAMES = 300


def timed(work: Callable[[], Iterable[object]]) -> dict[str, float]:
    """Return wall and CPU milliseconds a frame."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in work())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_ms": round(1000 * wall / count, 2), "cpu_ms": round(1000 * cpu / count, 2), "frames": count}


def by_opencv(clip: Path) -> Iterable[object]:
    """Read as most programs do."""
    capture = cv2.VideoCapture(str(clip))
    for _ in range(FRAMES):
        good, image = capture.read()
        if not good:
            return
        yield image


def by_us(clip: Path) -> Iterable[object]:
    """Read as Visard does."""
    with VideoReader(clip) as reader:
        yield from islice(reader, FRAMES)


def written(clip: Path, target: Path, live: bool) -> Iterable[object]:
    """Write pictures decoded before."""
    pictures = [image for image, _ in islice(VideoReader(clip), 60)]
    height, width = pictures[0].shape[:2]
    with VideoWriter(target, Format(width, height, 30, live=live)) as writer:
        for image in pictures:
            yield writer.write(image)


def main(clip: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {"read, OpenCV": timed(lambda: by_opencv(clip)), "read, Visard": timed(lambda: by_us(clip))}
        for name, live in (("live", True), ("convert", False)):
            for suffix in (".mp4", ".webm"):
                target = Path(folder, f"out{suffix}")
                found[f"write{suffix}, {name}"] = timed(lambda t=target, x=live: written(clip, t, x))  # type: ignore[misc]
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
