import ast
from dataclasses import replace

import numpy as np
import pytest
from fakes import DRIVER, face_at, picture, shows_driver

from visard.daemon.guard.blur import blurred
from visard.daemon.guard.card import card
from visard.daemon.guard.gate import Cleared, Composed, Gate, Words
from visard.daemon.guard.rules import FaceEvidence, Facts, GuardVerdict
from visard.daemon.media.frame import Frame
from visard.daemon.pipeline.sink_thread import SinkThread
from visard.daemon.pipeline.stats import Stats
from visard.models.face import Sighting

ON, WORDS = Facts(covers=True), Words("One moment")
GOOD = FaceEvidence(Sighting((face_at(90, 130),)), None, frozenset({1}))
LOST = FaceEvidence(Sighting(()), None, frozenset())


def made(look, value=50, number=0):
    return Composed(Frame(number, 0.0, picture(number)), np.full((240, 320, 3), value, np.uint8), look)


def raw(look, number=0):
    frame = Frame(number, 0.0, picture(number))
    return Composed(frame, frame.image, look)


def test_nobody_else_can_clear_a_picture():
    with pytest.raises(TypeError):
        Cleared(picture(0), GuardVerdict.frame, None, seal=object())


def test_an_outlet_refuses_what_was_not_cleared():
    class Sink:
        where = "nowhere"

    with pytest.raises(TypeError):
        SinkThread(Sink(), Stats(), live=True).send(picture(0))


def test_only_the_outlet_writes_to_sinks(repository):
    """Look through the source: a second caller of ``sink.write`` would be a way around the guard."""
    allowed = {
        "sink_thread.py",
        "endpoints.py",
        "convert.py",
        "_reconnecting.py",
    }  # all but the first are sinks that pass pictures on
    for path in (repository / "daemon/visard/daemon").rglob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr == "write" and "sink" in ast.unparse(node.value)
        ]
        assert not calls or path.name in allowed, path


def test_the_last_good_picture_stands_in_then_a_blur():
    gate = Gate(320, 240)
    good = gate.clear(ON, made(GOOD, 50), 1.0, WORDS)
    assert (good.verdict, good.frame is not None) == (GuardVerdict.frame, True)
    assert (good.image == 50).all()
    held = gate.clear(ON, raw(LOST, 1), 1.1, WORDS)
    assert held.verdict is GuardVerdict.last_good
    assert np.array_equal(held.image, good.image)
    lost = gate.clear(ON, raw(LOST, 2), 2.0, WORDS)
    assert lost.verdict is GuardVerdict.blur
    assert np.array_equal(lost.image, blurred(picture(2)))
    assert not shows_driver(lost.image)


def test_nothing_new_repeats_then_blurs_what_was_good():
    gate = Gate(320, 240)
    good = Composed(Frame(0, 0.0, picture(0)), picture(7), GOOD)
    gate.clear(ON, good, 1.0, WORDS)
    held, lost = gate.clear(ON, None, 1.2, WORDS), gate.clear(ON, None, 3.0, WORDS)
    assert (held.frame, held.image.tobytes()) == (None, good.picture.tobytes())
    assert (lost.frame, lost.verdict) == (None, GuardVerdict.blur)
    assert np.array_equal(lost.image, blurred(good.picture))


def test_a_blur_without_anything_that_was_good_is_repeated_as_the_card():
    """The picture that was blurred is not kept, since it showed the driver."""
    gate = Gate(320, 240)
    assert gate.clear(ON, raw(LOST), 1.0, WORDS).verdict is GuardVerdict.blur
    late = gate.clear(replace(ON, late=True), None, 1.1, WORDS)
    assert np.array_equal(late.image, card(320, 240, "One moment"))


def test_raw_goes_out_only_on_request_and_is_not_repeated_after():
    gate = Gate(320, 240)
    shown = gate.clear(Facts(reveal=True), raw(None), 1.0, WORDS)
    assert shows_driver(shown.image)
    assert shows_driver(gate.clear(Facts(reveal=True), None, 1.1, WORDS).image)
    for facts in (ON, Facts(), Facts(reveal=True, camera_gone=True)):
        assert not shows_driver(gate.clear(facts, None, 1.2, WORDS).image)


