"""Places of faces without landmarks: what makes one, what keeps it, and when it may be dropped."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt
import people
import pytest

from visard.models.face import Image, UntrackedFace
from visard.models.track.detector import Detection
from visard.models.track.person import PersonSegmenter
from visard.models.track.search import FAINT, SEEN, Circle
from visard.models.track.untracked import (
    DOUBTFUL,
    DROPPED_AFTER,
    GONE_AFTER,
    SETTLED,
    SURE,
    UntrackedFaces,
)

IMAGE = np.zeros((360, 640, 3), np.uint8)
FAINTLY, CLEARLY = (FAINT + SEEN) / 2, (SEEN + SURE) / 2
LONG = 20 * GONE_AFTER


def seen(x: float, y: float, size: float, score: float = 0.9) -> Detection:
    half = size / 2
    box = np.array([x - half, y - half, x + half, y + half], np.float32)
    return Detection(score, box, np.zeros((6, 2), np.float32))


class Person:
    """Says of every place how surely somebody is there; stands in for the network."""

    def __init__(self, share: Callable[[float, float], float]) -> None:
        self.share, self.asked = share, 0

    def __call__(
        self, _image: Image, x: float, y: float, size: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        self.asked += 1
        steps = np.linspace(-0.45, 0.45, 10) * size
        points = np.stack(np.meshgrid(x + steps, y + steps), -1).reshape(-1, 2)
        return np.array([self.share(*point) for point in points], np.float32), points


class Watched:
    """Places, and a clock that moves one look with every frame."""

    def __init__(self, somebody: Callable[[float, float], float] = lambda x, y: 0.0) -> None:
        numbers = count(1)
        self.faces = UntrackedFaces(lambda: next(numbers))
        self.person = self.faces._segmenter = Person(somebody)  # type: ignore[assignment]
        self.look = 0

    @property
    def now(self) -> float:
        return self.look / 10

    def frame(self, *detections: Detection, tracked: Sequence[Circle] = ()) -> list[UntrackedFace]:
        self.look += 1
        clearest = sorted(detections, key=lambda one: -one.score)
        self.faces.note(clearest, self.now, self.look)
        self.faces.clear_up(IMAGE, tracked, self.now, self.look)
        return [place.public(self.now) for place in self.faces.places]

    def frames(
        self, number: int, *detections: Detection, tracked: Sequence[Circle] = ()
    ) -> list[list[UntrackedFace]]:
        return [self.frame(*detections, tracked=tracked) for _ in range(number)]

    def lose(self, face: int, circle: Circle, *, hidden: bool = False) -> None:
        self.look += 1
        self.faces.lost(face, circle, self.now, self.look, hidden=hidden)


def ids(places: Iterable[UntrackedFace]) -> list[int]:
    return sorted(place.id for place in places)


@pytest.fixture
def watched() -> Watched:
    """A room in which nobody is seen by the person network."""
    return Watched()


@pytest.fixture
def crowded() -> Watched:
    """A room full of people."""
    return Watched(lambda x, y: 1.0)


def test_a_face_keeps_its_id_while_it_is_seen_and_moves(watched: Watched) -> None:
    for number in range(60):
        (place,) = watched.frame(seen(100 + 5 * number, 180, 60 + number))
        assert (place.id, place.centre) == (1, (100 + 5 * number, 180))
        assert place.size == 60 + number
        assert place.reach > 0.8 * place.size
    assert watched.faces.missing == ()


def test_a_lost_face_may_be_farther_and_farther_up_to_a_limit(crowded: Watched) -> None:
    crowded.lose(7, (300, 180, 60))
    reaches = [places[0].reach for places in crowded.frames(LONG)]
    assert reaches == sorted(reaches)
    assert 60 < reaches[0] < 2 * 60 <= reaches[-1] <= 3 * 60
    assert crowded.frame(seen(310, 180, 60))[0].reach < reaches[0]


def test_what_had_no_landmarks_is_covered_a_little_farther_while_it_is_not_seen(crowded: Watched) -> None:
    """Some of these are no faces, so they must not grow over the picture."""
    (place,) = crowded.frames(SETTLED, seen(300, 180, 60))[-1]
    for (later,) in crowded.frames(LONG):
        assert place.reach < later.reach < 1.5 * 60


def test_it_is_kept_for_as_long_as_somebody_is_there(crowded: Watched) -> None:
    crowded.frames(SETTLED, seen(300, 180, 60))
    assert all(ids(places) == [1] for places in crowded.frames(LONG))
    assert crowded.person.asked > 0


def test_it_is_dropped_when_nobody_was_there_for_long(watched: Watched) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    kept = [len(places) for places in watched.frames(3 * GONE_AFTER)]
    assert kept == [1] * (GONE_AFTER - 1) + [0] * (2 * GONE_AFTER + 1)
    assert watched.person.asked >= DOUBTFUL


def test_a_lost_face_is_missing_until_it_is_dropped(watched: Watched) -> None:
    watched.lose(7, (300, 180, 60))
    for places in watched.frames(GONE_AFTER - 1):
        assert ids(places) == [7]
        assert watched.faces.missing == (7,)
    assert watched.frame() == []
    assert watched.faces.missing == ()


def test_nobody_must_be_there_several_times_in_a_row(watched: Watched) -> None:
    watched.lose(7, (300, 180, 60))
    looks = count()
    watched.person.share = lambda x, y: 0.0 if (next(looks) // 100) % DOUBTFUL else 1.0
    assert all(ids(places) == [7] for places in watched.frames(LONG))
    watched.person.share = lambda x, y: 0.0
    assert watched.frames(DOUBTFUL + 1)[-1] == []


def test_of_many_that_are_gone_one_is_asked_about_at_a_time_and_all_are_dropped(watched: Watched) -> None:
    for number in range(8):
        watched.lose(number, (40 + 70 * number, 180, 40))
    asked = []
    for _ in range(GONE_AFTER + 8 * (DOUBTFUL + 1) * 2):
        before = watched.person.asked
        places = watched.frame()
        asked.append(watched.person.asked - before)
    assert places == []
    assert max(asked) == 1


def test_one_that_was_seen_once_or_twice_is_nothing_soon(crowded: Watched) -> None:
    crowded.frames(SETTLED - 1, seen(300, 180, 60))
    kept = [len(places) for places in crowded.frames(DROPPED_AFTER + 2)]
    assert kept == [1] * (DROPPED_AFTER - 1) + [0] * 3
    assert crowded.person.asked == 0


def test_a_lost_face_is_never_doubtful(crowded: Watched) -> None:
    crowded.lose(7, (300, 180, 60))
    assert all(ids(places) == [7] for places in crowded.frames(LONG))


def test_whoever_stands_where_it_was_with_landmarks_is_the_one(watched: Watched) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    assert watched.frame(tracked=[(305, 178, 66)]) == []


@pytest.mark.parametrize("circle", [(430, 180, 60), (300, 180, 200), (300, 180, 15)])
def test_whoever_stands_beside_it_or_is_of_another_size_is_not(watched: Watched, circle: Circle) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    assert ids(watched.frame(tracked=[circle])) == [1]


def test_a_lost_face_does_not_end_because_another_stands_in_its_place(crowded: Watched) -> None:
    """It may be behind; whoever looks at the landmarks must say that it is the same."""
    crowded.lose(7, (300, 180, 60))
    assert all(7 in ids(places) for places in crowded.frames(GONE_AFTER - 1, tracked=[(305, 178, 66)]))


@pytest.mark.parametrize(("reach", "kept"), [(110, False), (400, True)])
def test_whoever_is_known_already_keeps_nobody_elses_place(reach: float, kept: bool) -> None:
    """The driver's head, of 120 pixels here, is no sign that the person who stood beside is still there."""
    watched = Watched(lambda x, y: float(np.hypot(x - 300, y - 180) < reach))
    watched.lose(7, (425, 180, 60))
    assert ids(watched.frames(2 * GONE_AFTER, tracked=[(300, 180, 150)])[-1]) == ([7] if kept else [])


