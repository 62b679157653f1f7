"""When the camera is on."""

import time
from collections.abc import Callable

import pytest

from visard.daemon.service.idle import Demand, IdleMonitor


@pytest.mark.parametrize(
    ("wanting", "needed"),
    [
        (Demand(readers=0), False),
        (Demand(readers=1), True),
        (Demand(readers=None), True),  # nobody can tell, so somebody may
        (Demand(readers=0, lookers=1), True),
        (Demand(readers=0, always=True), True),
        (Demand(readers=3, lookers=2, always=True, paused=True), False),
    ],
)
def test_who_needs_the_camera(wanting: Demand, needed: bool) -> None:
    assert wanting.needed is needed


class Camera:
    """Keeps what it was told."""

    def __init__(self, linger: float) -> None:
        self.told: list[str] = []
        self.attention = IdleMonitor(
            lambda: self.told.append("wake"), lambda: self.told.append("sleep"), linger, Demand(readers=0)
        )


def soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


def test_wakes_at_once_and_sleeps_after_a_while() -> None:
    camera = Camera(0.02)
    camera.attention.update(readers=1)
    assert camera.told == ["wake"]
    camera.attention.update(readers=2)
    camera.attention.update(readers=0)
    assert camera.told == ["wake"]
    assert soon(lambda: camera.told == ["wake", "sleep"])
    assert not camera.attention.awake


def test_whoever_comes_back_in_time_finds_it_awake() -> None:
    camera = Camera(1000)
    camera.attention.update(readers=1)
    camera.attention.update(readers=0)
    camera.attention.update(readers=1)
    assert camera.told == ["wake"]
    assert camera.attention.awake


def test_pausing_lets_go_of_the_camera_and_resuming_takes_it() -> None:
    camera = Camera(0.01)
    camera.attention.update(readers=1)
    camera.attention.update(paused=True)
    assert soon(lambda: camera.told[-1] == "sleep")
    camera.attention.update(paused=False)
    assert camera.told == ["wake", "sleep", "wake"]


def test_closed_it_changes_nothing() -> None:
    camera = Camera(0.01)
    camera.attention.update(readers=1)
    camera.attention.update(readers=0)
    camera.attention.close()
    time.sleep(0.05)
    assert camera.told == ["wake"]


def test_being_told_again_that_nobody_watches_does_not_keep_it_awake() -> None:
    camera = Camera(0.2)
    camera.attention.update(readers=1)

    def told() -> bool:
        camera.attention.update(readers=0)
        return camera.told == ["wake", "sleep"]

    assert soon(told)
