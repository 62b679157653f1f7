"""Following faces: ids that stay, faces lost and found, and pictures that hold none."""

import gc
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest
from leftovers import no_thread_left
from people import driver, headshot, look, scene
from scenes import GENERATED, SMALL, Scene, crossing, photo, still

from visard.models.face import CHIN, EYE_LEFT, EYE_RIGHT, Image, Sighting
from visard.models.track.crop import Region
from visard.models.track.detector import Detector
from visard.models.track.tracker import GONE_AFTER, Tracker

STEP = 1 / 30


def follow(frames: Iterable[Image], tracker: Tracker | None = None, start: float = 0.0) -> list[Sighting]:
    tracker = tracker or Tracker()
    return [tracker.update(frame, start + n * STEP) for n, frame in enumerate(frames)]


def ids(sighting: Sighting) -> list[int]:
    return [face.id for face in sorted(sighting.faces, key=lambda face: face.centre[0])]


@pytest.fixture(scope="module")
def robin() -> Image:
    return headshot("robin", 280)


@pytest.fixture(scope="module")
def clara() -> Image:
    return headshot("clara", 280)


EMPTY = scene()


def test_one_face_keeps_its_id_over_the_demo_clip() -> None:
    seen = driver(1)
    assert len(seen) == 240
    assert {face.id for _, face in seen} == {1}
    assert min(np.ptp(face.landmarks[:, 0]) for _, face in seen) > 100


def test_landmarks_are_on_the_face(robin: Image) -> None:
    (face,) = look(scene((robin, 100, 40)))
    assert face.landmarks.shape == (478, 3)
    assert face.landmarks.dtype == face.blendshapes.dtype == np.float32
    assert face.blendshapes.shape == (52,)
    assert np.abs(np.array(face.centre) - (240, 180)).max() < 20
    assert 180 < face.size < 280
    assert face.landmarks[33, 0] < face.landmarks[1, 0] < face.landmarks[263, 0]
    assert face.landmarks[10, 1] < face.landmarks[1, 1] < face.landmarks[152, 1]


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40])
def test_a_tilted_head_is_followed(robin: Image, degrees: float) -> None:
    still = scene((robin, 180, 40))

    def tilted(angle: float) -> Image:
        turn = cv2.getRotationMatrix2D((320, 180), -angle, 1)
        return cv2.warpAffine(still, turn, (640, 360), borderValue=(96, 96, 96))

    seen = follow(tilted(degrees * n / 15) for n in range(16))
    assert [ids(s) for s in seen] == [[1]] * 16
    across = np.subtract(*seen[-1].faces[0].raw[[263, 33], :2])
    level = np.subtract(*seen[0].faces[0].raw[[263, 33], :2])
    turned = np.degrees(np.arctan2(across[1], across[0]) - np.arctan2(level[1], level[0]))
    assert turned == pytest.approx(degrees, abs=3)


def test_two_who_move_side_by_side_keep_their_ids(robin: Image, clara: Image) -> None:
    paths = [(round(20 * np.sin(n / 6)), round(30 * np.cos(n / 5))) for n in range(45)]
    frames = (scene((robin, 30 + x, 40 + y), (clara, 330 - x, 40 - y)) for x, y in paths)
    first, *others = follow(frames)
    assert len(set(ids(first))) == 2
    assert all(ids(s) == ids(first) and not s.missing for s in others)


def test_two_who_change_places_one_behind_the_other_are_not_made_one(robin: Image, clara: Image) -> None:
    lefts = [round(30 + n * 6) for n in range(50)]
    seen = follow(scene((robin, 330, 40), (clara, left, 40)) for left in lefts)
    assert all(len(ids(s)) == len(set(ids(s))) <= 2 for s in seen)
    assert max(face.id for s in seen for face in s.faces) <= 3


def test_lost_for_a_second_it_is_the_same_one_again(robin: Image) -> None:
    tracker = Tracker()
    there = scene((robin, 180, 40))
    assert ids(follow([there] * 5, tracker)[-1]) == [1]
    gone = follow([EMPTY] * 30, tracker, start=5 * STEP)
    assert all(s.faces == () and s.missing == (1,) for s in gone)
    back = follow([scene((robin, 230, 60))] * 6, tracker, start=35 * STEP)
    assert ids(back[-1]) == [1]
    assert back[-1].missing == ()


