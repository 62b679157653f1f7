"""What every swapper keeps to. The registry finds them; a new one is tested without being told."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from materials import OneFace, material, photo, prepare
from people import driver, moved, shown

from visard.models.face import Face, Image
from visard.models.processor import Patch, Processor, ProcessorFailed, swappers

KINDS = sorted(swappers.all())
pytestmark = pytest.mark.usefixtures("models_here")
ROOM = 140
"""Pixels added on every side of the demo clip's frames, so that the whole head is inside."""

Seen = tuple[Image, Face]


def test_every_module_is_usable() -> None:
    assert swappers.broken == {}
    assert "mesh" in KINDS


@pytest.fixture(scope="module", params=KINDS)
def swapper(request: pytest.FixtureRequest) -> Processor:
    return swappers.get(request.param)


@pytest.fixture
def swap(swapper: Processor) -> Iterator[OneFace]:
    prepared = prepare(swapper)
    yield OneFace(prepared)
    prepared.close()


@pytest.fixture
def from_photo(swapper: Processor) -> Callable[[str], OneFace]:
    """Makes a swap of a shipped persona; only swappers that take photos match light and look alike."""
    if "photo" not in swapper.accepts:
        pytest.skip(f"{swapper.name} takes no photo")
    return lambda name: OneFace(prepare(swapper, photo(name)))


@pytest.fixture(scope="module")
def seen() -> Seen:
    frame, face = driver()[0]
    return cv2.copyMakeBorder(frame, *[ROOM] * 4, cv2.BORDER_REFLECT), moved(face, ROOM, ROOM)


def cut(seen: Seen, left: float, top: float, width: int = 640, height: int = 480) -> Seen:
    """A part of the frame; ``left`` and ``top`` are measured in face sizes from the face's centre."""
    frame, face = seen
    x, y = (round(c + share * face.size) for c, share in zip(face.centre, (left, top), strict=True))
    matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
    part = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return part, moved(face, -x, -y)


def pixels(patch: Patch) -> list[np.ndarray]:
    under = [] if patch.under is None else [patch.under.image.copy()]
    return [patch.image.copy(), patch.mask.copy(), patch.matrix.copy(), *under]


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_well_formed(patch: Patch, frame: Image) -> None:
    assert patch.image.dtype == patch.mask.dtype == np.uint8
    assert patch.image.shape == (*patch.mask.shape, 3)
    assert patch.matrix.shape == (2, 3)
    assert patch.matrix.dtype == np.float32
    assert np.isfinite(patch.matrix).all()
    if patch.under is not None:
        under, (height, width) = patch.under, frame.shape[:2]
        assert under.image.dtype == np.uint8
        assert under.x >= 0
        assert under.y >= 0
        assert under.x + under.image.shape[1] <= width
        assert under.y + under.image.shape[0] <= height


def test_it_says_what_it_is(swapper: Processor) -> None:
    assert swapper.name in KINDS
    assert swapper.summary
    assert swapper.kind == "swap"
    assert swapper.accepts
    assert 0 <= swapper.quality <= 100
    for name, field in swapper.Options.model_fields.items():
        assert field.description, name
        assert not field.is_required(), name


def test_material_is_checked_without_preparing_it(swapper: Processor) -> None:
    assert all(isinstance(remark, str) for remark in swapper.check(material(swapper)))


def test_preparing_tells_how_far_it_is_and_can_be_cancelled(swapper: Processor) -> None:
    told: list[tuple[float, str]] = []
    usual = swapper.Options()
    swapper.prepare(material(swapper), usual, lambda share, text: told.append((share, text))).close()
    assert told
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert all(0 <= share <= 1 and text for share, text in told)

    def cancel(_share: float, _text: str) -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError, match="cancelled"):
        swapper.prepare(material(swapper), usual, cancel)