def test_the_real_face_of_an_earlier_time_is_not_shown_when_asked_for_again():
    gate = Gate(320, 240)
    gate.clear(Facts(reveal=True), raw(None), 1.0, WORDS)
    gate.clear(ON, made(GOOD, 50), 1.1, WORDS)
    assert not shows_driver(gate.clear(Facts(reveal=True), None, 60.0, WORDS).image)


def test_after_a_cut_faces_may_be_anywhere_and_nothing_earlier_stands_in():
    gate, elsewhere = Gate(320, 240), FaceEvidence(Sighting((face_at(240, 60),)), None, frozenset({1}))
    gate.clear(ON, made(GOOD, 50), 1.0, WORDS)
    assert gate.clear(ON, made(elsewhere, 60), 1.03, WORDS).verdict is GuardVerdict.last_good
    assert gate.clear(ON, replace(made(elsewhere, 70), cut=True), 1.06, WORDS).verdict is GuardVerdict.frame
    lost = gate.clear(ON, replace(raw(LOST), cut=True), 1.1, WORDS)
    assert lost.verdict is GuardVerdict.blur


def test_starting_shows_the_card():
    assert np.array_equal(Gate(320, 240).clear(ON, None, 0.0, WORDS).image, card(320, 240, "One moment"))


def test_animate_falls_back_to_the_portrait():
    gate, still = Gate(320, 240), np.full((50, 50, 3), 33, np.uint8)
    shown = gate.clear(Facts(covers=True, animate=True), raw(LOST), 0.0, Words("x", still))
    assert shown.verdict is GuardVerdict.card
    assert shown.image[120, 160].tolist() == [33, 33, 33]
    paused = gate.clear(Facts(animate=True), raw(LOST), 0.0, Words("Paused", still))
    assert np.array_equal(paused.image, card(320, 240, "Paused"))


@pytest.mark.parametrize(
    "facts",
    [ON, replace(ON, camera_gone=True), replace(ON, animate=True, camera_gone=True), Facts(animate=True)],
)
def test_the_portrait_replaces_the_card_only_while_it_would_be_moved(facts):
    gate, words = Gate(320, 240), Words("x", np.full((50, 50, 3), 33, np.uint8))
    assert np.array_equal(gate.clear(facts, None, 0.0, words).image, card(320, 240, "x"))


@pytest.mark.parametrize(("stripe", "low", "high"), [(80, 0, 2), (160, 105, 121)])
@pytest.mark.parametrize("turns", [0, 1])
def test_a_blur_has_no_more_in_it_than_nine_rows_of_sixteen(stripe, low, high, turns):
    """Of black and white stripes as wide as a pixel of these nothing is left; of wider ones a half."""
    row = np.where(np.arange(1280) // stripe % 2, 255, 0).astype(np.uint8)
    image = np.broadcast_to(row[None, :, None], (720, 1280, 3))
    out = blurred(np.ascontiguousarray(np.rot90(image, turns)))
    assert low <= np.ptp(out[100:-100, 100:-100]) <= high


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (1280, 720), (33, 21), (2, 2)])
def test_blur_leaves_no_detail(size):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = blurred(noise)
    assert out.shape == noise.shape
    if min(size) > 100:
        assert np.abs(np.diff(out.astype(int), axis=1)).max() < 12


def test_a_face_that_fills_the_frame_is_blurred_past_finding():
    assert not shows_driver(blurred(np.ascontiguousarray(DRIVER.repeat(2, 0).repeat(2, 1))))


def test_card_is_read_only_cached_and_fits():
    first = card(320, 240, "Paused")
    assert first is card(320, 240, "Paused")
    assert not first.flags.writeable
    long = card(160, 120, "a rather long line of text that would not fit at the usual size")
    assert np.array_equal(long[:, :4], np.broadcast_to(long[0, 0], (120, 4, 3)))
