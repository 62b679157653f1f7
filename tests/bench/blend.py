"""Prints how long blending one face takes: python tests/bench/blend.py."""

import time
from collections.abc import Callable

import cv2
import numpy as np

from visard.daemon.config.settings import Colour, Settings
from visard.daemon.guard.blur import blurred
from visard.daemon.pipeline.blend import Blender
from visard.models.face import Face
from visard.models.processor import Patch

SIDE, ROUNDS = 400, 100


def median(work: Callable[[], object]) -> float:
    """Return the median of many rounds in milliseconds."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000


def main() -> None:
    """Blend a 400x400 patch into a 1280x720 frame on one thread, with one setting at a time."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (720, 1280, 3), np.uint8)
    image = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    mask = cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), (200, 200), (150, 190), 0, 0, 360, 255, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 8), np.uint8)
    points = np.add(rng.uniform(0, 380, (478, 3)), (300, 100, 0)).astype(np.float32)
    points[:, :2] = points[:, :2] * 0.2 + (400, 260)
    face, blender = Face(1, points, np.zeros(52, np.float32)), Blender()
    straight = Patch(image, mask, np.array([[1, 0, 300], [0, 1, 100]], np.float32))
    turned = Patch(image, mask, np.array([[1.1, 0.1, 300], [-0.1, 1.1, 100]], np.float32))
    cases = {
        "defaults": (straight, Settings()),
        "turned patch": (turned, Settings()),
        **{f"colour {c}": (straight, Settings(colour=c)) for c in list(Colour)[2:]},
        "grow and blur": (straight, Settings(mask_grow=0.1, mask_blur=0.1)),
        "keep mouth": (straight, Settings(keep_mouth=True)),
        "sharpen": (straight, Settings(sharpen=0.5)),
        "opacity": (straight, Settings(opacity=0.5)),
    }
    for name, (patch, settings) in cases.items():
        print(f"{name:24} {median(lambda p=patch, s=settings: blender(frame, p, face, s)):6.2f} ms")
    print(f"{'blur the whole frame':24} {median(lambda: blurred(frame)):6.2f} ms")


if __name__ == "__main__":
    main()
