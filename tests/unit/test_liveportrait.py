"""LivePortrait: files that are not what they should be, crops, sampling, what may be seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import liveportrait_files
import numpy as np
import onnx
import pytest
from materials import photo

from visard.engines.errors import ModelRefused
from visard.models.animate.liveportrait.controls import CONTROLS, Openness, controls, region
from visard.models.animate.liveportrait.crops import LARGE, PortraitView, Upright, cut, paste_mask
from visard.models.animate.liveportrait.options import LivePortraitOptions
from visard.models.errors import ModelMissing
from visard.models.portrait import Portrait, examine
from visard.models.processor import find_processor

OPEN, SHUT = Openness((0.3, 0.3), 0.4), Openness((0.3, 0.3), 0.01)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return examine(photo("robin").photos[0]).within(1280, 720)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="checkpoints are written with PyTorch: the extra 'export'")
    return liveportrait_files.write(tmp_path_factory.mktemp("liveportrait"), 1 / 16)


def test_without_its_files_it_says_how_to_get_them(home: Path) -> None:
    with pytest.raises(ModelMissing, match="liveportrait is not here; get it with: visard models"):
        find_processor("liveportrait").prepare(photo("robin"), LivePortraitOptions(), lambda *_: None)


def test_a_volume_is_sampled_as_volumes_are() -> None:
    torch = pytest.importorskip("torch", reason="the networks are written with PyTorch: the extra 'export'")
    from visard.models.animate.liveportrait.picture import DEPTH, SIDE, Sample, Shifts, identity, shifted

    torch.manual_seed(1)
    volume = torch.randn(1, 2, DEPTH, SIDE, SIDE)
    places = identity()[None] + 0.3 * torch.randn(1, DEPTH, SIDE, SIDE, 3)
    wanted = torch.nn.functional.grid_sample(volume, places, align_corners=False)
    np.testing.assert_allclose(Sample()(volume, places), wanted, atol=1e-4)
    source, driving = 0.4 * torch.randn(2, 1, 3, 3)
    shifts, _, along = Shifts()(torch.zeros(1, 3, DEPTH, SIDE, SIDE), source, driving)
    moved = shifted(volume, along)
    for number, shift in enumerate(shifts[0]):
        wanted = torch.nn.functional.grid_sample(volume, identity()[None] + shift, align_corners=False)
        np.testing.assert_allclose(moved[:, number], wanted, atol=1e-4)


def test_only_its_motion_leads_from_the_driver_to_the_picture(small: Path, tmp_path: Path) -> None:
    from visard.models.animate.liveportrait.export import write

    write(small, "step", tmp_path / "step.onnx")
    reached = {"driver"}
    found = {f"driver_{name}" for name in ("rotation", "expression", "translation", "scale")}
    for node in onnx.load(tmp_path / "step.onnx").graph.node:  # they are in order
        if reached.intersection(node.input):
            reached.update(set(node.output) - found)
    assert "picture" not in reached


def with_changes(files: Path, into: Path, part: str, change: Callable[[dict[str, Any]], object]) -> Path:
    import torch

    for path in files.glob("*.pth"):
        content = torch.load(path, weights_only=True)
        if path.stem == part:
            change(content)
        torch.save(content, into / path.name)
    return into


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (
            "motion_extractor",
            lambda c: c.pop("detector.fc_t.bias"),
            "has no detector.fc_t.bias in its motion",
        ),
        ("spade_generator", lambda c: c.update(odd=c["fc.bias"]), "has odd in its spade_generator"),
        ("warping_module", lambda c: c.update({"fourth.weight": c["fourth.bias"]}), "do not fit"),
        (liveportrait_files.RETARGETING, lambda c: c.pop("retarget_eye"), "the weights of its retarget_eye"),
    ],
)
def test_other_files_are_refused(small: Path, tmp_path: Path, part: str, change: Any, message: str) -> None:
    from visard.models.animate.liveportrait.export import write

    with pytest.raises(ModelRefused, match=message):
        write(with_changes(small, tmp_path, part, change), "step", tmp_path / "step.onnx")


def told(options: LivePortraitOptions, source: Openness = OPEN) -> dict[str, float]:
    return dict(zip(CONTROLS, controls(options, source)[0].tolist(), strict=True))


def test_retargeting_takes_the_place_of_relative_motion_alone() -> None:
    assert told(LivePortraitOptions(eye_retargeting=True))["moving"] == 0
    assert told(LivePortraitOptions(eye_retargeting=True, motion="absolute"))["moving"] == 1
    assert told(LivePortraitOptions())["moving"] == 1


def test_only_an_open_mouth_is_closed() -> None:
    closing = LivePortraitOptions(normalize_lip=True)
    assert told(closing)["closing"] == 1
    assert told(closing, SHUT)["closing"] == 0
    assert told(closing.model_copy(update={"lip_retargeting": True}))["closing"] == 0


@pytest.mark.parametrize(("name", "points"), [("all", 21), ("exp", 21), ("pose", 0), ("lip", 6), ("eyes", 5)])
def test_regions(name: str, points: int) -> None:
    options = LivePortraitOptions(animation_region=name)
    assert region(options).any(2).sum() == points
    assert told(options)["pose"] == (name in ("all", "pose"))
    assert told(options)["scale"] == (name == "all")


def test_open_eyes_and_lips_are_told_from_shut(portrait: Portrait) -> None:
    landmarks = portrait.face.landmarks.copy()
    seen = Openness.of(landmarks)
    assert all(0.15 < each < 0.6 for each in seen.eyes)
    landmarks[159] = landmarks[145]
    landmarks[13] = landmarks[14]
    shut = Openness.of(landmarks)
    assert shut.eyes[0] == 0 == shut.lips
    assert shut.eyes[1] == seen.eyes[1]


def test_the_mask_fades_at_the_rim_alone() -> None:
    mask = paste_mask()
    assert (mask[16:497, 16:497] == 255).all()
    assert mask[0].max() == 0
    assert mask[511, 256] == 255 * 1 // 16


def test_a_turned_face_is_upright_in_its_crop(portrait: Portrait) -> None:
    square = Upright.of(portrait.face.landmarks, 2.3, -0.125)
    matrix = square.matrix(LARGE)
    points = portrait.face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    eyes, lips = points[[33, 133, 263, 362]].mean(0), points[[61, 291]].mean(0)
    assert abs(lips[0] - eyes[0]) < 0.05 * abs(lips[1] - eyes[1])
    assert points.min() > 0
    assert points.max() < LARGE


@pytest.mark.parametrize("turned", [True, False])
def test_a_still_crop_leaves_the_portrait_as_it_is(portrait: Portrait, turned: bool) -> None:
    options = LivePortraitOptions(source_rotate=turned)
    view = PortraitView(portrait, options)
    matrix = Upright.of(portrait.face.landmarks, 2.3, -0.125).matrix(LARGE, turned=turned)
    shown = view.show(cut(portrait.image, matrix))
    assert np.abs(shown.astype(int) - portrait.image).mean() < 3
    square = PortraitView(portrait, LivePortraitOptions(output="square"))
    assert square.show(np.zeros((LARGE, LARGE, 3), np.uint8)).shape == (LARGE, LARGE, 3)