def test_who_is_hidden_behind_somebody_is_given_up_as_well(crowded: Watched) -> None:
    crowded.lose(7, (310, 180, 60))
    places = crowded.frames(GONE_AFTER, tracked=[(300, 180, 150)])
    assert ids(places[-2]) == [7]
    assert places[-1] == []


@pytest.mark.parametrize("score", [FAINTLY, CLEARLY, 0.9])
def test_where_a_lost_one_was_a_faint_face_is_enough(watched: Watched, score: float) -> None:
    watched.lose(1, (300, 180, 60))
    for _ in range(LONG):
        (place,) = watched.frame(seen(310, 175, 60, score))
        assert (place.id, place.centre) == (1, (310, 175))


def test_what_never_had_landmarks_is_not_kept_by_faint_faces(watched: Watched) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    assert watched.frames(LONG, seen(310, 175, 60, FAINTLY))[-1] == []


@pytest.mark.parametrize("score", [FAINTLY, SEEN - 0.01])
def test_elsewhere_a_faint_face_is_none(watched: Watched, score: float) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    for places in watched.frames(
        GONE_AFTER - 1, seen(300 + 1.2 * 60, 180, 60, score), seen(60, 60, 60, score)
    ):
        assert [place.centre for place in places] == [(300, 180)]
    assert watched.frame(seen(60, 60, 60, score)) == []


def test_a_faint_face_of_quite_another_size_keeps_nothing(watched: Watched) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    assert watched.frames(GONE_AFTER, seen(300, 180, 20, FAINTLY), seen(300, 180, 180, FAINTLY))[-1] == []


