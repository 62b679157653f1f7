"""How well a film of swapped faces shows the persona and follows the driver, by networks that ship."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from visard.daemon.media.video import VideoReader
from visard.models.face import Face, Image
from visard.models.portrait import Portrait
from visard.models.track.recogniser import Recogniser
from visard.models.track.tracker import Tracker

_MOVED = 0.05
"""Deviation from which a coefficient of the driver's expression says something."""


class SwapScores(NamedTuple):
    """Means over a film."""

    persona: float
    """Cosine of SFace to the persona's photo."""
    driver: float
    """Cosine of SFace to the driver in the same frame."""
    expression: float
    """Correlation of expression coefficients with the driver's, over time."""
    faces: int
    """Frames in which both films show a face."""


def swap_scores(driver: Path, made: Path, persona: Portrait) -> SwapScores:
    """Compare two films frame by frame; where no face is seen in what was made, nothing is like anybody."""
    recogniser = Recogniser()
    wanted = recogniser(persona.image, persona.face.landmarks)
    theirs, ours = _faces(driver), _faces(made)
    likeness, moves = [], []
    for one, other in zip(theirs, ours, strict=True):
        if one is None or other is None:
            likeness.append((0.0, 0.0))
            continue
        seen, was = recogniser(other[0], other[1].landmarks), recogniser(one[0], one[1].landmarks)
        likeness.append((float(seen @ wanted), float(seen @ was)))
        moves.append((one[1].blendshapes, other[1].blendshapes))
    to_persona, to_driver = np.mean(likeness, 0)
    return SwapScores(float(to_persona), float(to_driver), _correlation(moves), len(moves))


def _faces(film: Path) -> list[tuple[Image, Face] | None]:
    tracker, found = Tracker(max_faces=1), []
    with VideoReader(film) as reader:
        for image, seconds in reader:
            faces = tracker.update(image, seconds).faces
            found.append((image.copy(), faces[0]) if faces else None)
    return found


def _correlation(moves: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the mean over all coefficients that the driver moves; 0 where too little is seen."""
    if len(moves) < 10:
        return 0.0
    driver, made = (np.array(each) for each in zip(*moves, strict=True))
    moved = driver.std(0) > _MOVED
    pairs = zip(driver[:, moved].T, made[:, moved].T, strict=True)
    return float(
        np.mean([np.corrcoef(one, other)[0, 1] if other.std() > 1e-6 else 0 for one, other in pairs])
    )
