import pytest

from visard.daemon.foreground.keys import CTRL_C, ESCAPE, HELP, Command, SwitchTo, press
from visard.daemon.pipeline.recipe import Switches

START = Switches()


def after(keys, switches=START):
    for key in keys:
        switches = press(key, switches)
    return switches


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("w", "zoom", 1.1), ("W", "zoom", 1.1), ("s", "zoom", 1), ("u", "pan_y", -0.1), ("j", "pan_y", 0.1),
        ("h", "pan_x", -0.1), ("k", "pan_x", 0.1), ("z", "opacity", 0.9), ("c", "opacity", 1),
        ("t", "mirror", True), ("o", "landmarks", True),
    ],
)  # fmt: skip
def test_keys_change_settings(key, field, value):
    assert getattr(press(key, START).settings, field) == value
    assert START.settings.zoom == 1, "the old switches stays as it is"


def test_off_and_on():
    assert after("0").paused
    assert not after("00").paused


def test_reset_view_touches_only_the_view():
    switches = after("wwwkjt" + "Z")
    assert (switches.settings.zoom, switches.settings.pan_x, switches.settings.pan_y) == (1, 0, 0)
    assert switches.settings.mirror


@pytest.mark.parametrize(("key", "field"), [("w", "zoom"), ("k", "pan_x"), ("j", "pan_y"), ("z", "opacity")])
def test_any_number_of_presses_stays_valid(key, field):
    settings = after(key * 60).settings
    assert type(settings).model_validate(settings.model_dump()) == settings
    assert getattr(settings, field) == {"zoom": 4, "pan_x": 1, "pan_y": 1, "opacity": 0.8}[field]


@pytest.mark.parametrize(
    ("key", "outcome"),
    [
        ("1", SwitchTo(0)), ("9", SwitchTo(8)), ("a", Command.previous), ("D", Command.following),
        ("q", Command.generate), ("x", Command.calibrate), ("f", Command.seek), ("l", Command.reload),
        ("i", Command.rate), (ESCAPE, Command.quit), (CTRL_C, Command.quit), ("!", None), ("", None),
        ("12", None), ("é", None),
    ],
)  # fmt: skip
def test_keys_that_ask_for_more(key, outcome):
    assert press(key, START) == outcome


def test_no_key_reveals_the_real_face():
    for code in range(256):
        outcome = press(chr(code), START)
        assert not isinstance(outcome, Switches) or not outcome.reveal


def test_help_names_every_command():
    assert all(
        word in HELP for word in ("persona", "zoom", "pan", "opacity", "calibrate", "reference", "quit")
    )
