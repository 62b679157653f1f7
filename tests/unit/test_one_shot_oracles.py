"""One-shot swappers against the outputs of insightface's own code, where those lie beside."""

from pathlib import Path

import cv2
import numpy as np
import published_models
import pytest
from people import shown

from visard.engines import load
from visard.models import align
from visard.models.face import Face, Image
from visard.models.five_points import TEMPLATES
from visard.models.store import Store, open_store
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import IDENTITY, MEMBERS, Member
from visard.models.swap.one_shot.identity import Identity
from visard.models.swap.one_shot.masks import boxed
from visard.models.swap.one_shot.swapper import OneShotNetwork

FILES = {"tiny_inswapper": "inswapper_128", "tiny_inswapper_emap16": "inswapper_128_fp16"}
CASES = [("tiny_inswapper", "src_a"), ("tiny_inswapper", "frame_wide"), ("tiny_inswapper_emap16", "src_a")]

Data = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    if not (shared / "oracles" / "inswapper").is_dir():
        pytest.skip("needs the outputs of the original program in shared/oracles/inswapper")
    return shared / "oracles"


@pytest.fixture(scope="module")
def data(folder: Path) -> Data:
    with np.load(folder / "inswapper" / "inswapper.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(home))
        store = open_store()
        store.import_(published_models.identity(home / "identity.onnx"), name=IDENTITY, accept_licence=True)
        for file, name in FILES.items():
            store.import_(folder / "inswapper" / f"{file}.onnx", name=name, accept_licence=True)
        yield store


def picture(folder: Path, name: str) -> Image:
    return np.asarray(cv2.imread(str(folder / "inputs" / f"{name}.png")), np.uint8)


def network(store: Store, member: Member, backend: str = "onnxruntime") -> OneShotNetwork:
    return OneShotNetwork(load(graphs.step(store, member), "cpu", "fp32", backend=backend), member)


def assert_near(made: np.ndarray, wanted: np.ndarray, most: float, mean: float | None = None) -> None:
    apart = np.abs(made.astype(np.float64) - wanted)
    assert made.shape == wanted.shape
    assert apart.max() <= most
    assert mean is None or apart.mean() <= mean


@pytest.mark.parametrize(("model", "frame"), CASES)
def test_faces_are_aligned_as_there(data: Data, folder: Path, model: str, frame: str) -> None:
    points = data[f"{model}/{frame}/kps"]
    for size, template in ((128, "arcface_128"), (112, "arcface_112_v2"), (256, "arcface_128")):
        matrix = align.similarity(points, TEMPLATES[template] * size)
        assert_near(matrix, data[f"{model}/{frame}/M{size}"], 1e-4)
    crop = align.crop(picture(folder, frame), data[f"{model}/{frame}/M128"], 128)
    assert_near(crop, data[f"{model}/{frame}/aligned128_bgr"], 3, 0.10)


@pytest.mark.parametrize(("model", "most"), [("tiny_inswapper", 1e-6), ("tiny_inswapper_emap16", 1e-3)])
def test_the_source_is_the_latent(data: Data, store: Store, model: str, most: float) -> None:
    identity = Identity(store, MEMBERS[FILES[model]])
    assert_near(identity.source(data[f"{model}/embedding"][None]), data[f"{model}/latent"], most)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("model", "frame"), CASES)
def test_a_crop_is_swapped_as_there(data: Data, store: Store, model: str, frame: str, backend: str) -> None:
    swap = network(store, MEMBERS[FILES[model]], backend)
    made = swap(data[f"{model}/{frame}/aligned128_bgr"], data[f"{model}/latent"])
    assert_near(made, data[f"{model}/{frame}/swapped_bgr_u8"], 1, 0.06)


@pytest.mark.parametrize(("model", "frame"), CASES)
def test_it_is_pasted_as_there(data: Data, store: Store, folder: Path, model: str, frame: str) -> None:
    """Where nothing of the frame shows, the original's floats add up to a hair less, and are cut down."""
    image, swap = picture(folder, frame), network(store, MEMBERS[FILES[model]])
    matrix = align.similarity(data[f"{model}/{frame}/kps"], TEMPLATES["arcface_128"] * 128)
    swapped = swap(align.crop(image, matrix, 128), data[f"{model}/latent"])
    patch = boxed(swapped, matrix, image.shape[1::-1], 1, 1)
    nobody = Face(1, np.zeros((478, 3), np.float32), np.zeros(52, np.float32))
    wanted, made = data[f"{model}/{frame}/pasted_bgr_u8"], shown(image, patch, nobody)
    assert_near(made, wanted, 2, 0.12)
    (left, top), (height, width) = patch.matrix[:, 2].astype(int), patch.mask.shape
    inside = np.zeros(image.shape[:2], bool)
    inside[top : top + height, left : left + width] = patch.mask == 255
    assert_near(made[~inside], wanted[~inside], 2, 0.05)
    less, more = made[inside] > wanted[inside], made[inside] < wanted[inside]
    assert less.mean() > 5 * more.mean(), "what differs there was cut off"
