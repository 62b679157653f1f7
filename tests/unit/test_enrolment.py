"""Enrolling the driver: what is learnt, what is refused, what is kept, and who follows."""

import itertools
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import people
import pytest
from fakes import Basket, Mask, Truth, worn

from visard.daemon.api.schema import Job
from visard.daemon.config import paths
from visard.daemon.config.enrolment import FILE, Enrolled, EnrolmentFile
from visard.daemon.config.file import ConfigFile
from visard.daemon.errors import EnrolmentDamaged, EnrolmentError, SourceUnavailable
from visard.daemon.personas.library import Library
from visard.daemon.pipeline import trial as rendering
from visard.daemon.pipeline.enrol import LOOK_STRAIGHT, PATIENCE, TURN_A_LITTLE, enrol, pictures_of
from visard.daemon.pipeline.identify import Identifier
from visard.daemon.service import controller, live, service
from visard.daemon.service.enrolment import DAMAGED
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.service.service import Service
from visard.daemon.sources._select import SourceSelector
from visard.models.face import Image
from visard.models.picture_file import read_picture
from visard.models.track.recogniser import Recogniser

PHOTO = people.DAEMON / "personas/shipped/walter/picture.jpg"
VIEWS = np.linalg.qr(np.random.default_rng(3).normal(size=(128, 128)))[0][:4].astype(np.float32)


def silent(_share: float, _step: str) -> None:
    """Say nothing."""


def still(image: Image, seconds: float = 20) -> Iterator[tuple[Image, float]]:
    """Yield one picture ten times a second."""
    return ((image, number / 10) for number in range(round(seconds * 10)))


def beside(*names: str) -> Image:
    return people.scene(*((people.headshot(name, 240), 20 + 300 * at, 60) for at, name in enumerate(names)))


# What is learnt.


def test_a_clip_gives_views_from_the_front_and_turned_and_tells_what_to_do() -> None:
    told: list[tuple[float, str]] = []
    made = enrol(pictures_of(people.DEMO), lambda share, step: told.append((share, step)))
    assert made.embeddings.shape == (5, 128)
    assert np.allclose(np.linalg.norm(made.embeddings, axis=1), 1, atol=1e-5)
    assert list(dict.fromkeys(step for _, step in told)) == [LOOK_STRAIGHT, TURN_A_LITTLE]
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_who_was_enrolled_is_recognised_and_another_is_not() -> None:
    made = enrol(pictures_of(people.DEMO), silent)
    image, face = people.driver(200)[-1]
    assert Identifier(made.embeddings, wait=True)(image, [face], 0.0) == {face.id: True}
    other = people.portrait("walter")
    assert float((made.embeddings @ Recogniser()(other.image, other.face.landmarks)).max()) < 0.363


@pytest.mark.parametrize("name", ["d0.mp4", "d3.mp4", "d9.mp4"])
def test_real_people_are_told_apart_from_their_first_seconds(shared: Path, name: str) -> None:
    """Every look at the enrolled one is surely theirs; none at any other person is."""
    clips = [shared / "data/clips" / each for each in ("d0.mp4", "d3.mp4", "d9.mp4")]
    if not all(clip.is_file() for clip in clips):
        pytest.skip(f"there are no clips in {clips[0].parent}")
    made = enrol(pictures_of(shared / "data/clips" / name), silent)
    recogniser = Recogniser()
    for clip in clips:
        cosines = [
            float((made.embeddings @ recogniser(image, face.landmarks)).max())
            for image, _ in itertools.islice(pictures_of(clip), 0, 90, 15)
            for face in people.look(image)[:1]
        ]
        assert len(cosines) >= 4
        assert min(cosines) > 0.5 if clip.name == name else max(cosines) < 0.25, clip.name


def test_somebody_who_holds_still_is_enrolled_from_the_front_alone() -> None:
    made = enrol(still(read_picture(PHOTO)), silent, PATIENCE)
    assert len(made.embeddings) == 3


def test_a_photo_is_enough() -> None:
    assert enrol(pictures_of(PHOTO), silent).embeddings.shape == (1, 128)


