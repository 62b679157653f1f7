"""One-shot swappers: every member by the table, sources, strength, boost, masks, and what is not there."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import published_models
import pytest
from materials import SHIPPED, OneFace, photo, prepare
from onnx import TensorProto, helper, numpy_helper
from people import driver

from visard.engines import load
from visard.engines.errors import ModelRefused
from visard.models import align
from visard.models.errors import ModelMissing
from visard.models.five_points import crop_matrix
from visard.models.onnx_model import Wrapper
from visard.models.portrait import examine
from visard.models.processor import Material
from visard.models.store import Store, open_store
from visard.models.store.spec import catalogue
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import AUTO, IDENTITY, MEMBERS, find_member, here
from visard.models.swap.one_shot.identity import Identity, source_of
from visard.models.swap.one_shot.masks import toned
from visard.models.swap.one_shot.options import OneShotOptions
from visard.models.swap.one_shot.swapper import OneShotNetwork, apart, processor, together

SHARE = 0.7
# file: side, template, (mean, deviation), (gain, shift) of what comes out, source
PUBLISHED = {
    "inswapper_128": (128, "arcface_128", (0, 1), (1, 0), "emap"),
    "inswapper_128_fp16": (128, "arcface_128", (0, 1), (1, 0), "emap"),
    "hyperswap_1a_256": (256, "arcface_128", (0.5, 0.5), (0.5, 0.5), "unit"),
    "hyperswap_1b_256": (256, "arcface_128", (0.5, 0.5), (0.5, 0.5), "unit"),
    "hyperswap_1c_256": (256, "arcface_128", (0.5, 0.5), (0.5, 0.5), "unit"),
    "ghost_1_256": (256, "arcface_112_v1", (0.5, 0.5), (0.5, 0.5), "converted"),
    "ghost_2_256": (256, "arcface_112_v1", (0.5, 0.5), (0.5, 0.5), "converted"),
    "ghost_3_256": (256, "arcface_112_v1", (0.5, 0.5), (0.5, 0.5), "converted"),
    "simswap_256": (256, "arcface_112_v1", "imagenet", (1, 0), "converted unit"),
    "simswap_unofficial_512": (512, "arcface_112_v1", (0, 1), (1, 0), "converted unit"),
    "hififace_unofficial_256": (256, "mtcnn_512", (0.5, 0.5), (0.5, 0.5), "converted unit"),
    "blendswap_256": (256, "ffhq_512", (0, 1), (1, 0), ("picture", 112, "arcface_112_v2")),
    "uniface_256": (256, "ffhq_512", (0.5, 0.5), (0.5, 0.5), ("picture", 256, "ffhq_512")),
}  # fmt: skip
IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    """A store with all members, each of which shows SHARE of its target."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(home))
        yield published_models.fill(home, *MEMBERS, share=SHARE)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("VISARD_HOME", str(tmp_path))
    return open_store()


def planes(crop: np.ndarray) -> np.ndarray:
    return crop[None, ..., ::-1].transpose(0, 3, 1, 2) / 255.0


def run(path: Path, *arrays: np.ndarray) -> np.ndarray:
    return np.array(load(path, "cpu", "fp32", backend="onnxruntime")(*arrays)[0])


def wanted_source(name: str, store: Store) -> np.ndarray:
    """The source by the published table, of walter's photo."""
    kind, portrait = PUBLISHED[name][4], examine(SHIPPED / "walter" / "picture.jpg")
    if isinstance(kind, tuple):
        _, side, template = kind
        return planes(align.crop(portrait.image, crop_matrix(portrait.face.landmarks, template, side), side))
    crop = align.crop(portrait.image, crop_matrix(portrait.face.landmarks, "arcface_112_v2", 112), 112)
    embedding = run(store.path(IDENTITY), (planes(crop) * 2 - 1).astype(np.float32))
    if kind == "emap":
        weights = onnx.load(store.path(name)).graph.initializer
        embedding = embedding @ numpy_helper.to_array(weights[-1])
    if "converted" in kind:
        embedding = run(store.path(f"crossface_{name.partition('_')[0]}"), embedding)
    return embedding if kind == "converted" else embedding / np.linalg.norm(embedding)


