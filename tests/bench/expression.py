"""How far the output's expression is the driver's: lips, lids and brows, frame by frame.

usage: python -m tests.bench.expression CLIP... --persona X... [--made FOLDER] [--sheet FOLDER]

Landmarks are found anew on driver and output, without smoothing. ``--made``: outputs named CLIP-PERSONA.mp4
that are there are used instead of converting. ``--sheet``: pictures of the worst frames, driver above output.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from visard.daemon.media.video import VideoReader
from visard.models.face import IRIS_LEFT, IRIS_RIGHT, Image, Landmarks
from visard.models.geometry.canonical import BROW_LEFT, BROW_RIGHT
from visard.models.geometry.pose import fit_pose
from visard.models.track.tracker import Tracker

Floats = npt.NDArray[np.float64]

SHUT, APART = 0.025, 0.045
"""The middle of the inner lips over the mouth's width: below, a driver's lips are closed; above, open.

Seen on clips of people who do not speak it stays below 0.02; the output is called open above the second.
"""
LID_PAIRS = np.array([(159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373)])
LIP_PAIRS = np.array([(13, 14), (82, 87), (312, 317)])
CORNERS = np.array([33, 133, 263, 362])
WORST = 12


@dataclass(frozen=True, slots=True)
class Expression:
    """What is measured on one face."""

    lips: float
    """Gap of the inner lips over the mouth's width."""
    lids: float
    """Gap of the lids over the eyes' width, both eyes."""
    brows: float
    """Height of the brows over the corners of the eyes, over the distance of the pupils."""
    frown: float
    """Distance of the brows' inner ends over the distance of the pupils."""

    @classmethod
    def of(cls, landmarks: Landmarks) -> "Expression":
        """Measure on landmarks float32 [478, 3] with the pose taken away."""
        flat = fit_pose(landmarks).upright(landmarks)[:, :2]
        apart = np.linalg.norm(flat[IRIS_LEFT] - flat[IRIS_RIGHT])
        rise = flat[CORNERS, 1].mean() - flat[BROW_LEFT + BROW_RIGHT, 1].mean()
        return cls(
            _gaps(flat, LIP_PAIRS) / float(np.linalg.norm(flat[61] - flat[291])),
            _gaps(flat, LID_PAIRS) / float(np.linalg.norm(flat[[33, 263]] - flat[[133, 362]], axis=1).mean()),
            float(rise / apart),
            float(np.linalg.norm(flat[55] - flat[285]) / apart),
        )


def _gaps(flat: Landmarks, pairs: npt.NDArray[np.intp]) -> float:
    return float(np.linalg.norm(flat[pairs[:, 0]] - flat[pairs[:, 1]], axis=1).mean())


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of a clip with its one face."""

    image: Image
    landmarks: Landmarks
    expression: Expression


def seen(clip: Path) -> Iterator[Shown | None]:
    """Yield what each frame shows, None where no face is."""
    tracker = Tracker(max_faces=1)
    with VideoReader(clip) as reader:
        for frame, now in reader:
            faces = tracker.update(frame, now).faces
            if not faces:
                yield None
                continue
            points = faces[0].landmarks if faces[0].raw is None else faces[0].raw
            yield Shown(frame.copy(), points, Expression.of(points))


def correlation(pairs: list[tuple[Expression, Expression]], name: str) -> float:
    """Of one measure, driver and output; nan where the driver does not move."""
    ours, theirs = (np.array([getattr(p[k], name) for p in pairs]) for k in (1, 0))
    return float(np.corrcoef(ours, theirs)[0, 1]) if theirs.std() > 1e-6 else float("nan")


def row(pairs: list[tuple[Expression, Expression]]) -> dict[str, float]:
    """Give the numbers of one clip."""
    shut = [out.lips < APART for driver, out in pairs if driver.lips < SHUT]
    lids = np.array([(driver.lids, out.lids) for driver, out in pairs])
    usual = np.median(lids, axis=0)
    nearly = lids[:, 0] < 0.6 * usual[0]
    return {
        "frames": len(pairs),
        "shut": len(shut),
        "stay shut": float(np.mean(shut)) if shut else float("nan"),
        "lips r": correlation(pairs, "lips"),
        "lids r": correlation(pairs, "lids"),
        "brows r": correlation(pairs, "brows"),
        "frown r": correlation(pairs, "frown"),
        "nearly closed: driver": float((lids / usual)[nearly, 0].mean()) if nearly.any() else float("nan"),
        "output": float((lids / usual)[nearly, 1].mean()) if nearly.any() else float("nan"),
    }


def zoomed(shown: Shown, side: int = 200, reach: float = 0.62) -> Image:
    """Cut the face out, [side, side, 3]."""
    flat = shown.landmarks[:, :2]
    middle, size = (flat.min(0) + flat.max(0)) / 2, float(np.ptp(flat, axis=0).max()) * 2 * reach
    matrix = np.array([[side / size, 0, 0], [0, side / size, 0]], np.float32)
    matrix[:, 2] = side / 2 - matrix[:, :2] @ middle
    return np.asarray(cv2.warpAffine(shown.image, matrix, (side, side), flags=cv2.INTER_AREA), np.uint8)


def sheet(frames: list[tuple[int, Shown, Shown]], columns: int = 6) -> Image:
    """Driver above output for frames with their numbers."""
    cells = []
    for number, driver, out in frames:
        cell = np.vstack([zoomed(driver), zoomed(out)])
        text = f"{number} {driver.expression.lips:.2f} {out.expression.lips:.2f}"
        cv2.putText(cell, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 255, 0), 1, cv2.LINE_AA)
        cells.append(cell)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)])


def badness(driver: Expression, out: Expression, usual: tuple[float, float]) -> float:
    """How far lips and lids are off."""
    return abs(driver.lips - out.lips) + 0.5 * abs(driver.lids / usual[0] - out.lids / usual[1])


def measure(clip: Path, made: Path, picture: Path | None) -> dict[str, float]:
    """Compare a clip with what was made of it."""
    both = [(n, a, b) for n, (a, b) in enumerate(zip(seen(clip), seen(made), strict=False)) if a and b]
    pairs = [(a.expression, b.expression) for _, a, b in both]
    if picture is not None:
        usual = tuple(float(np.median([p[k].lids for p in pairs])) for k in (0, 1))
        worst = sorted(both, key=lambda f: -badness(f[1].expression, f[2].expression, (usual[0], usual[1])))
        cv2.imwrite(str(picture), sheet(sorted(worst[:WORST], key=lambda f: f[0])))
    return row(pairs)


def convert(clip: Path, persona: str, made: Path) -> None:
    """Put the persona on."""
    command = [sys.executable, "-m", "visard.daemon", "convert", clip, made, "--persona", persona]
    subprocess.run([*command, "--ignore-enrolment", "--json"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--persona", nargs="+", required=True)
    parser.add_argument("--made", type=Path)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        titled = False
        for clip in given.clips:
            for persona in given.persona:
                name = f"{clip.stem}-{Path(persona).stem}"
                made = (given.made or Path(folder)) / f"{name}.mp4"
                if not made.exists():
                    convert(clip, persona, made)
                numbers = measure(clip, made, given.sheet and given.sheet / f"{name}.png")
                if not titled:
                    print("| clip | " + " | ".join(numbers) + " |\n|" + "---|" * (len(numbers) + 1))
                    titled = True
                print(f"| {name} | " + " | ".join(f"{v:.3g}" for v in numbers.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
