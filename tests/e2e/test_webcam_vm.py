"""The camera source on a real kernel, with a driver that emulates webcams.

Set VISARD_VM=1 to run it: as root on x86-64 Debian it installs what it needs and boots a machine under QEMU.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def found(play: Callable[..., Path]) -> dict[str, Any]:
    """What the scenario in the guest found out."""
    job = play("webcam.py", limit=900)
    picture = cv2.imread(str(job / "vivid.png"))
    return json.loads((job / "webcam.json").read_text()) | {"picture": picture}


def test_cameras_are_listed_with_what_tells_them_apart(found: dict[str, Any]) -> None:
    assert [camera["index"] for camera in found["cameras"]] == [0, 1]
    assert [camera["name"] for camera in found["cameras"]] == ["vivid", "vivid"]
    assert len({camera["stable_id"] for camera in found["cameras"]}) == 2
    assert not any(camera["busy"] for camera in found["cameras"])


def test_pictures_come_in_the_size_and_move(found: dict[str, Any]) -> None:
    assert found["format"] == {"width": 640, "height": 360, "fps": 30, "live": True}
    assert found["moving"]
    bars = found["picture"][300]  # vivid's bars: white, yellow, cyan, green, magenta, red, blue, black
    blue_green_red = ["111", "011", "110", "010", "101", "001", "100", "000"]
    assert [
        "".join("1" if level > 100 else "0" for level in bars[40 + 80 * n]) for n in range(8)
    ] == blue_green_red


def test_a_camera_in_use_says_by_whom(found: dict[str, Any]) -> None:
    assert found["busy"] == [True, False]
    assert found["other"].startswith("SourceUnavailable vivid is in use by python")
    assert found["busy after"] == [False, False]


def test_closing_from_another_thread_ends_reading(found: dict[str, Any]) -> None:
    assert found["closed"][0] == "SourceEnded"


def test_a_camera_is_found_by_number_name_path_and_stable_id(found: dict[str, Any]) -> None:
    shape = [360, 640, 3]
    specs = found["specs"]
    assert (
        specs["camera:1"] == specs["camera:VIVID"] == specs["/dev/video1"] == found["by stable id"] == shape
    )
    assert specs["camera:7"][0] == "SourceUnavailable"
    assert "0: vivid" in specs["camera:7"][1]


def test_unplugging_is_a_lost_source_and_then_a_missing_one(found: dict[str, Any]) -> None:
    assert found["unplugged"][0] == "SourceLost"
    assert "unplugged" in found["unplugged"][1]
    assert found["afterwards"][0] == "SourceUnavailable"
