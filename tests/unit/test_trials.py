"""Faces that are tried: uploads are private and go, faces are chosen, and only what is current is shown."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest

from visard.daemon.api.requests import FaceChoice, TrialPersona
from visard.daemon.api.schema import Consent, PersonaInfo
from visard.daemon.api.trials import Trial
from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, PersonaUnknown, PictureUnreadable
from visard.daemon.personas.library import SHIPPED
from visard.daemon.personas.record import MAX_PHOTOS, PICTURE, Persona
from visard.daemon.pipeline import trial as rendering
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.trials import MOST, Trials
from visard.models.face import Image
from visard.models.picture_file import read_picture
from visard.models.portrait import Portrait
from visard.models.processor import Report

HANNA = (SHIPPED / "hanna" / PICTURE).read_bytes()


class Renderer:
    """Stands in for what makes the picture, which takes seconds; waits while it is ``held``."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.go = Event()
        self.go.set()

    def __call__(self, persona: Persona, report: Report) -> Image:
        assert self.go.wait(30)
        report(0.5, "trying it on")
        pictures = [read_picture(path) for path in persona.photos]
        self.seen.append(len(pictures))
        return pictures[0]


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch) -> Renderer:
    made = Renderer()
    monkeypatch.setattr(rendering, "trial", made)
    return made


@pytest.fixture
def kept() -> list[Portrait]:
    return []


@pytest.fixture
def changed() -> Event:
    return Event()


@pytest.fixture
def trials(home: Path, renderer: Renderer, kept: list[Portrait], changed: Event) -> Iterator[Trials]:
    def keep(portraits: list[Portrait], wanted: TrialPersona) -> PersonaInfo:
        kept.extend(portraits)
        return PersonaInfo(name="new", title=wanted.title or "")

    made = Trials(Jobs(changed.set), keep)  # type: ignore[arg-type]
    yield made
    renderer.go.set()
    made.close()


@pytest.fixture(scope="module")
def group() -> bytes:
    faces = [read_picture(SHIPPED / name / PICTURE) for name in ("hanna", "marco")]
    return cv2.imencode(".png", np.hstack(faces))[1].tobytes()


def finished(trials: Trials, name: str, changed: Event) -> Trial:
    """Wait until the job of a trial is over."""
    for _ in range(300):
        changed.clear()
        if all(job.done for job in trials._jobs.all()):
            break
        changed.wait(0.2)
    return trials.get(name)


def folders() -> list[Path]:
    return list(paths.cache().glob("trial-*"))


def test_an_upload_is_private_and_goes_with_the_trial(trials: Trials) -> None:
    trial = trials.start(HANNA)
    (folder,) = folders()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in folder.iterdir())
    trials.drop(trial.id)
    trials.drop(trial.id)
    assert not folders()
    with pytest.raises(PersonaUnknown, match="over"):
        trials.get(trial.id)


def test_one_face_is_tried_at_once(trials: Trials, changed: Event) -> None:
    trial = trials.start(HANNA)
    assert [(box.number, photo.face) for photo in trial.photos for box in photo.faces] == [(1, 1)]
    assert trial.job is not None
    done = finished(trials, trial.id, changed)
    assert (done.ready, done.problem) == (True, None)
    for jpeg in (trials.picture(trial.id), trials.photo(trial.id, 1)):
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(shown.astype(int) - read_picture(SHIPPED / "hanna" / PICTURE)).mean() < 4


def test_of_several_faces_one_is_chosen(
    trials: Trials, changed: Event, group: bytes, kept: list[Portrait]
) -> None:
    trial = trials.start(group)
    (photo,) = trial.photos
    assert [box.number for box in photo.faces] == [1, 2]
    assert photo.faces[0].left < 0.5 < photo.faces[1].left
    assert (photo.face, trial.job) == (None, None)
    wanted = TrialPersona(title="Marco", consent=Consent.generated)
    with pytest.raises(PersonaError, match="holds 2 faces"):
        trials.keep(trial.id, wanted)
    with pytest.raises(PersonaError, match="not ready"):
        trials.picture(trial.id)
    with pytest.raises(FaceUnusable, match="no face 3"):
        trials.choose(trial.id, FaceChoice(face=3))
    assert trials.choose(trial.id, FaceChoice(face=2)).photos[0].face == 2
    assert finished(trials, trial.id, changed).ready
    assert trials.keep(trial.id, wanted).title == "Marco"
    assert kept[0].image.shape[1] < 2 * 512
    assert not folders()


def test_only_the_newest_choice_is_shown(
    trials: Trials, changed: Event, group: bytes, renderer: Renderer
) -> None:
    trial = trials.start(group)
    renderer.go.clear()
    trials.choose(trial.id, FaceChoice(face=1))
    trials.choose(trial.id, FaceChoice(face=2))
    trials.add_photo(trial.id, HANNA)
    renderer.go.set()
    assert finished(trials, trial.id, changed).ready
    assert renderer.seen == [2]
    assert all(job.error is None for job in trials._jobs.all())


def test_what_cannot_be_rendered_says_why(
    trials: Trials, changed: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FaceUnusable("no way")

    monkeypatch.setattr(rendering, "trial", fail)
    trial = trials.start(HANNA)
    assert finished(trials, trial.id, changed).problem == "no way"
    with pytest.raises(PersonaError, match="no way"):
        trials.picture(trial.id)


def test_what_is_no_picture_leaves_nothing(trials: Trials) -> None:
    with pytest.raises(PictureUnreadable, match="photo 1 is not a picture"):
        trials.start(b"nothing")
    trial = trials.start(HANNA)
    with pytest.raises(PictureUnreadable, match="photo 2 is not a picture"):
        trials.add_photo(trial.id, b"nothing")
    assert len(trials.get(trial.id).photos) == 1
    with pytest.raises(PersonaUnknown, match="no photo 2"):
        trials.photo(trial.id, 2)


def test_photos_and_trials_are_bounded(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    first = trials.start(HANNA)
    found = trials._trials[first.id].photos
    found += found * (MAX_PHOTOS - 1)
    with pytest.raises(PersonaError, match="at most"):
        trials.add_photo(first.id, HANNA)
    for _ in range(MOST):
        trials.start(HANNA)
    with pytest.raises(PersonaUnknown):
        trials.get(first.id)
    assert len(folders()) == MOST
    trials.close()
    assert not folders()


def test_what_a_killed_daemon_left_is_deleted(trials: Trials) -> None:
    left, other = (paths.cache() / f"trial-{pid}-x" for pid in (2**22 + 1, os.getpid()))
    for folder in (left, other):
        folder.mkdir()
        (folder / "photo 1").touch()
    trials.start(HANNA)
    assert not left.exists()
    assert other.exists()
