"""A trained face that runs."""

from pathlib import Path
from typing import Any

import cv2
import dfm_files
import numpy as np
import onnx
import pytest
from endless import endless
from leftovers import no_thread_left
from people import driver, moved, shown

from visard.engines.errors import EngineError, ModelRefused
from visard.models.processor import Material, ProcessorFailed, Report, find_processor
from visard.models.swap.dfm.morph import MASK
from visard.models.swap.dfm.options import DfmOptions


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dfm_files.amp(tmp_path_factory.mktemp("dfm") / "person.dfm", 64)


HULL = {"mask_source": False, "mask_celeb": False, "mask_landmarks": True}


@pytest.fixture
def face(model: Path):
    made = prepared(model, **HULL)
    yield made
    made.close()


def prepared(model: Path, **options: Any):
    return find_processor("dfm").prepare(
        Material(model=model), DfmOptions(**options), lambda share, text: None
    )


def patches(face: Any, frame: np.ndarray, *faces: Any, **how: Any) -> list[Any]:
    return list(face.submit(frame, faces, **how).result(60))


def test_a_frame_is_swapped(face: Any) -> None:
    frame, seen = driver()[0]
    before = frame.copy()
    (patch,) = patches(face, frame, seen)
    np.testing.assert_array_equal(frame, before)
    assert patch.image.shape == (*patch.mask.shape, 3)
    assert max(patch.mask.shape) < 210, "only what shows"
    assert patch.mask.max() > 250
    change = np.abs(shown(frame, patch, seen).astype(int) - frame).max(2)
    ys, xs = np.nonzero(change)
    left, top, right, bottom = seen.box
    assert xs.min() > left - 0.2 * seen.size
    assert xs.max() < right + 0.2 * seen.size
    assert ys.min() > top - 0.2 * seen.size
    assert ys.max() < bottom + 0.2 * seen.size
    assert face.bytes > 10_000


def test_faces_come_in_their_order(face: Any) -> None:
    frame, seen = driver()[0]
    other = moved(seen, 30, -10, 0.8, id_=4)
    one, two = patches(face, frame, seen, other)
    np.testing.assert_array_equal(two.matrix, patches(face, frame, other)[0].matrix)
    np.testing.assert_array_equal(one.image, patches(face, frame, seen)[0].image)
    assert patches(face, frame) == []


@pytest.mark.parametrize(
    "change",
    [
        {"morph_factor": 0.1}, {"presharpen": 5.0}, {"pre_gamma_red": 2.0}, {"two_pass": True},
        {"post_gamma_green": 2.0}, {"colour_transfer": "none"}, {"y_offset": 0.1}, {"coverage": 1.5},
        {"exclude_moving_parts": False}, {"face_type": "full"},
    ],
    ids=str,
)  # fmt: skip
def test_options_change_while_it_runs(face: Any, change: dict[str, Any]) -> None:
    frame, seen = driver()[0]
    before = shown(frame, patches(face, frame, seen)[0], seen)
    assert face.adjust(DfmOptions(**HULL, **change))
    after = shown(frame, patches(face, frame, seen)[0], seen)
    assert np.abs(before.astype(int) - after).max() > 2
    assert face.adjust(DfmOptions(**HULL))
    np.testing.assert_array_equal(shown(frame, patches(face, frame, seen)[0], seen), before)


def test_green_after_the_network_is_green(face: Any) -> None:
    frame, seen = driver()[0]
    face.adjust(DfmOptions(**HULL, colour_transfer="none"))
    (before,) = patches(face, frame, seen)
    face.adjust(DfmOptions(**HULL, colour_transfer="none", post_gamma_green=2.0))
    (after,) = patches(face, frame, seen)
    changed = np.abs(before.image.astype(int) - after.image).max((0, 1))
    assert changed[0] == changed[2] == 0
    assert changed[1] > 20


def test_without_relighting_the_colours_are_the_networks(face: Any) -> None:
    frame, seen = driver()[0]
    (own,) = patches(face, frame, seen, relight=False)
    face.adjust(DfmOptions(**HULL, colour_transfer="none"))
    np.testing.assert_array_equal(patches(face, frame, seen)[0].image, own.image)


def test_the_result_may_be_scaled_more_sharply(face: Any) -> None:
    frame, seen = driver()[0]
    results = {}
    for way in ("bilinear", "bicubic", "lanczos4"):
        face.adjust(DfmOptions(**HULL, interpolation=way))
        results[way] = shown(frame, patches(face, frame, seen)[0], seen)
    flags = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "lanczos4": cv2.INTER_LANCZOS4}
    assert patches(face, frame, seen)[0].interpolation == flags["lanczos4"]
    assert len({result.tobytes() for result in results.values()}) == 3


@pytest.fixture(scope="module")
def tinted(tmp_path_factory: pytest.TempPathFactory):
    made = prepared(dfm_files.tinted(tmp_path_factory.mktemp("tinted") / "person.dfm"))
    yield made
    made.close()


