"""``visard animate``: what is a portrait, what may move it, and what comes out."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from people import DAEMON, DEMO, driver
from test_cli import Call, call

from visard.daemon.foreground.convert import save
from visard.daemon.media.video import VideoReader

__all__ = ["call"]
WALTER = DAEMON / "personas/shipped/walter/picture.jpg"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A portrait that is in no library, wider than it is high."""
    image = cv2.copyMakeBorder(cv2.imread(str(WALTER)), 0, 0, 100, 140, cv2.BORDER_REPLICATE)
    save(np.asarray(image, np.uint8), tmp_path / "painting.png")
    return tmp_path / "painting.png"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """The driver in a picture."""
    save(driver()[2][0], tmp_path / "driver.png")
    return tmp_path / "driver.png"


def test_a_film_moves_a_photo_that_is_in_no_library(call: Call, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    status, told, err = call("animate", str(photo), str(DEMO), str(out), "--end", "0.3", "--json")
    assert (status, err) == (0, "")
    summary = json.loads(told)
    assert (summary["frames"], summary["passed"], summary["complete"]) == (9, 9, True)
    with VideoReader(out) as reader:
        assert (reader.format.width, reader.format.height) == (752, 512)
        image, _ = next(iter(reader))
    before = cv2.imread(str(photo))
    assert np.abs(image.astype(int)[:, :60] - before[:, :60]).mean() < 3, "the portrait fills the picture"
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.mp4"]


def test_a_picture_moves_a_persona_into_its_pose(call: Call, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert call("animate", "walter", str(picture), str(out), "--animator", "puppet")[0] == 0
    assert cv2.imread(str(out)).shape == cv2.imread(str(WALTER)).shape


def test_a_picture_without_a_driver(call: Call, tmp_path: Path) -> None:
    save(np.full((200, 200, 3), 90, np.uint8), tmp_path / "empty.png")
    status, _, err = call(
        "animate", "walter", str(tmp_path / "empty.png"), str(tmp_path / "out.png"), "--animator=puppet"
    )
    assert (status, err) == (
        1, "visard: no face in empty.png could drive (no face); nothing was written\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("nobody", "driver.png", "out.png"), 1, "there is no persona and no picture 'nobody'"),
        (("walter", "nothing.mp4", "out.mp4"), 1, "there is no file at nothing.mp4"),
        (("walter", "driver.png", "out.png", "--animator", "mesh"), 2,
         "mesh can not animate; choose one of: auto, fomm, liveportrait, puppet"),
        (("walter", "driver.png", "out.png", "--animator", "none"), 2, "there is no processor 'none'"),
        (("walter", "driver.png", "out.png", "--reference", "best"), 2, "--reference are for films"),
        (("walter", "driver.png", "out.png", "--reference", "worst"), 2, "'worst' is no time"),
        (("walter", "driver.png", "out.png", "--opacity", "1"), 2, "No such option"),
        (("walter", "driver.png", "out.png", "--animator", "puppet", "--option", "a=1"), 1,
         "puppet has no option 'a'"),
    ],
)  # fmt: skip
def test_what_cannot_be(
    call: Call, picture: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int,
    reason: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(picture.parent)
    found, _, err = call("animate", *arguments)
    assert (found, reason in err) == (status, True), err


def test_help_lists_the_options_of_animators_alone(call: Call) -> None:
    _, told, _ = call("animate", "--help")
    assert "Options of liveportrait, for --option" in told
    assert "one_shot" not in told


def test_names_of_animators_are_completed() -> None:
    from visard.daemon.cli.animate import command

    option = next(each for each in command.params if each.name == "processor")
    found = option.shell_complete(None, "p")  # type: ignore[arg-type]
    assert [each.value for each in found] == ["puppet"]
