"""The First Order Motion Model against the outputs of its authors' code, where those lie beside."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import fomm_checkpoint
import numpy as np
import pytest

from visard.engines import load
from visard.engines.cache.cache import Cache
from visard.models.animate.fomm.animator import FommNetwork, hull_side
from visard.models.animate.fomm.graphs import GRAPHS

torch = pytest.importorskip("torch", reason="checkpoints are read with PyTorch: the extra 'export'")

from visard.models.animate._torch_layers import to_picture  # noqa: E402 - it needs torch
from visard.models.animate.fomm import export  # noqa: E402
from visard.models.animate.fomm.network import Keypoints  # noqa: E402

TINY = "tiny-a", "tiny-b"
FULL = (
    "vox-adv-256", "vox-256", "mgif-256", "taichi-256", "taichi-adv-256", "fashion-256", "bair-256",
    "nemo-256",
)  # fmt: skip
cases = pytest.mark.parametrize("case", [*TINY, *FULL], indirect=True)
exported_cases = pytest.mark.parametrize(
    "case",
    [
        *TINY,
        FULL[0],
        *(pytest.param(name, marks=pytest.mark.full_size) for name in FULL[1:]),
    ],
    indirect=True,
)
SHOWN = np.s_[:, 1::4, 2::4]
"""The pixels that are kept of a prediction, [3, H, W]."""


class Case(NamedTuple):
    """An original checkpoint and what came of it."""

    name: str
    checkpoint: Path
    data: dict[str, np.ndarray]
    source: np.ndarray
    drivers: list[np.ndarray]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    if not (shared / "oracles" / "fomm").is_dir():
        pytest.skip("needs the outputs of the original programs in shared/oracles/fomm")
    return shared / "oracles" / "fomm"


@pytest.fixture(scope="module")
def case(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    name = request.param
    told = json.loads((folder / f"{name}.json").read_text())
    with np.load(folder / f"{name}.npz") as file:
        data = {key: value[None] if key.startswith("kp_source") else value for key, value in file.items()}
    path = folder / f"{name}.pth.tar"
    if name in FULL:
        path = _filled(tmp_path_factory.mktemp(name) / path.name, folder, told["salt"], name)
    paths = [folder.parent / "inputs" / f"{each}.png" for each in (told["source"], *told["driving"])]
    source, *drivers = (np.asarray(cv2.imread(str(each)))[None] for each in paths)
    yield Case(name, path, data, source, drivers)
    if name in FULL:
        path.unlink()


def _filled(path: Path, folder: Path, salt: str, config: str) -> Path:
    rules = json.loads((folder / "fill_rules.json").read_text())
    known = json.loads((folder / "keys.json").read_text())
    parts = {
        part: next(each["keys"] for each in known[part] if config in each["configs"])
        for part in ("generator", "kp_detector")
    }
    return fomm_checkpoint.save(path, salt, parts, rules)


def keypoints(case: Case, which: str, number: int) -> Keypoints:
    value, jacobian = (case.data.get(f"{which}_{kind}") for kind in ("value", "jacobian"))
    turned = None if jacobian is None else torch.from_numpy(jacobian[number : number + 1])
    return Keypoints(torch.from_numpy(value[number : number + 1]), turned)


def assert_keypoints(found: Keypoints, wanted: Keypoints) -> None:
    np.testing.assert_allclose(found.value, wanted.value, atol=1e-5)
    assert (found.jacobian is None) == (wanted.jacobian is None)
    if found.jacobian is not None:
        np.testing.assert_allclose(found.jacobian, wanted.jacobian, atol=1e-5)


@pytest.fixture(scope="module")
def detect(case: Case) -> Callable[[np.ndarray], Keypoints]:
    detector = export.modules(case.checkpoint, align_corners=True)[0].detector

    def found(image: np.ndarray) -> Keypoints:
        with torch.inference_mode():
            return detector(to_picture(torch.from_numpy(image)))

    return found


@cases
def test_keypoints_are_the_originals(case: Case, detect: Any) -> None:
    assert_keypoints(detect(case.source), keypoints(case, "kp_source", 0))
    for number, driver in enumerate(case.drivers):
        assert_keypoints(detect(driver), keypoints(case, "kp_driving", number))


@cases
@pytest.mark.parametrize("corners", [True, False])
def test_pictures_are_the_originals(case: Case, corners: bool) -> None:
    prepare, motion, _ = export.modules(case.checkpoint, align_corners=corners)
    compared = 0
    with torch.inference_mode():
        value, features, small, *jacobian = prepare(torch.from_numpy(case.source))
        source = Keypoints(value, *(jacobian or [None]))
        for mode, which in (("rel", "kp_norm"), ("abs", "kp_driving")):
            for number in range(len(case.drivers)):
                wanted = case.data.get(f"ac{int(corners)}_{mode}{number}_prediction_s4")
                if wanted is not None:
                    warped = motion.generator.warp(features, small, source, keypoints(case, which, number))
                    made = motion.generator.draw(warped)[0].numpy()
                    np.testing.assert_allclose(made[SHOWN], wanted, atol=1e-4)
                    compared += 1
    assert compared >= 2


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def network(request: pytest.FixtureRequest, case: Case, tmp_path_factory: pytest.TempPathFactory):
    """The exported graphs, with the case's portrait."""
    place = tmp_path_factory.mktemp("graphs")
    cache, engines = Cache(place / "cache"), {}
    for graph in GRAPHS:
        path = place / f"{graph}.onnx"
        export.write(case.checkpoint, graph, path, align_corners=True)
        engines[graph] = load(path, "cpu", "fp32", backend=request.param, cache=cache)
        path.unlink()
    state = tuple(np.array(array) for array in engines["prepare"](case.source))
    yield FommNetwork(engines["motion"], engines["draw"], state)
    shutil.rmtree(place)  # compiled, a full-size one takes half a gigabyte


@exported_cases
def test_exported_graphs_move_as_the_originals(case: Case, network: FommNetwork) -> None:
    reference = network.reference(case.drivers[0], adaptive=True)
    assert reference.scale == pytest.approx(float(case.data["movement_scale"]), rel=1e-4)
    for mode, against in (("rel", reference), ("abs", network.still)):
        number = next(number for number in (1, 2) if f"ac1_{mode}{number}_prediction_s4" in case.data)
        wanted = case.data[f"ac1_{mode}{number}_prediction_s4"]
        made = network.move(case.drivers[number], against).transpose(2, 0, 1)[::-1][SHOWN]
        apart = made.astype(int) - np.floor(wanted * 255).astype(int)
        assert np.abs(apart).max() <= 1, "only a number next to a whole one may be cut off to the other"
        assert np.count_nonzero(apart) < 0.01 * apart.size


@exported_cases
def test_without_adaptive_scale_motion_is_as_large_as_the_drivers(case: Case, network: FommNetwork) -> None:
    assert network.reference(case.drivers[0], adaptive=False).scale == 1
    value = case.data["kp_driving_value"][:1]
    assert hull_side(value) ** 2 == pytest.approx(float(case.data["hull_area_driving0"]), rel=1e-4)