def test_the_table_is_that_of_the_store() -> None:
    assert set(MEMBERS) == set(PUBLISHED)
    assert set(MEMBERS) == {name for name, spec in catalogue().items() if spec.task == "one_shot"}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_member_is_fed_and_read_as_published(store: Store, name: str) -> None:
    side, template, scale, (gain, shift), _ = PUBLISHED[name]
    member = find_member(name, store)
    assert (member.side, member.template) == (side, template)
    identity = None if member.picture else Identity(store, member)
    source = source_of(member, [examine(SHIPPED / "walter" / "picture.jpg")], identity)
    np.testing.assert_allclose(source, wanted_source(name, store), rtol=1e-4, atol=2e-5)
    frame, face = driver()[0]
    crop = align.crop(frame, crop_matrix(face.landmarks, template, side), side)
    mean, deviation = (each[None, :, None, None] for each in IMAGENET) if scale == "imagenet" else scale
    y = published_models.mix((planes(crop) - mean) / deviation, source, member, SHARE)
    right = np.clip(y * gain + shift, 0, 1)[0].transpose(1, 2, 0)[..., ::-1] * 255
    network = OneShotNetwork(load(graphs.step(store, member), "cpu", "fp32", backend="onnxruntime"), member)
    made = network(crop, source)
    assert np.abs(made - np.floor(right)).max() <= 1
    assert np.abs(made - np.floor(right)).mean() < 0.01


def test_several_photos_are_averaged(store: Store) -> None:
    identity = Identity(store, MEMBERS["hyperswap_1a_256"])
    people = [examine(SHIPPED / name / "picture.jpg") for name in ("walter", "clara")]
    found = [identity.embedding(person.image, person.face.landmarks) for person in people]
    mean = (found[0] + found[1]) / 2
    made = source_of(MEMBERS["hyperswap_1a_256"], people, identity)
    np.testing.assert_allclose(made, mean / np.linalg.norm(mean), atol=1e-6)


def test_strength_mixes_the_drivers_own_identity_in(store: Store) -> None:
    seen, looks = driver()[0], {}
    for strength in (0.0, 0.5, 1.0):
        options = {"model": "inswapper_128", "strength": strength, "colour_transfer": "none"}
        with_it = prepare(processor, photo("walter"), **options)
        looks[strength] = OneFace(with_it)(*seen).image.astype(int)
        with_it.close()
    assert np.abs(looks[0.0] - looks[0.5]).mean() > 1
    assert np.abs(looks[1.0] - looks[0.5]).mean() > 1
    assert [OneShotOptions(strength=s).weight for s in (0, 0.5, 1)] == pytest.approx([0.35, 0, -0.35])


def test_options_change_while_it_runs_but_the_model(store: Store) -> None:
    swap = prepare(processor, photo("walter"), model="inswapper_128")
    assert swap.adjust(OneShotOptions(model="inswapper_128", pixel_boost=2, mask="box"))
    patch = OneFace(swap)(*driver()[0])
    assert np.array_equal(patch.matrix[:, :2], np.eye(2)), "a box is made in the frame's pixels"
    assert not swap.adjust(OneShotOptions(model="ghost_1_256"))
    swap.close()


def test_boosted_crops_are_interleaved() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    parts = apart(crop, 3)
    assert len(parts) == 9
    np.testing.assert_array_equal(parts[5], crop[1::3, 2::3])
    np.testing.assert_array_equal(together(parts, 3), crop)


def test_a_boosted_crop_is_not_larger_than_1024(store: Store) -> None:
    network = OneShotNetwork(load(graphs.step(store, MEMBERS["inswapper_128"])), MEMBERS["inswapper_128"])
    assert [network.side(boost) for boost in (1, 2, 8)] == [128, 256, 1024]
    network.member = MEMBERS["simswap_unofficial_512"]
    assert [network.side(boost) for boost in (1, 2, 8)] == [512, 1024, 1024]


def test_a_boosted_swap_shows_more(store: Store) -> None:
    frame, face = driver()[0]
    member = MEMBERS["inswapper_128"]
    network = OneShotNetwork(load(graphs.step(store, member), "cpu", "fp32", backend="onnxruntime"), member)
    source, sharp = np.zeros((1, 512), np.float32), []
    for boost in (1, 3):
        side = network.side(boost)
        crop = align.crop(frame, crop_matrix(face.landmarks, "arcface_128", side), side)
        made = cv2.resize(network(crop, source), (384, 384), interpolation=cv2.INTER_LINEAR)
        sharp.append(cv2.Laplacian(made[40:-40, 40:-40], cv2.CV_64F).var())
    assert sharp[1] > 1.5 * sharp[0]


def test_colours_become_the_scenes() -> None:
    random = np.random.default_rng(1)
    image, scene = (random.integers(low, low + 60, (128, 128, 3), np.uint8) for low in (20, 150))
    made = toned(image, scene, np.full((128, 128), 255, np.uint8))
    assert np.abs(made.mean((0, 1)) - scene.mean((0, 1))).max() < 3
    np.testing.assert_array_equal(toned(image, scene, np.zeros((128, 128), np.uint8)), image)