# What is refused.


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.full((360, 640, 3), 90, np.uint8), "nobody is in view; sit in front of the camera"),
        (beside("walter", "nico"), "2 faces are in view; only you may be seen"),
        (np.asarray(beside("walter") * 0.04, np.uint8), "it is too dark; turn on a light"),
        (cv2.GaussianBlur(beside("walter"), (0, 0), 9), "the picture is blurred"),
    ],
)
def test_what_is_wrong_is_told_at_once_and_ends_it_when_it_lasts(image: Image, why: str) -> None:
    told: list[str] = []
    with pytest.raises(EnrolmentError, match=why):
        enrol(still(image, 60), lambda _, step: told.append(step), PATIENCE)
    assert told[1].startswith(why)
    assert len(told) <= 10 * PATIENCE + 3


def test_what_was_wrong_for_a_moment_does_no_harm() -> None:
    empty, full = np.full((360, 640, 3), 90, np.uint8), beside("walter")
    mixed = [(empty, 0.0), (beside("walter", "nico"), 0.5), *((full, 1 + now) for _, now in still(full))]
    assert len(enrol(mixed, silent, PATIENCE).embeddings) == 3


def test_another_face_is_not_mixed_with_the_first() -> None:
    change = [(beside("walter"), 0.0), *((image, 1 + now) for image, now in still(beside("hanna"), 60))]
    with pytest.raises(EnrolmentError, match="another face than before"):
        enrol(change, silent, PATIENCE)


def test_files_that_show_nobody_enrol_nobody(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no photo and no clip"):
        enrol(pictures_of(tmp_path / "none.mp4"), silent)
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(EnrolmentError, match="nobody is in view"):
        enrol(pictures_of(grey), silent)


# What is kept.


def test_it_is_kept_for_this_user_alone_and_holds_numbers_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept = EnrolmentFile(tmp_path / "new" / FILE)
        assert kept.load() is None
        kept.save(Enrolled(VIEWS))
    finally:
        os.umask(before)
    assert kept.path is not None
    if os.name == "posix":
        assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in kept.path.parent.iterdir()] == [FILE]
    again = kept.load()
    assert again is not None
    assert np.allclose(again.embeddings, VIEWS, atol=1e-5)
    assert json.loads(kept.path.read_text()).keys() == {"network", "views"}
    kept.forget()
    kept.forget()
    assert kept.load() is None


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = EnrolmentFile(tmp_path / FILE)
    kept.save(Enrolled(VIEWS))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnrolmentError, match="No space left"):
        kept.save(Enrolled(VIEWS[:1]))
    left = kept.load()
    assert left is not None
    assert len(left.embeddings) == 4


GOOD = json.dumps({"network": "sface_2021dec", "views": VIEWS.tolist()})


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[: len(GOOD) // 2],
        "null",
        "[]",
        "7",
        "{}",
        GOOD.replace("sface", "arcface"),
        '{"network": "sface_2021dec", "views": []}',
        '{"network": "sface_2021dec", "views": [[1, 0]]}',
        json.dumps({"network": "sface_2021dec", "views": (VIEWS * 2).tolist()}),
        json.dumps({"network": "sface_2021dec", "views": [[float("nan")] * 128]}),
        json.dumps({"network": "sface_2021dec", "views": [["x"] * 128]}),
        json.dumps({"network": "sface_2021dec", "views": [[1] + [0] * 127] * 500}),
        "[" * 100_000,
        "9" * 300_000,
        "\udcff",
    ],
    ids=str.__len__,
)
def test_damage_is_never_taken_for_nobody(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(EnrolmentDamaged, match="nobody is taken for you; enrol again: visard enrol"):
        EnrolmentFile(path).load()


@pytest.mark.skipif(os.name != "posix", reason="other systems have no named pipes in folders")
def test_neither_a_pipe_nor_a_folder_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(EnrolmentDamaged):
            EnrolmentFile(tmp_path / name).load()


# The service.


@pytest.fixture
def start(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Service]]:
    """Start services whose camera is a clip of the demo driver, without the demo's name."""
    clip = tmp_path / "camera.mp4"
    shutil.copyfile(people.DEMO, clip)
    running: list[Service] = []

    class Kind:
        def open(self, *_: object) -> Basket:
            return Basket()

    def prepare(persona, mode, report):
        return worn(Mask(), persona.name, mode)

    monkeypatch.setattr(live, "find_sink", lambda _spec: Kind())
    monkeypatch.setattr(controller, "LivePipeline", partial(live.LivePipeline, track=lambda _: Truth()))
    monkeypatch.setattr(service, "PreparedPersonas", partial(PreparedPersonas, prepare=prepare))

    def begin(camera: str = str(clip)) -> Service:
        config = ConfigFile(paths.config() / "config.toml", None)
        config.change({"camera": camera, "width": 640, "height": 360})
        made = Service(config, Library(), SourceSelector(tmp_path / "last", list))
        running.append(made)
        made.start()
        return made

    yield begin
    for made in running:
        made.stop()