def test_a_clear_face_elsewhere_is_a_newcomer(watched: Watched) -> None:
    watched.frames(SETTLED, seen(300, 180, 60))
    both = watched.frame(seen(300, 180, 60), seen(60, 60, 60, CLEARLY))
    assert {place.id: place.centre for place in both} == {1: (300, 180), 2: (60, 60)}


def test_a_clear_face_is_a_lost_one_only_where_that_was(crowded: Watched) -> None:
    crowded.lose(7, (300, 180, 60))
    assert ids(crowded.frame(seen(300 + 50, 180, 60, CLEARLY))) == [7]
    assert ids(crowded.frame(seen(350 + 80, 180, 60, CLEARLY))) == [1, 7]


@pytest.mark.parametrize(
    ("apart", "looks", "hidden", "same"),
    [
        (50, 10, False, True),
        (80, 10, False, False),
        (110, 3, False, True),
        (130, 3, False, False),
        (130, 10, True, True),
        (160, 10, True, False),
    ],
)
def test_who_returns(crowded: Watched, apart: float, looks: int, hidden: bool, same: bool) -> None:
    """Later on whoever comes near must not take a lost one's place: it may only have turned away."""
    crowded.lose(7, (300, 180, 60), hidden=hidden)
    crowded.frames(looks)
    returned = crowded.faces.returned
    assert returned((300 + apart, 180, 60), crowded.now, new=True) == (7 if same else None)
    assert returned((300 + apart, 180, 60), crowded.now, new=False) == (7 if apart < 60 else None)
    assert returned((300 + apart, 180, 150), crowded.now, new=True) is None


def test_two_side_by_side_stay_two_whichever_is_clearer(watched: Watched) -> None:
    for number in range(40):
        left, right = (0.9, 0.5) if number % 2 else (0.5, 0.9)
        places = watched.frame(seen(280, 180, 60, left), seen(340, 180, 60, right))
        assert len(places) == 2
    assert ids(places) == [1, 2]


def test_two_detections_of_one_face_are_one(watched: Watched) -> None:
    for _ in range(10):
        assert len(watched.frame(seen(300, 180, 60), seen(310, 186, 52, 0.5))) == 1


def test_a_sure_smaller_size_is_believed_at_once_and_a_faint_one_little_by_little(watched: Watched) -> None:
    watched.lose(1, (300, 180, 100))
    sizes = [watched.frame(seen(300, 180, 60, FAINTLY))[0].size for _ in range(5)]
    assert [100, *sizes] == sorted([100, *sizes], reverse=True)
    assert 85 < sizes[-1] < 100
    assert watched.frame(seen(300, 180, 60, SURE))[0].size == 60
    assert watched.frame(seen(300, 180, 90, FAINTLY))[0].size == 90, "a larger one covers more"


def test_a_face_that_is_seen_whole_replaces_the_parts_that_were_taken_for_faces(watched: Watched) -> None:
    """Somebody who comes in is an eye and a mouth first."""
    watched.frame(seen(290, 170, 30), seen(320, 200, 28), seen(400, 180, 40))
    places = watched.frame(seen(300, 180, 110))
    assert sorted(place.size for place in places) == [40, 110]


def test_a_large_face_does_not_replace_one_that_was_lost_there(watched: Watched) -> None:
    watched.lose(7, (300, 180, 30))
    assert ids(watched.frame(seen(300, 180, 110))) == [1, 7]


def test_those_that_were_not_seen_or_hardly_can_be_are_looked_at_more_closely(watched: Watched) -> None:
    watched.frame(seen(100, 180, 80), seen(300, 180, 80), seen(500, 180, 20))
    watched.frame(seen(300, 180, 80))
    assert sorted(watched.faces.unseen(640)) == [(100, 180, 80), (500, 180, 20)]
    assert len(watched.faces.unseen(2000)) == 3


def test_the_person_network_tells_somebody_from_an_empty_room() -> None:
    image, face = people.driver(200)[0]
    segmenter = PersonSegmenter()
    there, points = segmenter(image, *face.centre, face.size)
    assert there.shape == (len(points),) == (points.shape[0],)
    assert there.mean() > 0.8
    assert np.abs(points - face.centre).max() < 0.5 * face.size
    assert segmenter(people.scene(), 300, 180, 150)[0].mean() < 0.2


@pytest.mark.parametrize(("x", "y", "share"), [(0, 180, 0.5), (640, 360, 0.25), (-200, 50, 0.0)])
def test_it_says_nothing_of_what_is_outside(x: float, y: float, share: float) -> None:
    shares, points = PersonSegmenter()(people.scene(), x, y, 100)
    assert len(shares) == len(points) == pytest.approx(share * 32 * 32, abs=1)
    assert ((points >= 0) & (points < (640, 360))).all()