def test_without_models_it_says_how_to_get_them(empty: Store) -> None:
    with pytest.raises(
        ModelMissing, match=r"ghost_1_256.*visard models fetch ghost_1_256 arcface_w600k_r50 crossface_ghost"
    ):
        prepare(processor, photo("walter"))
    with pytest.raises(ModelMissing, match="visard models fetch simswap_256"):
        prepare(processor, photo("walter"), model="simswap_256")
    assert here(empty) == []
    assert processor.quality < 40, "what ships goes first"


def test_auto_takes_what_is_here(empty: Store, tmp_path: Path) -> None:
    published_models.fill(tmp_path, "ghost_2_256")
    assert find_member(AUTO, empty).name == "ghost_2_256"
    assert processor.quality > 40
    published_models.fill(tmp_path, "inswapper_128")
    assert find_member(AUTO, empty).name == "inswapper_128"


def test_auto_says_what_the_file_that_is_here_needs_besides(empty: Store, tmp_path: Path) -> None:
    path = published_models.swapper(tmp_path / "model.onnx", MEMBERS["simswap_256"])
    empty.import_(path, name="simswap_256", accept_licence=True)
    with pytest.raises(ModelMissing, match="simswap_256 lacks arcface_w600k_r50, crossface_simswap;"):
        prepare(processor, photo("walter"))


def test_a_file_that_was_optimised_is_refused(empty: Store, tmp_path: Path) -> None:
    path = published_models.swapper(tmp_path / "model.onnx", MEMBERS["inswapper_128"])
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((3, 3), np.float32), "later"))
    onnx.save(model, path)
    empty.import_(path, name="inswapper_128", accept_licence=True)
    with pytest.raises(ModelRefused, match=r"its last weight is \[3, 3\]"):
        graphs.converter(empty, MEMBERS["inswapper_128"])


def test_another_networks_file_is_refused(tmp_path: Path) -> None:
    path = published_models.swapper(tmp_path / "model.onnx", MEMBERS["simswap_unofficial_512"])
    shape = (1, 3, 256, 256)
    with pytest.raises(
        ModelRefused, match=r"found target \[1, 3, 512, 512\].*expected are target \[1, 3, 256"
    ):
        Wrapper(path, {"target": shape, "source": (1, 512)}, shape)


def test_half_precision_is_widened(empty: Store, tmp_path: Path) -> None:
    member = MEMBERS["hyperswap_1a_256"]
    file = halved(published_models.swapper(tmp_path / "model.onnx", member, SHARE))
    empty.import_(file, name=member.name, accept_licence=True)
    path = graphs.step(empty, member)
    kinds = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert TensorProto.FLOAT16 not in kinds
    crop = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    source = np.full((1, 512), 512**-0.5, np.float32)
    made = run(path, crop[None], source)[0]
    right = published_models.mix(planes(crop) * 2 - 1, source, member, SHARE) * 0.5 + 0.5
    assert np.abs(made - right[0].transpose(1, 2, 0)[..., ::-1] * 255).max() < 2


def halved(path: Path) -> Path:
    """Make a file one in half precision whose inputs and outputs are fp32, as they are published."""
    model = onnx.load(path)
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    inputs = {value.name: f"{value.name}_half" for value in graph.input}
    for node in graph.node:
        node.input[:] = [inputs.get(name, name) for name in node.input]
    output = graph.node[-1].output[0]
    graph.node[-1].output[0] = "half_output"
    graph.node.append(helper.make_node("Cast", ["half_output"], [output], to=TensorProto.FLOAT))
    for name, half_name in inputs.items():
        graph.node.insert(0, helper.make_node("Cast", [name], [half_name], to=TensorProto.FLOAT16))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def test_networks_that_scale_by_themselves_are_given_bytes(empty: Store, tmp_path: Path) -> None:
    graph = onnx.load(published_models.identity(tmp_path / "plain.onnx"))
    nodes = [
        helper.make_node("Sub", ["data", "half"], ["less"], "Sub_0"),
        helper.make_node("Mul", ["less", "part"], ["scaled"], "Mul_1"),
    ]
    for node in graph.graph.node:
        node.input[:] = ["scaled" if name == "data" else name for name in node.input]
    for number, node in enumerate(nodes):
        graph.graph.node.insert(number, node)
    for name, value in (("half", 127.5), ("part", 1 / 127.5)):
        graph.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    onnx.save(graph, tmp_path / "scales.onnx")
    crop, made = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), np.uint8), []
    for file in ("plain", "scales"):
        empty.import_(tmp_path / f"{file}.onnx", name=IDENTITY, accept_licence=True)
        made.append(run(graphs.identity(empty), crop))
        empty.remove(IDENTITY, forget=True)
    np.testing.assert_allclose(made[1], made[0], atol=1e-4)


def test_unusable_photos_are_refused(store: Store, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 300, 3), 128, np.uint8))
    with pytest.raises(Exception, match="no face"):
        prepare(processor, Material((tmp_path / "wall.png",)))