def test_only_the_face_changes(tinted: Any) -> None:
    frame, seen = driver()[0]
    (patch,) = patches(tinted, frame, seen)
    edge = patch.mask[0], patch.mask[-1], patch.mask[:, 0], patch.mask[:, -1]
    assert max(side.max() for side in edge) == 0
    ys, xs = np.nonzero(patch.mask > 127)
    where = np.column_stack([xs, ys, np.ones_like(xs)]) @ patch.matrix.T
    assert np.abs(where.mean(0) - seen.centre).max() < 0.15 * seen.size
    change = np.abs(shown(frame, patch, seen).astype(int) - frame).max(2)
    assert (change > 5).sum() > 0.1 * seen.size**2
    outside = np.ones(change.shape, bool)
    left, top, right, bottom = (round(v) for v in seen.box)
    reach = round(0.2 * seen.size)
    outside[max(top - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach] = False
    assert change[outside].max() == 0


def test_its_light_is_the_scenes(tinted: Any) -> None:
    frame, seen = driver()[0]
    lights = []
    for share in (1.0, 0.5):
        dimmed = (frame * share).astype(np.uint8)
        (patch,) = patches(tinted, dimmed, seen)
        left, top, right, bottom = map(round, seen.box)
        area = slice(max(top, 0), bottom), slice(max(left, 0), right)
        assert shown(dimmed, patch, seen)[area].mean() == pytest.approx(dimmed[area].mean(), rel=0.12)
        lights.append(patch.image[patch.mask > 127].mean())
        (own,) = patches(tinted, dimmed, seen, relight=False)
        assert np.abs(own.image.astype(int) - patch.image).mean() > 5
    assert lights[1] < 0.65 * lights[0]


@pytest.mark.parametrize(
    ("x", "y", "scale"), [(-500, 0, 1), (0, 900, 1), (5000, 5000, 1), (0, 0, 0.02), (0, 0, 4)]
)
def test_faces_at_every_place_and_size(tinted: Any, x: float, y: float, scale: float) -> None:
    frame, seen = driver()[0][0].copy(), driver()[0][1]
    frame.flags.writeable = False
    face_ = moved(seen, x, y, scale)
    (patch,) = patches(tinted, frame, face_)
    assert np.isfinite(patch.matrix).all()
    assert patch.image.shape == (*patch.mask.shape, 3)
    assert shown(frame, patch, face_).shape == frame.shape
    (patch,) = patches(tinted, frame[:1, :1], face_)
    assert patch.mask.max() > 200


def test_after_close_it_raises(model: Path) -> None:
    face = prepared(model)
    face.close()
    face.close()
    with pytest.raises(ProcessorFailed, match="closed"):
        patches(face, *driver()[0])


def test_the_rewritten_network_is_kept_and_made_once(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(model).close()
    (kept,) = (home / "cache" / "engines" / "kept" / "dfm-1").iterdir()
    assert kept.name.startswith("person-")
    assert MASK in {value.name for value in onnx.load(kept).graph.input}
    monkeypatch.setattr("visard.models.swap.dfm.swapper.convert", lambda path: pytest.fail("made again"))
    prepared(model).close()


def test_other_weights_in_a_file_of_the_same_name(home: Path, tmp_path: Path) -> None:
    frame, seen = driver()[0]
    images = []
    for seed in (1, 2):
        face = prepared(dfm_files.saehd(tmp_path / "a.dfm", 48, seed=seed))
        images.append(patches(face, frame, seen)[0].image)
        face.close()
    assert np.abs(images[0].astype(int) - images[1]).max() > 2


def test_preparing_can_be_cancelled(home: Path, model: Path) -> None:
    class Enough(Exception):
        pass

    told: list[float] = []

    def until(last: float) -> Report:
        def report(share: float, text: str) -> None:
            told.append(share)
            if share == last:
                raise Enough

        return report

    shares = (0.0, 0.3, 0.5, 0.7, 1.0)
    for last in shares:
        with pytest.raises(Enough):
            find_processor("dfm").prepare(Material(model=model), DfmOptions(), until(last))
        assert told[-1] == last
    steps = [share for share in told if share in shares]  # without those of compiling
    assert steps[:12] == [0, 0, 0.3, 0, 0.3, 0.5, 0, 0.5, 0.7, 0, 0.5, 0.7]
    assert steps.count(1) == 1


def test_compiling_can_be_cancelled(home: Path, tmp_path: Path) -> None:
    model = endless(tmp_path / "net.dfm", constant=False)

    class Enough(Exception):
        pass

    opening = iter((False, True))  # the second time that it is told comes from compiling

    def report(share: float, text: str) -> None:
        if text == "opening the model" and next(opening):
            raise Enough

    with pytest.raises(Enough):
        find_processor("dfm").prepare(Material(model=model), DfmOptions(), report)
    assert no_thread_left()


def test_what_it_cannot_prepare(home: Path, tmp_path: Path, model: Path) -> None:
    with pytest.raises(ModelRefused, match=r"dfm needs a trained model, a file that ends in \.dfm"):
        find_processor("dfm").prepare(Material(), DfmOptions(), lambda share, text: None)
    with pytest.raises(ModelRefused, match="missing"):
        prepared(tmp_path / "none.dfm")
    (home / "cache" / "engines").mkdir(parents=True)
    (home / "cache" / "engines" / "kept").write_text("in the way")
    with pytest.raises(EngineError, match=r"person\.dfm could not be written for engines: "):
        prepared(model)