def test_what_is_closed_swaps_no_more(swap: OneFace, seen: Seen) -> None:
    assert swap.prepared.bytes > 0
    swap.prepared.close()
    swap.prepared.close()
    with pytest.raises(ProcessorFailed):
        swap(*seen)


def test_all_faces_of_a_frame_at_once(swap: OneFace, seen: Seen) -> None:
    frame, face = seen
    faces = face, moved(face, x=-40, id_=8)
    expected = [pixels(swap(frame, one)) for one in faces]
    swap.forget()
    made = swap.prepared.submit(frame, faces).result(60)
    for patch, right in zip(made, expected, strict=True):
        assert_well_formed(patch, frame)
        assert patch.image.shape == right[0].shape


def test_the_same_options_are_adjusted_to_at_once(swap: OneFace, swapper: Processor, seen: Seen) -> None:
    assert swap.prepared.adjust(swapper.Options())
    assert_well_formed(swap(*seen), seen[0])


def test_a_patch_fades_out_before_its_border(swap: OneFace, seen: Seen) -> None:
    patch = swap(*seen)
    assert_well_formed(patch, seen[0])
    assert patch.mask.max() > 200
    assert (
        max(patch.mask[0].max(), patch.mask[-1].max(), patch.mask[:, 0].max(), patch.mask[:, -1].max()) == 0
    )


def test_the_patch_lies_on_the_face(swap: OneFace, seen: Seen) -> None:
    patch, (_, face) = swap(*seen), seen
    left, top, right, bottom = face.box
    ys, xs = np.nonzero(patch.mask > 127)
    where = np.column_stack([xs, ys, np.ones_like(xs)]) @ patch.matrix.T
    assert np.abs(where.mean(0) - face.centre).max() < 0.15 * face.size
    inside = (where[:, 0] > left - 0.1 * face.size) & (where[:, 0] < right + 0.1 * face.size)
    inside &= (where[:, 1] > top - 0.1 * face.size) & (where[:, 1] < bottom + 0.1 * face.size)
    assert inside.all()
    pixel = abs(np.linalg.det(patch.matrix[:, :2]))  # of the patch, in pixels of the frame
    assert len(where) * pixel > 0.4 * (right - left) * (bottom - top)


def test_what_lies_below_joins_the_frame_without_a_seam(swap: OneFace, seen: Seen) -> None:
    under, frame = swap(*seen).under, seen[0]
    if under is None:
        return
    height, width = under.image.shape[:2]
    there = frame[under.y : under.y + height, under.x : under.x + width]
    for side in ((0,), (-1,), (slice(None), 0), (slice(None), -1)):
        assert np.abs(there[side].astype(int) - under.image[side]).max() <= 1


def test_frame_and_face_stay_as_they_are(swap: OneFace, seen: Seen) -> None:
    frame, face = seen
    before = frame.copy(), face.landmarks.copy(), face.blendshapes.copy()
    swap(frame, face)
    assert_same(list(before), [frame, face.landmarks, face.blendshapes])


def test_the_frame_may_be_read_only(swap: OneFace, seen: Seen) -> None:
    frame = seen[0].copy()
    frame.flags.writeable = False
    assert swap(frame, seen[1]).mask.max() > 200