@pytest.mark.parametrize("left", [0, 180])
def test_gone_for_longer_it_has_left(robin: Image, left: int) -> None:
    """At the earliest after so many looks; what looks a little like a face there delays it."""
    tracker = Tracker()
    follow([scene((robin, left, 40))] * 3, tracker)
    gone = [tracker.update(EMPTY, 1 + n).missing for n in range(3 * GONE_AFTER)]
    kept = gone.index(())
    assert kept >= GONE_AFTER - 1
    assert gone == [(1,)] * kept + [()] * (len(gone) - kept)
    assert ids(tracker.update(scene((robin, left, 40)), 1.0 + len(gone)))[0] > 1


def test_at_thirty_a_second_it_has_left_after_two_seconds(robin: Image) -> None:
    tracker = Tracker()
    follow([scene((robin, 0, 40))] * 3, tracker)
    gone = follow([EMPTY] * 90, tracker, start=3 * STEP)
    assert 3 * (GONE_AFTER - 2) <= sum(s.missing == (1,) for s in gone) < 90


def test_looks_are_counted_ten_a_second_at_most(robin: Image) -> None:
    """Detectors run on every frame, but frames that follow one another at once show the same."""
    tracker = Tracker()
    there = follow([scene((robin, 180, 40))] * 31, tracker)
    assert there[0].looks == 1
    assert there[-1].looks in (10, 11)
    away = follow([EMPTY] * 30, tracker, start=31 * STEP)
    assert away[-1].looks - there[-1].looks in (9, 10)
    seldom = [tracker.update(EMPTY, 3.0 + n / 5).looks for n in range(5)]
    assert np.diff(seldom).tolist() == [1] * 4
    tracker.forget()
    assert tracker.update(EMPTY, 9.0).looks > seldom[-1]


def test_the_only_face_that_jumps_is_the_same(robin: Image) -> None:
    """It is the guard that does not believe it."""
    tracker = Tracker()
    follow([scene((robin, 0, 40))] * 4, tracker)
    after = tracker.update(scene((robin, 360, 40)), 4 * STEP)
    assert (ids(after), after.missing) == ([1], ())


@pytest.mark.parametrize(
    ("size", "apart", "frames", "same"), [(280, 120, 6, True), (280, 180, 20, True), (280, 340, 20, False)]
)
def test_a_face_that_comes_back_within_its_reach_is_the_same(
    size: int, apart: int, frames: int, same: bool
) -> None:
    tracker, head = Tracker(), headshot("robin", size)
    follow([scene((head, 0, 40))] * 3, tracker)
    follow([EMPTY] * frames, tracker, start=3 * STEP)
    back = follow([scene((head, apart, 40))] * 6, tracker, start=(3 + frames) * STEP)[-1]
    assert (ids(back), back.missing) == (([1], ()) if same else ([2], (1,))), "the first may have turned away"


@pytest.mark.parametrize(("sizes", "followed"), [(0.5, True), (0.7, False)])
def test_how_far_a_face_may_go_in_a_frame(
    robin: Image, monkeypatch: pytest.MonkeyPatch, sizes: float, followed: bool
) -> None:
    """Farther away it is another face, such as a poster that the landmarks have slid to."""
    tracker, there = Tracker(), scene((robin, 180, 40))
    raw = follow([there] * 3, tracker)[-1].faces[0].raw
    size = Region.around(raw).size / 1.5
    monkeypatch.setattr(tracker, "_landmarker", lambda *_: (raw + np.float32([sizes * size, 0, 0]), 1.0))
    monkeypatch.setattr(tracker, "_search", lambda *_, **__: [])
    assert (tracker.update(there, 3 * STEP).missing == ()) is followed


def test_one_of_two_who_leaves_is_missing_and_the_other_stays(robin: Image, clara: Image) -> None:
    tracker = Tracker()
    both = follow([scene((robin, 30, 40), (clara, 330, 40))] * 4, tracker)[-1]
    left, right = ids(both)
    after = follow([scene((clara, 330, 40))] * 3, tracker, start=4 * STEP)
    assert all(ids(s) == [right] and s.missing == (left,) for s in after)


def test_newcomers_are_found_at_once(robin: Image, clara: Image) -> None:
    tracker = Tracker()
    (first,) = ids(follow([scene((robin, 30, 40))] * 20, tracker)[-1])
    both = tracker.update(scene((robin, 30, 40), (clara, 330, 40)), 20 * STEP)
    assert len(ids(both)) == 2
    assert ids(both)[0] == first


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_faces_than_asked_for(robin: Image, clara: Image, most: int) -> None:
    three = scene((robin, 0, 40), (clara, 300, 40), (headshot("walter", 280), 600, 40), size=(900, 360))
    tracker = Tracker(max_faces=most)
    seen = follow([three] * 20, tracker)
    assert {len(s.faces) for s in seen} == {most}
    assert len({tuple(ids(s)) for s in seen}) == 1


