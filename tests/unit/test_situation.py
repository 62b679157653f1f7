"""What the guard is told when a recipe has just been replaced."""

import numpy as np
import pytest
from fakes import HEIGHT, WIDTH, Reel, face_at, recipe, worn

from visard.daemon.config.settings import Mode
from visard.daemon.guard.gate import Composed
from visard.daemon.guard.rules import FaceEvidence
from visard.daemon.media.frame import Frame
from visard.daemon.pipeline.capture import Capture
from visard.daemon.pipeline.guard_input import facts, words
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.models.face import Sighting

FRAME = Frame(0, 0.0, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
LOOK = FaceEvidence(Sighting((face_at(90, 130),)), None, frozenset({1}))


@pytest.mark.parametrize(
    ("mode", "made", "animate"),
    [
        (Mode.animate, Composed(FRAME, FRAME.image, LOOK, animated=False), False),  # may hold camera pixels
        (Mode.animate, Composed(FRAME, FRAME.image, LOOK, animated=True), True),
        (Mode.swap, Composed(FRAME, FRAME.image, LOOK, animated=True), True),
        (Mode.animate, None, True),
        (Mode.swap, Composed(FRAME, FRAME.image, None), False),
        (Mode.animate, Composed(FRAME, FRAME.image, None), True),
    ],
)
def test_a_frame_is_judged_by_how_it_was_made(mode: Mode, made: Composed | None, animate: bool) -> None:
    recipe = Recipe(worn(mode=mode))
    known = facts(recipe, Switches(), Capture(Reel(1)), made, late=True)
    assert (known.animate, known.late) == (animate, True)


def test_the_card_says_why_it_is_there() -> None:
    here = Capture(Reel(1))
    away = Capture(None, format=here.format)
    assert words(Recipe(), Switches(paused=True), here).text == "Paused"
    assert words(Recipe(), Switches(), here).text == "No persona chosen"
    assert words(recipe(), Switches(), here).text == "One moment"
    assert words(recipe(), Switches(), away).text == "One moment"
    away._lose("the cable was pulled")
    assert "camera is gone" in words(recipe(), Switches(), away).text
