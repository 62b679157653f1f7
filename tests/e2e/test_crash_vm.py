"""What readers of the virtual camera get when its writer dies, on a real kernel; and what udev says of it.

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
    return dict(json.loads((play("crash.py", limit=1200) / "crash.json").read_text()))


def act(found: dict[str, Any], name: str) -> dict[str, Any]:
    assert "error" not in found[name], found[name]["error"]
    return dict(found[name])


def test_udev_calls_it_a_camera_before_anybody_writes(found: dict[str, Any]) -> None:
    set_up = act(found, "set_up")
    assert not set_up["captures"], "the driver does not say so itself"
    assert set_up["told"] == ["ID_V4L_CAPABILITIES=:capture:"]


def test_without_the_bridge_a_reader_gets_nothing(found: dict[str, Any]) -> None:
    """Otherwise the test below would prove nothing."""
    alone = act(found, "without_bridge")
    assert alone["before"]
    assert alone["after"] == 0


def test_the_bridge_repeats_the_last_picture_slowly(found: dict[str, Any]) -> None:
    gap = act(found, "with_bridge")["gap"]
    assert set(gap) == {3}
    assert 8 <= len(gap) <= 24, "two a second for eight seconds, with patience for an emulated machine"


@pytest.mark.parametrize(("name", "session"), [("without_bridge", 2), ("with_bridge", 4)])
def test_a_reader_keeps_its_stream_over_the_death_of_a_writer(
    found: dict[str, Any], name: str, session: int
) -> None:
    assert act(found, name)["back"], f"session {session} did not arrive"


def test_the_next_writer_ends_the_bridge(found: dict[str, Any]) -> None:
    assert act(found, "with_bridge")["controls"] == {"keep_format": "1", "sustain_framerate": "0"}


def test_a_camera_whose_writer_died_stays_in_the_lists(found: dict[str, Any]) -> None:
    assert act(found, "unwatched")["kept"]


def test_another_size_may_follow_a_death(found: dict[str, Any]) -> None:
    assert act(found, "unwatched")["size"] == "YU12:640x480"


def test_after_a_clean_end_the_camera_is_gone_from_the_lists(found: dict[str, Any]) -> None:
    assert not act(found, "unwatched")["ended"]


def test_after_a_clean_end_nothing_is_repeated(found: dict[str, Any]) -> None:
    assert act(found, "ended_well")["after"] == 0