def test_forget_starts_anew(robin: Image) -> None:
    tracker = Tracker()
    follow([scene((robin, 180, 40))] * 3, tracker)
    tracker.forget()
    assert tracker.update(EMPTY, 1.0) == Sighting(())
    tracker.update(scene((robin, 180, 40)), 1.1)
    tracker.forget()
    (face,) = tracker.update(scene((robin, 200, 60)), 1.0).faces
    np.testing.assert_array_equal(face.landmarks, face.raw)  # smoothing has begun anew, too


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (33, 17), (853, 479), (121, 641)])
def test_pictures_of_odd_sizes_without_a_face(size: tuple[int, int]) -> None:
    seen = follow([scene(size=size)] * 3)
    assert all(s == Sighting(()) for s in seen)


def test_a_face_in_a_picture_of_odd_size(robin: Image) -> None:
    (face,) = look(scene((robin, 37, 11), size=(391, 303)))
    assert np.abs(np.array(face.centre) - (177, 151)).max() < 20


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_has_no_face(level: int) -> None:
    assert follow([np.full((360, 640, 3), level, np.uint8)] * 4)[-1] == Sighting(())


@pytest.mark.parametrize("spread", [5, 30, 90])
def test_noise_has_no_face(spread: int) -> None:
    random = np.random.default_rng(spread)
    noise = (random.normal(128, spread, (8, 360, 640, 1)).clip(0, 255).astype(np.uint8) for _ in (1,))
    frames = [np.repeat(frame, 3, 2) for frame in next(noise)]
    assert all(s == Sighting(()) for s in follow(frames))


def test_a_face_that_fills_the_picture_or_is_cut_is_found(robin: Image) -> None:
    assert len(look(headshot("robin", 300)[60:240, 60:240])) == 1
    assert len(look(scene((robin[:, :170], 0, 40)))) == 1


def test_pictures_stay_as_they_are(robin: Image) -> None:
    picture = scene((robin, 180, 40))
    before = picture.copy()
    follow([picture] * 3)
    np.testing.assert_array_equal(picture, before)


@pytest.fixture(scope="module")
def far() -> Image:
    """A head of 64 pixels in a picture of 1280 x 720."""
    return scene((headshot("robin", 64), 900, 200), size=(1280, 720))


def test_the_full_range_detector_finds_what_the_short_one_misses(far: Image) -> None:
    assert Detector.short_range()(far) == []
    (found,) = Detector.full_range()(far)
    left, top, right, bottom = found.box
    assert left < 932 < right
    assert top < 232 < bottom
    assert 20 < right - left < 60


def test_a_small_face_is_followed(far: Image) -> None:
    seen = follow(np.roll(far, (n, 2 * n), (0, 1)) for n in range(10))
    assert [ids(s) for s in seen] == [[1]] * 10
    assert seen[-1].faces[0].raw[1, 0] - seen[0].faces[0].raw[1, 0] == pytest.approx(18, abs=3)


def test_two_faces_are_two_detections(robin: Image, clara: Image) -> None:
    found = Detector.short_range()(scene((robin, 30, 40), (clara, 330, 40)))
    assert len(found) == 2
    assert all(0.5 < d.score <= 1 and d.keypoints.shape == (6, 2) for d in found)
    assert found[0].score >= found[1].score


def test_a_tilted_face_gives_a_tilted_region(robin: Image) -> None:
    turn = cv2.getRotationMatrix2D((320, 180), -25, 1)
    (found,) = Detector.short_range()(
        cv2.warpAffine(scene((robin, 180, 40)), turn, (640, 360), borderValue=(96, 96, 96))
    )
    assert np.degrees(found.region.angle) == pytest.approx(25, abs=5)


def room(*places: tuple[float, float, float], turn: float = 0.0, first: int = 0) -> Image:
    """Return a room with people at these places, each x, y and size."""
    actors = ((photo(GENERATED[first + n]), still(*place, turn=turn)) for n, place in enumerate(places))
    return Scene("", tuple(actors), 1).draw(0)


def knows(sighting: Sighting, x: float, y: float, size: float) -> bool:
    """Whether a face has landmarks, or a place that would cover it."""
    followed = (face.centre for face in sighting.faces if 0.5 < face.size / size < 2)
    near = any(np.hypot(x - u, y - v) < 0.4 * size for u, v in followed)
    places = sighting.untracked
    return near or any(
        np.hypot(x - p.centre[0], y - p.centre[1]) + 0.5 * size < 1.2 * p.reach for p in places
    )


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("first", [0, 2, 5])
def test_landmarks_are_the_right_way_up_however_the_head_is(turn: float, first: int) -> None:
    seen = follow([room((320, 180, 130), turn=turn, first=first)] * 3)
    landmarks = max(seen[-1].faces, key=lambda face: face.size).landmarks[:, :2]
    down = landmarks[CHIN] - landmarks[[EYE_LEFT, EYE_RIGHT]].mean(0)
    off = np.degrees(np.arctan2(down[1], down[0])) - 90 - turn
    assert abs((off + 180) % 360 - 180) < 15
    across = landmarks[EYE_RIGHT] - landmarks[EYE_LEFT]
    assert float(np.cross([*across, 0], [*down, 0])[2]) > 0, "not mirrored"


