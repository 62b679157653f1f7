"""Who is the driver: what looks must say, when, and what a face may not keep."""

from collections.abc import Sequence
from threading import Event

import numpy as np
import people
import pytest

from visard.daemon.pipeline import identify
from visard.daemon.pipeline.identify import Identifier
from visard.models.face import Face
from visard.models.track.recogniser import Recogniser

IMAGE, FACE = people.driver(200)[0]
VIEWS = np.eye(128, dtype=np.float32)[:1]
SIZE = FACE.size


def here(id_: int = 1, x: float = 0, y: float = 0) -> Face:
    return people.moved(FACE, x, y, id_=id_)


class Numbers:
    """Gives embeddings of wanted cosines, one a look, the last one again and again."""

    def __init__(self, *cosines: float) -> None:
        self.cosines, self.looks = list(cosines), 0

    def __call__(self, _aligned: object) -> np.ndarray:
        self.looks += 1
        cosine = self.cosines.pop(0) if len(self.cosines) > 1 else self.cosines[0]
        embedding = np.zeros(128, np.float32)
        embedding[:2] = cosine, np.sqrt(1 - cosine**2)
        return embedding


class Watched:
    """An identifier that waits for its answers, and a clock that moves 30 times a second."""

    def __init__(self, *cosines: float) -> None:
        self.numbers, self.now, self.frames = Numbers(*cosines), 0.0, 0
        self.identifier = Identifier(VIEWS, wait=True, open_recogniser=lambda: self.numbers)

    def see(self, *faces: Face, frames: int = 1) -> dict[int, bool | None]:
        for _ in range(frames):
            self.now += 1 / 30
            said = self.identifier(IMAGE, faces, self.now)
        return said

    def until(self, looks: int, *faces: Face) -> dict[int, bool | None]:
        for _ in range(3000):
            if self.numbers.looks >= looks:
                return self.see(*faces)
            self.see(*faces)
        raise AssertionError(f"only {self.numbers.looks} looks")


def test_the_driver_is_known_by_one_look() -> None:
    assert Watched(0.6).see(here()) == {1: True}


def test_somebody_else_is_known_only_by_several_looks() -> None:
    watched = Watched(0.1)
    verdicts = {looks: watched.until(looks, here())[1] for looks in range(1, identify.AGREEING + 1)}
    assert [verdicts[looks] for looks in range(1, identify.AGREEING)] == [None] * (identify.AGREEING - 1)
    assert verdicts[identify.AGREEING] is False


@pytest.mark.parametrize("broken", [0.3, 0.39])
def test_looks_against_must_follow_one_another(broken: float) -> None:
    watched = Watched(*[0.1, 0.1, 0.1, broken] * 5, 0.1)
    assert watched.until(20, here()) == {1: None}


def test_a_face_between_the_thresholds_stays_unknown() -> None:
    assert Watched(0.3).see(here(), frames=600) == {1: None}


def test_the_driver_stays_the_driver_below_the_first_threshold() -> None:
    assert Watched(0.6, 0.3).see(here(), frames=600) == {1: True}


def test_the_driver_becomes_unknown_before_somebody_else() -> None:
    watched = Watched(0.6, 0.1)
    assert watched.until(identify.AGREEING, here()) == {1: True}
    assert watched.until(identify.AGREEING + 1, here()) == {1: None}
    assert watched.until(2 * identify.AGREEING + 1, here()) == {1: False}


@pytest.mark.parametrize(("cosine", "verdict"), [(0.28, False), (0.35, None), (0.5, True)])
def test_somebody_else_is_doubted_by_one_look(cosine: float, verdict: bool | None) -> None:
    watched = Watched(*[0.1] * identify.AGREEING, cosine)
    assert watched.until(identify.AGREEING, here()) == {1: False}
    assert watched.until(identify.AGREEING + 1, here()) == {1: verdict}


def turned(degrees: float) -> Face:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    middle = FACE.landmarks.mean(0)
    return Face(1, ((FACE.landmarks - middle) @ turn.T + middle).astype(np.float32), FACE.blendshapes)


@pytest.mark.parametrize("face", [turned(45), turned(-45), people.moved(FACE, scale=0.12, id_=1)])
def test_profiles_and_tiny_faces_never_become_somebody_else(face: Face) -> None:
    assert Watched(0.0).see(face, frames=900) == {1: None}


def test_in_the_dark_and_out_of_focus_nobody_becomes_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for image in (np.asarray(IMAGE * 0.05, np.uint8), np.full_like(IMAGE, 128)):
        monkeypatch.setitem(globals(), "IMAGE", image)
        assert Watched(0.0).see(here(), frames=900) == {1: None}


def test_nobody_is_confirmed_when_the_driver_cannot_be_recognised() -> None:
    numbers = Numbers(0.9)
    identifier = Identifier(np.empty((0, 128), np.float32), wait=True, open_recogniser=lambda: numbers)
    assert [identifier(IMAGE, [here()], now / 30) for now in range(90)] == [{1: None}] * 90
    assert numbers.looks == 0


