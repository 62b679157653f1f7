"""Who reads the virtual camera, and cameras that come and go, on a real kernel.

Set VISARD_VM=1 to run it: as root on x86-64 Debian it installs what it needs and boots a machine under QEMU.
VISARD_VM_LOOPBACK names a folder with the source of another v4l2loopback to test with than Debian's own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def found(play: Callable[..., Path]) -> dict[str, Any]:
    """What the scenario in the guest found out."""
    return dict(json.loads((play("viewers.py", limit=1200) / "viewers.json").read_text()))


@pytest.fixture(scope="module")
def old(found: dict[str, Any]) -> bool:
    """Whether the driver is one that sends no events."""
    return bool(found["version"].startswith("0.12"))


def act(found: dict[str, Any], name: str) -> dict[str, Any]:
    assert "error" not in found[name], found[name]["error"]
    return dict(found[name])


def test_the_driver_is_asked_where_it_answers(found: dict[str, Any], old: bool) -> None:
    assert act(found, "readers")["how"] == (
        "programs that have the device open" if old else "events of the driver"
    )


def test_a_writer_is_no_reader(found: dict[str, Any]) -> None:
    assert act(found, "readers")["at first"] == [0]


@pytest.mark.parametrize("reader", ["v4l2-ctl", "ffmpeg"])
def test_readers_come_and_go(found: dict[str, Any], reader: str) -> None:
    assert act(found, "readers")[reader]["told"] == [1, 0]


def test_who_calls_read_is_a_reader_too(found: dict[str, Any]) -> None:
    if found["version"].startswith("0.13"):
        pytest.skip("v4l2loopback 0.13 counts only those that stream")
    assert act(found, "plain_read")["told"] == [1, 0]


def test_a_browser_reads_only_while_a_page_shows_the_camera(found: dict[str, Any]) -> None:
    seen = act(found, "browser")
    assert seen["pictures"] == 5
    assert max(seen["told"]) == 1
    assert (seen["told"][0], seen["told"][-1]) == (0, 0)


def test_two_readers_are_two_where_the_driver_lets_them(found: dict[str, Any], old: bool) -> None:
    together = act(found, "together")
    assert together["both"] == (2 if old else 1)
    assert together["refused"] == (not old)


def test_a_reader_that_was_there_before_is_found(found: dict[str, Any]) -> None:
    assert act(found, "already_there")["told"][-1] == 1


def test_who_only_looks_or_holds_does_not_count(found: dict[str, Any]) -> None:
    assert act(found, "lookers")["told"] == [0]


def test_readers_of_another_user_count(found: dict[str, Any]) -> None:
    assert act(found, "stranger")["told"][:3] == [0, 1, 0]


def test_when_the_device_goes_nobody_reads_it(found: dict[str, Any], old: bool) -> None:
    gone = act(found, "gone")
    assert gone["told"] == [0]
    if old:
        assert gone["renamed"] == [0, 1, 0]
        assert gone["unloaded"]


def by_name(cameras: list[dict[str, Any]]) -> list[str]:
    return sorted(camera["name"] for camera in cameras)


def test_cameras_keep_their_names_under_other_numbers(found: dict[str, Any]) -> None:
    plugs = act(found, "plugs")
    assert plugs["calls"] >= 2
    first, second = (
        {camera["stable_id"]: camera["path"] for camera in plugs[time] if camera["name"] == "vivid"}
        for time in ("first", "second")
    )
    assert len(first) == 2
    assert first.keys() == second.keys()
    assert not set(first.items()) & set(second.items())


@pytest.mark.parametrize("time", ["first", "second"])
def test_other_loopback_devices_are_cameras_and_ours_are_not(found: dict[str, Any], time: str) -> None:
    assert by_name(act(found, "plugs")[time]) == ["Phone", "vivid", "vivid"]
