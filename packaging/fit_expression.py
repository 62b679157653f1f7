"""Fit the expression table: python packaging/fit_expression.py CLIP... OUT.npz

Ridge regression of landmark displacements (upright centimetres) on the 52 expression coefficients. Each clip
has its own intercept, so that who the person is costs nothing; each clip is also seen in the mirror, so that
the table is symmetric; head pose takes part as a nuisance, so that the landmark network's errors at turned
heads are not taken for expression. Prints the variance explained, also for clips left out of the fit.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.geometry.expression import mirrored_coefficients, mirrored_landmarks
from visard.models.geometry.pose import fit_pose
from visard.models.track.landmarker import Blendshapes
from visard.models.track.tracker import Tracker

Floats = npt.NDArray[np.float64]
RIDGE = 1e-3


@dataclass
class Clip:
    """One person's frames: coefficients [n, 52], upright landmarks [n, 478, 3], yaw and pitch in degrees."""

    name: str
    coefficients: Floats
    landmarks: Floats
    pose: Floats

    def mirrored(self) -> "Clip":
        """The same clip seen in a mirror."""
        return Clip(
            self.name,
            self.coefficients[:, mirrored_coefficients()],
            self.landmarks[:, mirrored_landmarks()] * (-1, 1, 1),
            self.pose * (-1, 1),
        )

    def centred(self) -> tuple[Floats, Floats]:
        """Regressors and displacements, both about the clip's own mean."""
        turn = self.pose / 20
        inputs = np.concatenate([self.coefficients, turn, turn**2], 1)
        outputs = self.landmarks.reshape(len(self.landmarks), -1)
        return inputs - inputs.mean(0), outputs - outputs.mean(0)


def follow(path: Path) -> Clip:
    """Track the largest face of a clip."""
    capture, tracker, blendshapes = cv2.VideoCapture(str(path)), Tracker(), Blendshapes()
    rows = []
    while (frame := capture.read())[0]:
        faces = tracker.update(frame[1], len(rows) / 30).faces
        if faces:
            raw = max(faces, key=lambda face: face.size).raw
            pose = fit_pose(raw)
            rows.append((blendshapes(raw), pose.upright(raw), pose.degrees[:2]))
    if not rows:
        sys.exit(f"{path}: no face was found")
    return Clip(path.name, *(np.array(column, np.float64) for column in zip(*rows, strict=True)))


def fit(clips: list[Clip]) -> Floats:
    """The table [52, 478 * 3]; every clip has the same weight."""
    both = [view.centred() for clip in clips for view in (clip, clip.mirrored())]
    left = sum(x.T @ x / len(x) for x, _ in both)
    right = sum(x.T @ y / len(x) for x, y in both)
    return np.linalg.solve(left + RIDGE * len(both) * np.eye(len(left)), right)[:52]


def explained(table: Floats, clips: list[Clip]) -> float:
    """Share of the landmarks' variance that the expression coefficients explain."""
    rest = total = 0.0
    for inputs, outputs in (clip.centred() for clip in clips):
        rest += float(((outputs - inputs[:, :52] @ table) ** 2).sum())
        total += float((outputs**2).sum())
    return 1 - rest / total


def save(table: Floats, out: Path) -> None:
    """Write the table in half precision, whole or not at all."""
    part = out.with_suffix(".part.npz")
    np.savez(part, table=table.reshape(52, 478, 3).astype(np.float16))
    part.replace(out)


def main() -> None:
    """Fit on the clips given and say how good it is."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    clips = [follow(Path(name)) for name in sys.argv[1:-1]]
    table = fit(clips)
    print(f"all clips: {explained(table, clips):.3f}")
    for clip in clips if len(clips) > 1 else ():
        others = fit([other for other in clips if other is not clip])
        print(f"{clip.name}: {explained(table, [clip]):.3f}, left out {explained(others, [clip]):.3f}")
    save(table, Path(sys.argv[-1]))


if __name__ == "__main__":
    main()
