"""How a persona would look before it is kept: beside its photo, the demo driver with its face."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.video import VideoReader
from visard.daemon.personas.prepare import mode_for, prepare
from visard.daemon.personas.record import Persona
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.daemon.sources.demo import CLIP
from visard.models.face import Face, Image, Sighting
from visard.models.picture_file import read_picture
from visard.models.processor import Report
from visard.models.track.tracker import Tracker

MOMENTS = (6.0, 4.0, 5.7, 0.8)
"""Seconds of the demo clip where the driver looks straight ahead, smiles, talks, and is turned away most."""
_HEIGHT = 360
_MARGIN = 0.45
"""What is shown around the face, as a share of it."""


def trial(persona: Persona, report: Report = lambda _share, _text: None) -> Image:
    """Return one picture, BGR, of the photo and what becomes of the demo driver at MOMENTS, side by side.

    A model without a photo is shown alone. Raises what preparing the persona raises.
    """
    made = prepare(persona, mode_for(persona), report)
    try:
        tiles = [read_picture(persona.picture, _HEIGHT * 2)] if persona.picture else []
        for image, face in _driver():
            report(len(tiles) / (len(MOMENTS) + 1), "trying it on")
            height, width = image.shape[:2]
            compositor = Compositor(Format(width, height, 30, live=False), Stats(), patience=60)
            frame, switches = Frame(0, 0.0, image.copy()), Switches(Settings())
            picture = compositor(frame, Sighting((face,)), Recipe(made), switches, 0.0).picture
            tiles.append(picture if made.mode is Mode.animate else _around(picture, face))
    finally:
        made.prepared.close()
    return _side_by_side(tiles)


def _driver() -> Iterator[tuple[Image, Face]]:
    """Yield the driver at each of MOMENTS, and the face in it."""
    rest, found = sorted(MOMENTS), {}
    with VideoReader(CLIP) as reader:
        for image, now in reader:
            if now >= rest[0] - 1e-3:
                found[rest.pop(0)] = image.copy()
                if not rest:
                    break
    for moment in MOMENTS:
        (face, *_) = Tracker(max_faces=1).update(found[moment], 0.0).faces
        yield found[moment], face


def _around(picture: Image, face: Face) -> Image:
    x, y = face.centre
    half = face.size * (0.5 + _MARGIN)
    top, left = max(round(y - half), 0), max(round(x - half), 0)
    return picture[top : round(y + half), left : round(x + half)]


def _side_by_side(tiles: Sequence[Image]) -> Image:
    """Return tiles of one height, and none wider than high, in a row."""
    return np.ascontiguousarray(np.hstack([_fitted(tile) for tile in tiles]))


def _fitted(tile: Image) -> Image:
    height, width = tile.shape[:2]
    scale = min(_HEIGHT / height, _HEIGHT / width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    scaled = cv2.resize(tile, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    above = (_HEIGHT - size[1]) // 2
    below = _HEIGHT - size[1] - above
    return np.asarray(cv2.copyMakeBorder(scaled, above, below, 0, 0, cv2.BORDER_CONSTANT), np.uint8)