def test_a_picture_that_is_turned_over_is_followed_on() -> None:
    tracker = Tracker()
    image = room((300, 190, 130))
    follow([image] * 5, tracker)
    over = follow([np.ascontiguousarray(image[::-1, ::-1])] * 50, tracker, start=5 * STEP)[-1]
    landmarks = max(over.faces, key=lambda face: face.size).landmarks
    assert landmarks[CHIN, 1] < landmarks[EYE_LEFT, 1] - 30


def test_two_who_cross_stay_two() -> None:
    played = crossing()
    seen = follow(played)
    for number, sighting in enumerate(seen):
        assert all(knows(sighting, *spot) for spot in played.faces(number)), number
    large = [[face for face in one.faces if face.size > 60] for one in (seen[5], seen[-1])]
    assert [len(faces) for faces in large] == [2, 2]
    assert {face.id for face in large[0]} == {face.id for face in large[1]}


def test_whoever_is_beyond_the_limit_has_a_place() -> None:
    places = [(130, 180, 120), (330, 180, 120), (530, 180, 120)]
    seen = follow([room(*places)] * 4, Tracker(max_faces=2))
    for sighting in seen:
        assert len(sighting.faces) == 2
        assert all(knows(sighting, *place) for place in places)
        assert sighting.missing == ()
    third = [place for place in seen[-1].untracked if place.size > 60]
    assert len(third) == 1
    assert third[0].id not in ids(seen[-1])


def test_a_larger_face_takes_the_smallest_ones_place() -> None:
    tracker, small, large = Tracker(max_faces=1), (150, 180, 60), (450, 180, 150)
    (first,) = ids(follow([room(small)] * 3, tracker)[-1])
    seen = follow([room(small, large)] * 6, tracker, start=3 * STEP)
    assert ids(seen[0]) == [first], "nobody knows yet that it is a face"
    assert all(knows(sighting, *place) for sighting in seen for place in (small, large))
    (face,) = seen[-1].faces
    assert face.size > 100
    assert first in {place.id for place in seen[-1].untracked}


def test_one_hardly_larger_takes_nobodys_place() -> None:
    tracker, one, other = Tracker(max_faces=1), (150, 180, 120), (450, 180, 135)
    (first,) = ids(follow([room(one)] * 3, tracker)[-1])
    assert {tuple(ids(s)) for s in follow([room(one, other)] * 8, tracker, start=3 * STEP)} == {(first,)}


def test_a_face_keeps_its_id_with_landmarks_and_without() -> None:
    tracker, one, other = Tracker(max_faces=2), (150, 180, 120), (450, 180, 110)
    both = ids(follow([room(one, other)] * 3, tracker)[-1])
    tracker.max_faces = 1
    fewer = follow([room(one, other)] * 3, tracker, start=3 * STEP)[-1]
    assert len(fewer.faces) == 1
    assert set(both) <= fewer.ids
    tracker.max_faces = 2
    assert ids(follow([room(one, other)] * 9, tracker, start=6 * STEP)[-1]) == both


@pytest.mark.parametrize("name", GENERATED)
def test_a_person_alone_is_one_face(name: str) -> None:
    """Hair, collar and chin are none, however closely one looks."""
    seen = follow([scene((headshot(name, 280), 180, 40))] * 4)
    assert [len(sighting.faces) for sighting in seen] == [1] * 4


def test_a_tracker_that_is_dropped_takes_its_thread_and_networks_with_it() -> None:
    """At once, and not when Python next looks for circles."""
    gc.collect()
    gc.disable()
    try:
        Tracker().update(EMPTY, 0.0)
        assert no_thread_left(10)
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize("make", SMALL, ids=lambda make: make().name)
def test_in_every_frame_every_face_is_known(make: Callable[[], Scene]) -> None:
    """But for one that is there little by little: it is a face once a detector takes it for one."""
    played = make()
    unknown = [
        (number, spot)
        for number, sighting in enumerate(follow(played))
        for spot in played.faces(number)
        if not knows(sighting, *spot)
    ]
    assert unknown == []
