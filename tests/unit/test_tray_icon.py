from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from visard.daemon.personas.library import SHIPPED
from visard.tray import thumbnails
from visard.tray.icon import draw
from visard.tray.texts import IconState

SIZES = (16, 22, 24, 32, 64)


def on(ground: str, icon: IconState, size: int) -> Image.Image:
    image = Image.new("RGBA", (size, size), ground)
    image.alpha_composite(draw(icon, size))
    return image


@pytest.mark.parametrize("size", SIZES)
def test_icons_have_their_size_and_a_clear_corner(size: int) -> None:
    for look in IconState:
        image = draw(look, size)
        assert (image.size, image.mode) == ((size, size), "RGBA")
        assert image.getpixel((0, 0))[3] < 255


@pytest.mark.parametrize("ground", ["#f2f2f2", "#2b2d31"])
@pytest.mark.parametrize("size", SIZES)
def test_icons_stand_out_from_the_panel(ground: str, size: int) -> None:
    empty = np.asarray(Image.new("L", (size, size), ground), float)
    for look in IconState:
        there = np.abs(np.asarray(on(ground, look, size).convert("L"), float) - empty) > 40
        assert there.mean() > 0.1, look


@pytest.mark.parametrize("ground", ["#f2f2f2", "#2b2d31"])
@pytest.mark.parametrize(("one", "other"), list(combinations(IconState, 2)))
def test_states_differ_in_shape_and_not_only_in_colour(one: IconState, other: IconState, ground: str) -> None:
    """Without colour, at the smallest usual size, some of the icon must look clearly different."""
    grey = [np.asarray(on(ground, look, 22).convert("L"), float) for look in (one, other)]
    assert (np.abs(grey[0] - grey[1]) > 48).mean() > 0.06


def test_only_the_real_face_is_red() -> None:
    for look in IconState:
        red, green, blue, alpha = np.asarray(draw(look, 32), float).transpose(2, 0, 1)
        share = ((red > 180) & (green < 80) & (blue < 90) & (alpha > 200)).mean()
        assert bool(share > 0.4) is (look is IconState.revealed), look


def test_thumbnails_are_discs_and_a_tick_shows() -> None:
    jpeg = (SHIPPED / "clara" / "thumbnail.jpg").read_bytes()
    small = thumbnails.small(jpeg)
    assert (small.size, small.mode) == ((thumbnails.SIZE, thumbnails.SIZE), "RGBA")
    assert small.getpixel((0, 0))[3] == 0
    assert small.getpixel((16, 16))[3] == 255
    changed = np.abs(np.asarray(small, int) - np.asarray(thumbnails.ticked(small), int)).max(2) > 30
    assert 0.1 < changed.mean() < 0.6


def test_thumbnails_are_fetched_once_and_forgotten_with_their_persona() -> None:
    jpeg = (SHIPPED / "clara" / "thumbnail.jpg").read_bytes()
    asked: list[str] = []

    def fetch(name: str) -> bytes:
        asked.append(name)
        return jpeg if name != "broken" else b"no picture"

    known = thumbnails.Thumbnails(fetch)
    assert set(known.of(["a", "b", "broken"])) == {"a", "b"}
    assert set(known.of(["a"])) == {"a"}
    assert set(known.of(["a", "b"])) == {"a", "b"}
    assert asked == ["a", "b", "broken", "b"]
