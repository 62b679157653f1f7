"""Looking over the whole picture: small, turned and new faces, and how soon each is found."""

from collections.abc import Sequence

import numpy as np
import pytest
from scenes import GENERATED, LARGE, Actor, Scene, film, photo, still

from visard.models.face import Image
from visard.models.track.detector import Detection
from visard.models.track.search import FAINT, SEEN, SIDEWAYS_EVERY, Circle, FaceSearch

DRIVER: Circle = (640, 380, 240)
AT = [(60, 60), (640, 90), (1210, 80), (200, 400), (660, 380), (1190, 640)]
"""Places in a picture of 720 lines."""


COMING_IN = [
    pytest.param(make, id=make().name, marks=[pytest.mark.slow] * ("200" in make().name)) for make in LARGE
]


@pytest.fixture(scope="module")
def networks() -> FaceSearch:
    return FaceSearch()


@pytest.fixture
def search(networks: FaceSearch) -> FaceSearch:
    networks.forget()
    return networks


def drawn(*actors: Actor, size: tuple[int, int] = (1280, 720)) -> Image:
    return Scene("", actors, 1, size).draw(0)


def driver() -> Actor:
    return film(), still(*DRIVER)


def first(search: FaceSearch, image: Image) -> list[Detection]:
    return search(image, [], [], closely=True)


def sure(found: Sequence[Detection], x: float, y: float, size: float) -> float:
    """Return how surely a face of this size was found there; 0: not at all."""
    return max(
        (d.score for d in found if np.hypot(d.centre[0] - x, d.centre[1] - y) < 0.6 * size), default=0.0
    )


@pytest.mark.parametrize("shift", range(3))
def test_faces_of_thirty_pixels_are_found_on_the_first_picture_of_720_lines(
    search: FaceSearch, shift: int
) -> None:
    places = AT[shift:] + AT[:shift]
    found = first(
        search, drawn(*((photo(name), still(*at, 30)) for name, at in zip(GENERATED, places, strict=True)))
    )
    assert min(sure(found, *at, 30) for at in AT) > SEEN


@pytest.mark.parametrize("size", [50, 200])
@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("name", GENERATED[::3])
def test_upside_down_and_sideways_they_are_found_on_the_first_picture(
    search: FaceSearch, name: str, turn: float, size: float
) -> None:
    found = first(search, drawn((photo(name), still(300, 190, size, turn=turn)), size=(640, 360)))
    assert sure(found, 300, 190, size) > 0.5
    best = max(found, key=lambda one: one.score)
    off = np.degrees(best.region.angle) - turn
    assert abs((off + 180) % 360 - 180) < 40, "its eyes say how it is turned"


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_one_that_turns_up_sideways_later_is_found_when_its_turn_comes(
    search: FaceSearch, turn: float
) -> None:
    empty, turned = (
        drawn(*actors, size=(640, 360))
        for actors in ((), ((photo("marco"), still(400, 150, 90, turn=turn)),))
    )
    search(empty, [], [], closely=False)
    scores = [sure(search(turned, [], [], closely=False), 400, 150, 90) for _ in range(3 * SIDEWAYS_EVERY)]
    assert max(scores) > 0.5


@pytest.mark.parametrize("make", COMING_IN)
def test_whoever_comes_in_is_found_by_the_frame_in_which_the_face_is_in_view(
    search: FaceSearch, make
) -> None:
    scene = make()
    path = scene.actors[1][1]
    surest = 0.0
    for number in range(18, scene.frames):
        found = search(scene.draw(number), [DRIVER], [], closely=False)
        at = path(number)
        surest = max(surest, sure(found, at.x, at.y, at.size))
        if min(at.x, 1280 - at.x, at.y, 720 - at.y) > 0.5 * at.size:
            break
    assert surest > SEEN


@pytest.mark.parametrize("size", [30, 60])
@pytest.mark.parametrize("at", [(200, 130), (1000, 500), (640, 100), (640, 650), (400, 640)])
def test_a_small_face_that_is_there_at_once_is_found_within_four_frames(
    search: FaceSearch, at: tuple[int, int], size: float
) -> None:
    """Whatever is known already: before a chest, too, a telephone or a child may turn up."""
    alone, both = drawn(driver()), drawn(driver(), (photo("hanna"), still(*at, size)))
    for _ in range(8):
        search(alone, [DRIVER], [], closely=False)
    scores = [sure(search(both, [DRIVER], [], closely=False), *at, size) for _ in range(4)]
    assert max(scores) > SEEN


