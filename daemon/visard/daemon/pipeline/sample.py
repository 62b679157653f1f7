"""What a persona makes of somebody: the thumbnail of a trained model, which has no picture of its own."""

import numpy as np

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.video import VideoReader
from visard.daemon.personas.prepare import prepare
from visard.daemon.personas.record import Persona
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.daemon.sources.demo import CLIP
from visard.models.face import Image, Sighting
from visard.models.processor import Report
from visard.models.track.tracker import Tracker

_MARGIN = 0.35
"""What is shown around the face, as a share of it."""


def sample(persona: Persona, report: Report = lambda _share, _text: None) -> Image:
    """Return a square picture, BGR, of the demo driver with this persona; raises what preparing it raises."""
    with VideoReader(CLIP) as reader:
        image = next(iter(reader))[0]
    (face, *_) = Tracker(max_faces=1).update(image, 0.0).faces
    made = prepare(persona, Mode.swap, report)
    try:
        height, width = image.shape[:2]
        compositor = Compositor(Format(width, height, 30, live=False), Stats(), patience=60)
        frame = Frame(0, 0.0, image.copy())
        picture = compositor(frame, Sighting((face,)), Recipe(made), Switches(Settings()), 0.0).picture
    finally:
        made.prepared.close()
    x, y = face.centre
    half = face.size * (0.5 + _MARGIN)
    top, left = max(round(y - half), 0), max(round(x - half), 0)
    return np.ascontiguousarray(picture[top : round(y + half), left : round(x + half)])
