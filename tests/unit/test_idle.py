"""When the camera is on."""

from collections.abc import Callable

import pytest

from visard.daemon.service import idle
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


class Later:
    """A timer that goes off when the test says so."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call = seconds, call
        self.on = False

    def start(self) -> None:
        self.on = True

    def cancel(self) -> None:
        self.on = False


class Camera:
    """Keeps what it was told, and the timers that were set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        self.timers: list[Later] = []
        monkeypatch.setattr(idle, "Timer", self._later)
        sleep = lambda: self.told.append("sleep")  # noqa: E731
        self.monitor = IdleMonitor(lambda: self.told.append("wake"), sleep, demand=Demand(readers=0))

    def _later(self, seconds: float, call: Callable[[], None]) -> Later:
        self.timers.append(Later(seconds, call))
        return self.timers[-1]

    def pass_time(self) -> None:
        """Let every timer that is on go off."""
        for timer in [timer for timer in self.timers if timer.on]:
            timer.on = False
            timer.call()


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Camera:
    return Camera(monkeypatch)


def test_wakes_at_once_and_sleeps_after_a_while(camera: Camera) -> None:
    camera.monitor.update(readers=1)
    assert camera.told == ["wake"]
    camera.monitor.update(readers=2)
    camera.monitor.update(readers=0)
    assert (camera.told, camera.timers[-1].seconds) == (["wake"], idle.LINGER)
    camera.pass_time()
    assert camera.told == ["wake", "sleep"]
    assert not camera.monitor.awake


def test_whoever_comes_back_in_time_finds_it_awake(camera: Camera) -> None:
    camera.monitor.update(readers=1)
    camera.monitor.update(readers=0)
    camera.monitor.update(readers=1)
    camera.pass_time()
    assert camera.told == ["wake"]
    assert camera.monitor.awake


def test_whoever_comes_back_while_the_timer_goes_off_finds_it_awake(camera: Camera) -> None:
    camera.monitor.update(readers=1)
    camera.monitor.update(readers=0)
    camera.monitor.update(readers=1)
    camera.timers[0].call()
    assert camera.told == ["wake"]


def test_pausing_lets_go_of_the_camera_and_resuming_takes_it(camera: Camera) -> None:
    camera.monitor.update(readers=1)
    camera.monitor.update(paused=True)
    camera.pass_time()
    assert camera.told == ["wake", "sleep"]
    camera.monitor.update(paused=False)
    assert camera.told == ["wake", "sleep", "wake"]


def test_closed_it_changes_nothing(camera: Camera) -> None:
    camera.monitor.update(readers=1)
    camera.monitor.update(readers=0)
    camera.monitor.close()
    camera.pass_time()
    assert camera.told == ["wake"]


def test_being_told_again_that_nobody_watches_does_not_keep_it_awake(camera: Camera) -> None:
    camera.monitor.update(readers=1)
    for _ in range(5):
        camera.monitor.update(readers=0)
    assert len(camera.timers) == 1
    camera.pass_time()
    assert camera.told == ["wake", "sleep"]


def test_it_sleeps_again_the_next_time(camera: Camera) -> None:
    for _ in range(2):
        camera.monitor.update(readers=1)
        camera.monitor.update(readers=0)
        camera.pass_time()
    assert camera.told == ["wake", "sleep"] * 2
