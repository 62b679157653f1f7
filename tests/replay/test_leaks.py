"""Whatever else is in view, no face of the input goes out."""

import pytest
from dense_faces import Spot
from leaks import REAL, likeness, play
from people import portrait
from scenes import GENERATED, LARGE, SMALL, photo

from visard.daemon.config.settings import Mode
from visard.daemon.guard.blur import blurred
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare


@pytest.fixture(scope="module")
def persona():
    worn = prepare(Library().resolve(GENERATED[-1]), Mode.swap)
    yield worn
    worn.prepared.close()


def test_the_question_tells_a_real_face_from_a_blurred_and_another_one():
    image, spot = portrait("marco").image, photo("marco")(0).face
    other = portrait("walter").image
    assert likeness(image, image, spot) > 0.99
    assert likeness(image, blurred(image), spot) < REAL / 2
    assert likeness(image, other, Spot(*spot)) < REAL / 2


@pytest.mark.slow
@pytest.mark.parametrize("scene", [*SMALL, *LARGE[::4]], ids=lambda make: make().name)
def test_no_face_goes_out(scene, persona):
    played = scene()
    truth = [played.faces(number) for number in range(played.frames)]
    leaks = play(played, truth, persona)
    assert leaks.frames == played.frames
    assert leaks.faces > 0
    assert leaks.real == 0, f"real faces in frames {leaks.bad}"