def test_two_at_the_same_time_are_found_both(search: FaceSearch) -> None:
    two = ((photo("walter"), still(120, 130, 40)), (photo("clara"), still(1150, 500, 40)))
    for _ in range(8):
        search(drawn(driver()), [DRIVER], [], closely=False)
    both = drawn(driver(), *two)
    found = [search(both, [DRIVER], [], closely=False) for _ in range(16)]
    assert all(max(sure(one, *at, 40) for one in found) > SEEN for at in ((120, 130), (1150, 500)))


def test_in_the_noise_of_a_camera_every_part_still_has_its_turn(search: FaceSearch) -> None:
    """In bad light everything seems to move."""
    random = np.random.default_rng(0)
    image = drawn(driver(), (photo("walter"), still(1150, 500, 40)))

    def noisy() -> Image:
        return np.clip(image + random.normal(0, 5, (720, 1280, 1)), 0, 255).astype(np.uint8)

    search(drawn(driver()), [DRIVER], [], closely=False)
    found = (search(noisy(), [DRIVER], [], closely=False) for _ in range(64))
    assert any(sure(one, 1150, 500, 40) > SEEN for one in found)


def test_a_face_is_found_once(search: FaceSearch) -> None:
    """By whichever network, in whatever part, and as clearly as by the best."""
    found = first(search, drawn(driver(), (photo("robin"), still(200, 200, 90))))
    clear = [one for one in found if one.score > SEEN]
    assert len(clear) == 2
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert min(one.score for one in found) > FAINT
    assert max(abs(one.centre[0] - DRIVER[0]) for one in clear[:1]) < 0.3 * DRIVER[2]


def test_where_a_face_was_a_smaller_one_is_seen_in_every_frame(search: FaceSearch) -> None:
    """Of 30 pixels, which the network cannot see in the whole picture; two at a time."""
    places = [(300, 500), (900, 200)]
    image = drawn(driver(), *((photo("nico"), still(*at, 30)) for at in places))
    first(search, image)
    for _ in range(6):
        found = search(image, [DRIVER], [(x + 10, y - 8, 30.0) for x, y in places], closely=False)
        assert min(sure(found, *at, 30) for at in places) > SEEN


@pytest.mark.parametrize(
    "place", [(-50.0, 100.0, 60.0), (700.0, 500.0, 30.0), (0.0, 0.0, 5.0), (320.0, 180.0, 4000.0)]
)
def test_a_place_outside_or_larger_than_the_picture_is_no_trouble(search: FaceSearch, place: Circle) -> None:
    image = drawn((photo("robin"), still(320, 180, 120)), size=(640, 360))
    for _ in range(3):
        assert sure(search(image, [place], [place], closely=False), 320, 180, 120) > 0.5


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (8, 6), (2, 900), (900, 2), (33, 17)])
def test_pictures_of_odd_sizes(search: FaceSearch, size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 96, np.uint8)
    for _ in range(3):
        assert all(one.score < SEEN for one in first(search, image))


def test_another_size_of_picture_is_another_picture(search: FaceSearch) -> None:
    for size in ((640, 360), (1280, 720), (320, 240)):
        found = search(drawn((photo("clara"), still(150, 120, 80)), size=size), [], [], closely=False)
        assert sure(found, 150, 120, 80) > 0.5


def test_equally_clear_faces_are_no_trouble(search: FaceSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as those of a picture that repeats itself; one of them is clearer from near."""

    def face(x: float, score: float) -> Detection:
        return Detection(score, np.float32([x, 100, x + 60, 160]), np.zeros((6, 2), np.float32))

    monkeypatch.setattr(search, "_full", lambda *_, **__: [face(100, 0.6), face(400, 0.6)])
    monkeypatch.setattr(search, "_short", lambda *_, **__: [face(405, 0.7)])
    found = search(drawn(size=(640, 360)), [], [], closely=True)
    assert [one.score for one in found][:2] == [0.7, 0.6]
