"""The First Order Motion Model: checkpoints that are not what they should be, crops, what may be seen."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import fomm_checkpoint
import numpy as np
import onnx
import pytest
from drivers import Driver
from materials import drawn, models_here, photo  # noqa: F401 - a fixture

from visard.engines.errors import EngineError, ModelRefused
from visard.models.animate import _export_process
from visard.models.animate._squares import Area, Square
from visard.models.animate.fomm import animator, graphs
from visard.models.animate.fomm.crops import PortraitView, around
from visard.models.animate.fomm.options import Checkpoint, FommOptions
from visard.models.errors import ModelMissing
from visard.models.face import Face
from visard.models.portrait import Portrait, examine
from visard.models.processor import find_processor
from visard.models.store import open_store


def ignored(_share: float, _text: str) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return examine(photo("robin").photos[0])


@pytest.fixture(scope="module")
def driver(portrait: Portrait) -> Driver:
    return Driver(portrait.face)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="checkpoints are written with PyTorch: the extra 'export'")
    return fomm_checkpoint.write(tmp_path_factory.mktemp("fomm") / "small.pth.tar", 1 / 16, 3, 1)


def test_every_published_model_is_in_the_store() -> None:
    specs = open_store().specs
    assert all(specs[checkpoint.model].task == "fomm" for checkpoint in Checkpoint)
    assert sum(spec.task == "fomm" for spec in specs.values()) == len(Checkpoint)


def test_without_its_checkpoint_it_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(ModelMissing, match="fomm_vox_adv is not here; get it with: visard models"):
        find_processor("fomm").prepare(photo("robin"), FommOptions(), ignored)


def test_without_torch_it_says_what_to_install(
    home: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store().import_(small, name="fomm_vox", accept_licence=True)
    monkeypatch.setattr(_export_process, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match=r"PyTorch: pip install 'visard\[export\]'"):
        graphs.graphs("fomm_vox", ignored, align_corners=True)


def test_graphs_are_made_once(home: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store().import_(small, name="fomm_vox", accept_licence=True)
    made = graphs.graphs("fomm_vox", ignored, align_corners=True)
    monkeypatch.setattr(_export_process, "find_spec", lambda _: None)
    assert graphs.graphs("fomm_vox", ignored, align_corners=True) == made
    with pytest.raises(EngineError):
        graphs.graphs("fomm_vox", ignored, align_corners=False)


def test_giving_up_leaves_nothing(home: Path, small: Path) -> None:
    open_store().import_(small, name="fomm_vox", accept_licence=True)

    def give_up(_share: float, _text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        graphs.graphs("fomm_vox", give_up, align_corners=True)
    assert not list((open_store().folder / "exported").iterdir())


def test_only_keypoints_lead_from_the_driver_to_the_picture(small: Path, tmp_path: Path) -> None:
    from visard.models.animate.fomm.export import write

    write(small, "motion", tmp_path / "motion.onnx", align_corners=True)
    reached, found = {"driver"}, {"driver_value", "driver_jacobian"}
    for node in onnx.load(tmp_path / "motion.onnx").graph.node:  # they are in order
        if reached.intersection(node.input):
            reached.update(set(node.output) - found)
    assert "warped" not in reached


def changed(path: Path, into: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    import torch

    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, into)
    return into


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c.pop("generator"),
            "expected are the parts generator and kp_detector, found: kp_detector",
        ),
        (lambda c: c["kp_detector"].pop("kp.bias"), "has no kp.bias in its kp_detector"),
        (lambda c: c["generator"].update(odd=c["generator"]["final.bias"]), "has odd in its generator"),
        (lambda c: c["generator"].update({"final.weight": c["generator"]["final.bias"]}), "do not fit"),
        (lambda c: c.update(generator=[1, 2]), "is no First Order Motion Model"),
    ],
)
def test_other_checkpoints_are_refused(small: Path, tmp_path: Path, change: Any, message: str) -> None:
    from visard.models.animate.fomm.export import write

    path = changed(small, tmp_path / "other.pth.tar", change)
    with pytest.raises(ModelRefused, match=message):
        write(path, "draw", tmp_path / "draw.onnx", align_corners=True)


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("content", ["code", "noise", "half"])
def test_nothing_is_unpickled(small: Path, tmp_path: Path, content: str) -> None:
    from visard.models.animate.fomm.checkpoint import read

    path, mark = tmp_path / "x.pth.tar", tmp_path / "mark"
    whole = small.read_bytes()
    path.write_bytes(
        {"code": pickle.dumps(Runs(mark)), "noise": b"\x80" * 999, "half": whole[:9999]}[content]
    )
    with pytest.raises(ModelRefused, match=r"x.pth.tar is damaged or no torch checkpoint"):
        read(path)
    assert not mark.exists()


def test_a_drivers_square_stays_while_the_face_is_in_it(driver: Driver) -> None:
    square = around(driver.does(), 1.9)
    assert square.followed(driver.does(shift=(20, -10))) == square
    far = driver.does(shift=(200, 0))
    moved = square.followed(far)
    assert 0 < moved.x - square.x < 200
    assert moved.y == pytest.approx(square.y)
    assert moved.x + moved.side / 2 > far.box[2]
    near = driver.does(nearer=2.5)
    assert square.followed(near).side > near.size


@pytest.mark.parametrize("place", [(0, 0), (639, 479), (320, 240), (-500, 900)])
@pytest.mark.parametrize("side", [1, 100, 480, 5000])
def test_areas_lie_inside_the_picture(place: tuple[int, int], side: int) -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    area = Square(*place, side).inside(picture)
    assert area.of(picture).shape == (min(side, 480), min(side, 480), 3)
    assert area.crop(picture).shape == (1, 256, 256, 3)


def test_a_still_crop_leaves_the_portrait_as_it_is(portrait: Portrait) -> None:
    view = PortraitView(portrait.within(1280, 720), FommOptions())
    shown = view.show(view.crop[0])
    assert np.abs(shown.astype(int) - portrait.within(1280, 720).image).mean() < 3


@pytest.fixture
def animation(models_here: None):  # noqa: F811
    pytest.importorskip("torch", reason="its model is written for engines with PyTorch: the extra 'export'")
    made = find_processor("fomm").prepare(photo("robin"), FommOptions(), ignored)
    yield made
    made.close()


def shown(animation: Any, face: Face) -> np.ndarray:
    (patch,) = animation.submit(drawn(face), (face,)).result(60)
    return patch.image.copy()


def test_relative_motion_counts_from_the_reference_and_absolute_does_not(
    animation: Any, driver: Driver
) -> None:
    turned, straight = driver.does(yaw=20), driver.does()
    assert animation.adjust(FommOptions(motion="absolute", driver_crop="frame"))
    first = shown(animation, straight).astype(int)
    animation.calibrate()
    shown(animation, turned)
    assert np.abs(shown(animation, straight).astype(int) - first).max() <= 1, "an engine may have changed"
    assert animation.adjust(FommOptions(driver_crop="frame"))
    still = shown(animation, turned).astype(int)
    animation.calibrate()
    assert np.abs(shown(animation, straight).astype(int) - still).max() <= 1


def test_what_the_state_depends_on_is_prepared_anew(animation: Any) -> None:
    assert animation.adjust(FommOptions(adaptive_scale=False, crop_share=0.5))
    for change in ({"align_corners": False}, {"checkpoint": "vox"}, {"portrait_crop": "whole"}):
        assert not animation.adjust(FommOptions(**change))


def test_a_whole_portrait_is_squeezed_and_drawn_out_again(portrait: Portrait) -> None:
    wide = Portrait(np.asarray(cv2.resize(portrait.image, (400, 200)), np.uint8), portrait.face)
    view = PortraitView(wide, FommOptions(portrait_crop="whole"))
    np.testing.assert_array_equal(view.crop, Area(0, 0, 400, 200).crop(wide.image))
    assert view.show(np.full((256, 256, 3), 9, np.uint8)).tolist() == np.full((200, 400, 3), 9).tolist()


def test_hulls_of_keypoints() -> None:
    square = np.array([[[-1, -1], [1, -1], [1, 1], [-1, 1], [0, 0]]], np.float32) / 2
    assert animator.hull_side(square) == pytest.approx(1)