def test_everything_that_is_not_the_face_stays(swap: OneFace, seen: Seen) -> None:
    frame, face = seen
    result = shown(frame, swap(frame, face), face)
    left, top, right, bottom = (round(v) for v in face.box)
    change = np.abs(result.astype(int) - frame).max(2)
    assert change[top:bottom, left:right].mean() > 5
    reach = round(0.45 * face.size)
    change[max(top - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach] = 0
    assert change.max() == 0


@pytest.mark.parametrize(
    ("left", "top"), [(0, -0.7), (-0.7, 0), (-0.2, -0.2), (-1.5, -0.7), (-0.7, -1.1), (0.45, 0.45), (3, 3)]
)
def test_a_face_at_or_beyond_the_edge(swap: OneFace, seen: Seen, left: float, top: float) -> None:
    frame, face = cut(seen, left, top)
    patch = swap(frame, face)
    assert_well_formed(patch, frame)
    assert shown(frame, patch, face).shape == frame.shape


@pytest.mark.parametrize("scale", [0.02, 0.05, 0.15, 3.0])
def test_faces_of_every_size(swap: OneFace, seen: Seen, scale: float) -> None:
    frame, face = cut(seen, -0.9, -0.7)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    frame, face = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=method), moved(face, scale=scale)
    patch = swap(frame, face)
    assert_well_formed(patch, frame)
    assert patch.mask.max() > 100


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 400), (401, 3)])
def test_pictures_of_every_size(swap: OneFace, seen: Seen, size: tuple[int, int]) -> None:
    frame = cv2.resize(seen[0], size)
    patch = swap(frame, moved(seen[1], -seen[1].centre[0], -seen[1].centre[1]))
    assert_well_formed(patch, frame)


def test_several_drivers_do_not_learn_from_each_other(swapper: Processor, seen: Seen) -> None:
    bright, dark = seen[0], (seen[0] * 0.4).astype(np.uint8)
    one, other = seen[1], moved(seen[1], id_=7)
    alone, together = OneFace(prepare(swapper)), OneFace(prepare(swapper))
    for _ in range(4):
        expected = pixels(alone(bright, one))
        together(dark, other)
        assert_same(expected, pixels(together(bright, one)))


def test_many_drivers(swap: OneFace, seen: Seen) -> None:
    for number in range(40):
        assert swap(seen[0], moved(seen[1], id_=number)).mask.max() > 200


def test_forget_starts_anew(swapper: Processor, swap: OneFace, seen: Seen) -> None:
    frame, face = seen
    fresh = pixels(swap(frame, face))
    shape = replace(face, landmarks=face.landmarks * np.array([1.1, 0.95, 1], np.float32))
    for _ in range(3):
        swap((frame * 0.4).astype(np.uint8), shape)
    swap.forget()
    assert_same(fresh, pixels(swap(frame, face)))


def test_two_swaps_of_one_persona_agree(swapper: Processor, swap: OneFace, seen: Seen) -> None:
    assert_same(pixels(swap(*seen)), pixels(OneFace(prepare(swapper))(*seen)))


def test_relighting_can_be_left_out(from_photo: Callable[[str], OneFace], seen: Seen) -> None:
    frame, face = (seen[0] * 0.35).astype(np.uint8), seen[1]
    swap = from_photo("walter")
    lit = swap(frame, face)
    lit_light = lit.image[lit.mask > 127].mean()
    swap.forget()
    own = swap(frame, face, relight=False)
    assert_well_formed(own, frame)
    own_light = own.image[own.mask > 127].mean()
    assert own_light > 1.5 * lit_light


def test_relighting_follows_the_scene(from_photo: Callable[[str], OneFace], seen: Seen) -> None:
    swap, lights = from_photo("walter"), []
    for share in (1.0, 0.5):
        swap.forget()
        frame = (seen[0] * share).astype(np.uint8)
        patch = swap(frame, seen[1])
        result, (left, top, right, bottom) = shown(frame, patch, seen[1]), map(round, seen[1].box)
        area = slice(top, bottom), slice(left, right)
        assert result[area].mean() == pytest.approx(frame[area].mean(), rel=0.12)
        lights.append(patch.image[patch.mask > 127].mean())
    assert lights[1] < 0.65 * lights[0]


def test_personas_differ(from_photo: Callable[[str], OneFace], seen: Seen) -> None:
    one, other = (shown(seen[0], from_photo(n)(*seen), seen[1]) for n in ("walter", "clara"))
    left, top, right, bottom = map(round, seen[1].box)
    assert np.abs(one[top:bottom, left:right].astype(int) - other[top:bottom, left:right]).mean() > 3
