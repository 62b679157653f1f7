"""Count real faces that go out, a line for each clip: python tests/bench/leaks.py CLIP... [--png DIR].

A clip is a video, a picture (shown for a second), or the name of a scene of ``scenes``.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dense_faces import Spot, faces
from leaks import play

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.media.video import VideoReader
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare
from visard.models.face import Image
from visard.models.portrait import read_picture

PICTURES = {".jpg", ".png", ".avif", ".webp"}


def pictures(clip: Path) -> Iterable[Image]:
    """Yield the pictures of a file."""
    if clip.suffix in PICTURES:
        image = read_picture(clip)
        yield from (image.copy() for _ in range(30))
        return
    with VideoReader(clip) as reader:
        yield from (image for image, _ in reader)


def writer(folder: Path | None, name: str):
    """Return what writes a picture that leaks beside its input, faces boxed; red: real."""

    def write(number: int, given: Image, out: Image, spots: list[Spot], real: dict[Spot, float]) -> None:
        pair = [given.copy(), out.copy()]
        for image in pair:
            for spot in {*spots, *real}:
                low, high = (
                    (round(spot.x + s * spot.size), round(spot.y + s * spot.size)) for s in (-0.5, 0.5)
                )
                cv2.rectangle(image, low, high, (0, 0, 255) if spot in real else (0, 255, 0), 2)
                text = f"{real[spot]:.2f}" if spot in real else ""
                cv2.putText(image, text, low, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 255), 2)
        assert folder is not None
        cv2.imwrite(str(folder / f"{name}-{number:04}.png"), np.hstack(pair))

    return write if folder else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--png", type=Path)
    parser.add_argument("--persona", default="clara")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    settings = Settings.model_validate(dict(pair.split("=") for pair in args.set))
    persona = prepare(Library().resolve(args.persona), Mode.swap)
    if args.png:
        args.png.mkdir(parents=True, exist_ok=True)
    print(f"{'clip':36} frames  faces   real    bad   held   blur  best-of-the-rest  where")
    bad = 0
    for clip in map(Path, args.clips):
        truth = faces(lambda clip=clip: pictures(clip), f"{clip} {clip.stat().st_size}")
        leaks = play(pictures(clip), truth, persona, settings, show=writer(args.png, clip.stem))
        bad += leaks.real
        print(f"{clip.name:36} {leaks.row()}", flush=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
