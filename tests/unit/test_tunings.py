"""Tuning in the daemon: one at a time, beside it, given up at once, and nothing of the driver is left."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pretended_tuning
import psutil
import pytest
from dfm_files import tinted
from test_service import soon

from visard.daemon.api.requests import TuneRequest
from visard.daemon.api.schema import Consent, Job
from visard.daemon.config import paths
from visard.daemon.errors import PersonaError, PersonaUnknown, TuningError
from visard.daemon.personas.library import SHIPPED, Library
from visard.daemon.personas.record import PICTURE
from visard.daemon.pipeline import tuning
from visard.daemon.service import tuning_child
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.tunings import Tunings
from visard.models.portrait import examine

Pretend = Callable[[str], None]
JPEG = cv2.imencode(".jpg", np.zeros((36, 64, 3), np.uint8))[1].tobytes()


class World:
    """A library, its tunings, and a camera that sees black until it is lost."""

    def __init__(self) -> None:
        self.library = Library()
        self.lost = Event()
        self.tunings = self.anew()

    def anew(self) -> Tunings:
        self.jobs = Jobs(lambda: None)
        return Tunings(self.jobs, self.library, self.camera, self.library.keep_correction)

    def camera(self) -> Iterator[tuple[bytes, float]]:
        while not self.lost.wait(0.01):
            yield JPEG, time.monotonic()
        raise TuningError("the camera gives no picture: unplugged")

    def begin(self, name: str = "mine", **wanted: object) -> Job:
        return self.tunings.start(name, TuneRequest.model_validate(wanted))

    def ended(self, job: Job) -> Job:
        assert soon(lambda: self.now(job).done, 60), self.now(job)
        return self.now(job)

    def now(self, job: Job) -> Job:
        return next(each for each in self.jobs.all() if each.id == job.id)


@pytest.fixture
def world(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(tuning_child, "WORKER", pretended_tuning.__name__)
    monkeypatch.setattr(tuning, "find_spec", lambda _: True)
    made = World()
    made.library.add(SHIPPED / "hanna" / PICTURE, "mine", Consent.generated)
    yield made
    made.tunings.close()


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    return lambda how: monkeypatch.setenv("PRETEND", how)


def left() -> list[str]:
    return sorted(path.name for path in (paths.cache() / "tuning").glob("*"))


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if pretended_tuning.__name__ in " ".join(child.cmdline())
    ]


def test_what_is_found_is_put_on_with_pictures_and_numbers(world: World) -> None:
    job = world.begin()
    assert (job.tunes, job.cancellable) == ("mine", True)
    over = world.ended(job)
    assert (over.error, over.progress) == (None, 1.0)
    assert world.library.get("mine").record.tuned is not None
    found = world.tunings.get("mine")
    assert (found.over, found.preview, found.comparison, found.refused) == (True, True, True, None)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.persona, found.after.persona) == (0.5, 0.7)
    assert world.tunings.comparison("mine").startswith(b"\x89PNG")
    assert world.tunings.preview("mine").startswith(b"\xff\xd8")
    assert left() == ["lock"]
    assert world.tunings.all() == (found,)


def test_what_is_refused_changes_nothing(world: World, pretend: Pretend) -> None:
    pretend("refused")
    before = world.library.get("mine").record
    assert world.ended(world.begin()).error is None
    assert world.tunings.get("mine").refused == "it trembles"
    assert world.library.get("mine").record == before


@pytest.mark.parametrize(
    ("how", "words"),
    [("crash", "SIGABRT"), ("bug", "KeyError: 'a bug'; its log is "), ("full", "No space left on device")],
)
def test_what_goes_wrong_is_told_in_one_sentence(
    world: World, pretend: Pretend, how: str, words: str
) -> None:
    pretend(how)
    before = world.library.get("mine").record
    error = world.ended(world.begin()).error
    assert error is not None
    assert words in error
    assert world.tunings.get("mine").error == error
    assert (world.library.get("mine").record, left(), children()) == (before, ["lock"], [])


def test_given_up_it_ends_at_once_and_another_one_can_begin(world: World, pretend: Pretend) -> None:
    pretend("hang")
    job = world.begin()
    assert soon(lambda: world.now(job).step == "learning", 60)
    assert children()[0].nice() == 10
    with pytest.raises(TuningError, match="being tuned just now"):
        world.begin("hanna")
    with pytest.raises(TuningError, match="being tuned just now"), tuning.alone():
        pass
    assert world.jobs.cancel(job.id)
    assert "given up" in str(world.ended(job).error)
    with pytest.raises(PersonaUnknown):
        world.tunings.get("mine")
    assert (left(), children()) == (["lock"], [])
    assert world.library.get("mine").record.tuned is None
    pretend("")
    assert world.ended(world.begin()).error is None


def test_the_end_of_the_daemon_is_its_end(world: World, pretend: Pretend) -> None:
    pretend("hang")
    job = world.begin()
    assert soon(lambda: world.now(job).step == "learning", 60)
    world.tunings.close()
    assert (left(), children()) == (["lock"], [])
    assert "Visard ended" in str(world.ended(job).error)


def test_what_a_killed_one_left_is_deleted_at_the_next_start(world: World) -> None:
    with tuning.alone() as folder:
        (folder / "driver.part1.mp4").write_bytes(b"me")
        (folder / "more").mkdir()
        tuning.sweep()  # not while it is at work
        assert left() == ["driver.part1.mp4", "lock", "more"]
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "driver.part1.mp4").rename(paths.cache() / "kept")
    (paths.cache() / "kept").rename(folder / "driver.part1.mp4")
    tuning.sweep()
    assert left() == ["lock"]


@pytest.mark.parametrize("keep", [False, True])
def test_the_camera_is_looked_at_for_a_minute_and_kept_on_request_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    monkeypatch.setattr(tuning, "MINUTE", 1.5)
    assert world.ended(world.begin(driver="camera", keep_clip=keep)).error is None
    found = world.tunings.get("mine")
    clips = list((paths.data() / "drivers").glob("*"))
    assert [str(path) for path in clips] == ([found.clip] if keep else [])
    assert left() == ["lock"]
    if keep:
        times = [float(each) for each in clips[0].read_text().split()]
        assert times == sorted(times)
        assert len(times) > 5
        assert times[-1] < 1.5


def test_a_camera_that_is_lost_ends_it(world: World) -> None:
    job = world.begin(driver="camera", keep_clip=True)
    assert soon(lambda: world.now(job).step == "talk and look around", 60)
    world.lost.set()
    assert world.ended(job).error == "the camera gives no picture: unplugged"
    assert left() == ["lock"]
    assert not list(paths.data().glob("drivers/*"))


def test_nobody_before_the_camera_is_one_sentence(
    world: World, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend("nobody")
    monkeypatch.setattr(tuning, "MINUTE", 0.5)
    assert str(world.ended(world.begin(driver="camera")).error).startswith("the camera shows a face in 0 of")


def test_other_photos_meanwhile_need_another_tuning(world: World, pretend: Pretend) -> None:
    def changed(name: str, correction: object) -> None:
        raise AssertionError("it was found for other photos")

    pretend("")
    world.tunings = Tunings(world.jobs, world.library, world.camera, changed)
    with pytest.MonkeyPatch.context() as patch:
        ask = tuning_child.TuningChild.run

        def run(child: tuning_child.TuningChild, *arguments: object) -> object:
            world.library.change_photos("mine", [examine(SHIPPED / "hanna" / PICTURE)])
            return ask(child, *arguments)  # type: ignore[arg-type]

        patch.setattr(tuning_child.TuningChild, "run", run)
        assert "photos of mine were changed" in str(world.ended(world.begin()).error)


def test_a_full_disk_leaves_the_persona_as_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = world.library.get("mine").record
    monkeypatch.setattr("visard.daemon.personas.library.keep_beside", full)
    assert "No space left on device" in str(world.ended(world.begin()).error)
    assert world.library.get("mine").record == before


def test_what_has_no_photo_is_refused(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.library.add(tinted(tmp_path / "face.dfm"), "model", Consent.self)
    with pytest.raises(PersonaError, match="only what is made of photos"):
        world.begin("model")
    with pytest.raises(PersonaUnknown):
        world.begin("nobody")
    monkeypatch.setattr(tuning, "find_spec", lambda _: None)
    with pytest.raises(TuningError, match=r"pip install 'visard\[train\]'"):
        world.begin()
    assert world.jobs.all() == ()