def known_as_other() -> Watched:
    watched = Watched(*[0.1] * identify.AGREEING, 0.3)
    assert watched.until(identify.AGREEING, here()) == {1: False}
    return watched


def test_a_face_that_jumps_is_a_new_one() -> None:
    assert known_as_other().see(here(x=1.2 * SIZE)) == {1: None}


def test_a_face_that_was_away_for_a_frame_is_no_longer_somebody_else() -> None:
    watched = known_as_other()
    watched.see()
    assert watched.see(here()) == {1: None}


def test_the_driver_is_still_the_driver_after_a_frame_but_not_after_a_second() -> None:
    watched = Watched(0.6, 0.3)
    assert watched.see(here()) == {1: True}
    watched.see()
    assert watched.see(here()) == {1: True}
    watched.see(frames=30)
    assert watched.see(here()) == {1: None}


def test_faces_that_meet_are_in_doubt_and_looked_at_again() -> None:
    watched = known_as_other()
    assert watched.see(here(), here(2, x=3 * SIZE))[1] is False
    assert watched.see(here(), here(3, x=1.1 * SIZE))[1] is None
    assert watched.see(here(), here(3, x=1.1 * SIZE), frames=60)[1] is None


def test_a_face_that_vanished_beside_another_leaves_it_in_doubt() -> None:
    watched = known_as_other()
    watched.see(here(), here(2, x=1.5 * SIZE))
    assert watched.see(here(x=0.35 * SIZE))[1] is None


def test_newcomers_are_looked_at_first_and_known_faces_again_after_a_second() -> None:
    watched = Watched(0.6)
    watched.see(here(), frames=200)
    looks = watched.numbers.looks
    assert watched.see(here(), here(2, x=3 * SIZE)) == {1: True, 2: True}
    assert watched.numbers.looks - looks in (1, 2)
    before = watched.numbers.looks
    watched.see(here(), here(2, x=3 * SIZE), frames=300)
    assert watched.numbers.looks - before <= 2 * 11 + 6


def test_one_face_at_a_time_is_recognised_and_no_frame_waits_for_it() -> None:
    go, started, running = Event(), Event(), []

    def slow(_aligned: object) -> np.ndarray:
        running.append(1)
        started.set()
        assert go.wait(60)
        return VIEWS[0]

    identifier = Identifier(VIEWS, open_recogniser=lambda: slow)
    faces = [here(), here(2, x=3 * SIZE), here(3, x=6 * SIZE)]
    assert identifier(IMAGE, faces, 0.0) == {1: None, 2: None, 3: None}
    assert started.wait(60)
    for frame in range(1, 50):
        assert identifier(IMAGE, faces, frame / 30) == {1: None, 2: None, 3: None}
    assert len(running) == 1
    go.set()
    assert settled(identifier, faces) == {1: True, 2: True, 3: True}


def test_an_answer_about_a_face_that_jumped_meanwhile_is_no_answer() -> None:
    go = Event()

    def slow(_aligned: object) -> np.ndarray:
        assert go.wait(60)
        return VIEWS[0] if len(asked) == 1 else np.eye(128, dtype=np.float32)[1]

    asked = [1]
    identifier = Identifier(VIEWS, open_recogniser=lambda: slow)
    identifier(IMAGE, [here()], 0.0)
    worker = identifier._worker
    assert worker is not None
    identifier(IMAGE, [here(x=3 * SIZE)], 1 / 30)
    go.set()
    worker.join(60)
    asked.append(2)
    assert identifier(IMAGE, [here(x=3 * SIZE)], 2 / 30) == {1: None}
    if identifier._worker:
        identifier._worker.join(60)


def test_a_network_that_fails_confirms_nobody_and_is_tried_again() -> None:
    tries = []

    def broken() -> Recogniser:
        tries.append(1)
        raise OSError("no such file")

    identifier = Identifier(VIEWS, wait=True, open_recogniser=broken)
    assert [identifier(IMAGE, [here()], now / 30) for now in range(60)] == [{1: None}] * 60
    assert 1 < len(tries) <= 20


def test_people_who_do_not_exist_are_told_apart() -> None:
    recogniser = Recogniser()
    one = recogniser(IMAGE, FACE.landmarks)
    stranger = people.scene((people.headshot("nico", 300), 20, 20))
    faces = people.look(stranger)
    identifier = Identifier(one[None], wait=True, open_recogniser=lambda: recogniser.embed)
    assert identifier(IMAGE, [FACE], 0.0) == {FACE.id: True}
    other = Identifier(one[None], wait=True, open_recogniser=lambda: recogniser.embed)
    said = [other(stranger, faces, now / 30)[faces[0].id] for now in range(60)]
    assert said[0] is None
    assert said[-1] is False


def settled(identifier: Identifier, faces: Sequence[Face]) -> dict[int, bool | None]:
    """Look until every face is known, for as long as the machine takes."""
    for frame in range(2000):
        said = identifier(IMAGE, faces, 10 + frame / 30)
        if None not in said.values():
            break
        if identifier._worker is not None:
            identifier._worker.join(60)
    return said