def ended(made: Service, job: Job, seconds: float = 120) -> Job:
    """Wait for the end of a job, however busy the machine is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = next(one for one in made.status().jobs if one.id == job.id)
        if now.done:
            return now
        time.sleep(0.02)
    raise AssertionError(now)


def test_the_driver_is_enrolled_from_the_camera_and_known_after_a_restart(
    start: Callable[..., Service],
) -> None:
    made = start()
    assert not made.status().enrolled
    assert made.switches.enrolled is None
    job = ended(made, made.enrol())
    assert (job.error, job.progress, job.persona) == (None, 1.0, None)
    assert made.status().enrolled
    enrolled = made.switches.enrolled
    assert enrolled is not None
    assert made.enrolment().views == len(enrolled.embeddings) >= 3
    made.stop()
    again = start()
    assert again.switches.enrolled is not None
    assert np.allclose(again.switches.enrolled.embeddings, enrolled.embeddings, atol=1e-5)
    again.forget_enrolment()
    assert again.switches.enrolled is None
    assert not again.status().enrolled
    assert not (paths.config() / FILE).exists()


def test_who_is_enrolled_stays_so_through_pause_settings_and_another_pipeline(
    start: Callable[..., Service],
) -> None:
    made = start()
    assert ended(made, made.enrol(PHOTO)).error is None
    enrolled = made.switches.enrolled
    assert enrolled is not None
    made.pause()
    made.resume()
    made.change({"opacity": 0.8})
    made.change({"opacity": 0.3}, reveal=True)
    assert made.switches.shown
    made.reveal(False)
    made.reveal(True)
    made.reveal(False)
    made.change({"opacity": None, "paused": True})
    made.change({"paused": None})
    made.change({"width": 320, "height": 240})
    assert made.switches.enrolled is enrolled


def test_damage_fails_closed_and_is_told_until_it_is_mended(start: Callable[..., Service]) -> None:
    (paths.config() / FILE).write_text("{")
    made = start()
    assert made.switches.enrolled is not None
    assert len(made.switches.enrolled.embeddings) == 0
    assert made.status().enrolled
    (problem,) = [one for one in made.status().problems if one.code == DAMAGED]
    assert "visard enrol" in problem.message
    assert ended(made, made.enrol(PHOTO)).error is None
    assert DAMAGED not in [one.code for one in made.status().problems]
    assert len(made.switches.enrolled.embeddings) == 1


def test_one_at_a_time_and_not_while_paused(start: Callable[..., Service]) -> None:
    made = start()
    job = made.enrol()
    for other in (made.enrol, made.forget_enrolment):
        with pytest.raises(EnrolmentError, match="being enrolled just now"):
            other()
    ended(made, job)
    made.pause()
    with pytest.raises(EnrolmentError, match="paused, so the camera is off"):
        made.enrol()
    assert ended(made, made.enrol(PHOTO)).error is None


def test_a_snapshot_is_the_best_picture_of_a_second_and_shown_to_nobody(
    start: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "trial", lambda persona, report: read_picture(persona.picture))
    made = start()
    trial = made.try_camera()
    assert [len(photo.faces) for photo in trial.photos] == [1]
    assert made.trials.photo(trial.id, 1)[:2] == b"\xff\xd8"
    assert made.driver.subscribers == 0
    made.pause()
    with pytest.raises(SourceUnavailable, match="paused"):
        made.try_camera()
    made.stop()
    assert not list(paths.cache().glob("trial-*"))


def test_the_demo_driver_is_nobody_to_take_a_snapshot_of(start: Callable[..., Service]) -> None:
    with pytest.raises(SourceUnavailable, match="demo driver plays"):
        start("demo").try_camera()


@pytest.mark.parametrize(("camera", "why"), [("demo", "demo driver plays"), ("/no/camera.mp4", "no picture")])
def test_without_a_camera_nobody_is_enrolled(start: Callable[..., Service], camera: str, why: str) -> None:
    made = start(camera)
    assert why in (ended(made, made.enrol()).error or "")
    assert not made.status().enrolled
    assert not (paths.config() / FILE).exists()
