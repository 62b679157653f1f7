"""What tests/bench/gpu.py measures: networks, inputs and what ONNX Runtime makes of them, in a folder."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "models/visard/models/assets"
LANDMARKS = "mp_face_landmarks_v2_478"
HEIGHT, WIDTH, SIDE = 720, 1280, 256
SCENES = 3
sys.path[:0] = [
    str(ROOT / "engines"),
    str(ROOT / "models"),
    str(ROOT / "tests"),
]  # where Visard is not installed
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A network in one precision, with inputs and, where ONNX Runtime was at hand, the right outputs."""

    name: str
    precision: str
    path: Path
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


def cases(folder: Path) -> Iterator[Case]:
    """Yield what was prepared."""
    for path in sorted(folder.glob("*.*.onnx")):
        name, precision, _ = path.name.split(".")
        stored = np.load(folder / f"{name}.npz")
        arrays = {kind: tuple(stored[k] for k in stored.files if k[0] == kind) for kind in "io"}
        inputs = tuple(array.astype(np.float32) for array in arrays["i"])
        yield Case(name, precision, path, inputs, arrays["o"])


def scenes(folder: Path) -> list[tuple[Array, Array, tuple[Array, ...]]]:
    """Return frames, BGR [720, 1280, 3], each with its map from crop to frame and its landmarks."""
    stored = np.load(folder / "scenes.npz")
    outputs = [k for k in stored.files if k.startswith("o0_")]
    return [
        (stored[f"frame_{i}"], stored[f"back_{i}"], tuple(stored[f"o{i}_{k}"] for k in range(len(outputs))))
        for i in range(SCENES)
    ]


def prepare(folder: Path, width: float, only: str) -> None:
    """Fill a folder: the shipped networks, and people's with ``width`` of their channels."""
    from networks import NETWORKS, samples

    folder.mkdir(parents=True, exist_ok=True)
    shipped = [shutil.copyfile(a, folder / f"{a.stem}.fp32.onnx") for a in sorted(ASSETS.glob("*.onnx"))]
    for path in shipped:
        store(path, shipped_inputs(path))
    for name in filter(lambda name: only in name, NETWORKS):
        path = NETWORKS[name](folder / f"{name}.fp32.onnx", width)
        store(path, samples(path, 1)[0])
    store_scenes(folder)


def shipped_inputs(path: Path) -> tuple[Array, ...]:
    """Return a crop as the network gets it: -1..1 for detectors, landmarks for the blendshapes."""
    import onnx

    (value,) = onnx.load(path).graph.input
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    face = crop(*scene(0))
    if len(shape) == 3:
        places = evaluate(path.with_name(f"{LANDMARKS}.fp32.onnx"), (face[None],)) or [np.zeros((478, 3))]
        return (places[0].reshape(1, 478, 3)[:, : shape[1], :2].astype(np.float32),)
    pick = np.linspace(0, SIDE - 1, shape[1]).round().astype(int)
    low = -1 if "detect" in path.name else 0
    return (face[None][:, pick][:, :, pick] * (1 - low) + low,)


def store(path: Path, inputs: tuple[Array, ...]) -> None:
    """Store inputs and outputs of a network beside it, and the network in half precision."""
    from visard.engines import precision
    from visard.engines.interfaces import Precision

    name = path.name.split(".")[0]
    small = [array.astype(np.float16) for array in inputs]  # exact in both, and half the size
    arrays = {f"i{index}": array for index, array in enumerate(small)}
    rounded = tuple(array.astype(np.float32) for array in small)
    arrays |= {f"o{index}": array for index, array in enumerate(evaluate(path, rounded))}
    np.savez_compressed(path.with_name(f"{name}.npz"), **arrays)
    half = path.with_name(f"{name}.fp16.onnx")
    precision.convert_precision(path, Precision.fp16, half, samples=[rounded], report=lambda _: None)


def evaluate(path: Path, inputs: tuple[Array, ...]) -> list[Array]:
    """Return what ONNX Runtime says; nothing where it is not installed."""
    try:
        session = import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except ImportError:
        return []
    names = (value.name for value in session.get_inputs())
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def store_scenes(folder: Path) -> None:
    """Store frames with a face, where their crops come from, and their landmarks."""
    arrays = {}
    for seed in range(SCENES):
        frame, back = scene(seed)
        arrays |= {f"frame_{seed}": frame, f"back_{seed}": back}
        outputs = evaluate(folder / f"{LANDMARKS}.fp32.onnx", (crop(frame, back)[None],))
        arrays |= {f"o{seed}_{index}": array for index, array in enumerate(outputs)}
    np.savez_compressed(folder / "scenes.npz", **arrays)


def scene(seed: int) -> tuple[Array, Array]:
    """Return a frame with a portrait in it, and the map from its crop to the frame."""
    from PIL import Image

    from visard.models.track.crop import Region

    rng = np.random.default_rng(seed)
    frame = np.kron(rng.integers(0, 256, (45, 80, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    pictures = sorted(ROOT.glob("daemon/visard/daemon/personas/shipped/*/picture.jpg"))
    picture = Image.open(pictures[seed % len(pictures)]).convert("RGB").resize((512, 512))
    frame[104:616, 384:896] = np.asarray(picture)[..., ::-1]
    region = Region(640 + rng.uniform(-40, 40), 360, rng.uniform(380, 900), rng.uniform(-0.4, 0.4))
    return frame, np.linalg.inv(np.vstack([region.matrix(SIDE), (0, 0, 1)]))[:2]


def crop(frame: Array, back: Array) -> Array:
    """Return the exact bilinear crop, RGB 0..1, [256, 256, 3]; black outside the frame."""
    v, u = np.mgrid[:SIDE, :SIDE]
    padded = np.pad(frame, ((1, 1), (1, 1), (0, 0))).astype(np.float64)
    x = np.clip(back[0, 0] * u + back[0, 1] * v + back[0, 2] + 1, 0, WIDTH + 1)
    y = np.clip(back[1, 0] * u + back[1, 1] * v + back[1, 2] + 1, 0, HEIGHT + 1)
    i, j = np.minimum(x.astype(int), WIDTH), np.minimum(y.astype(int), HEIGHT)
    fx, fy = (x - i)[..., None], (y - j)[..., None]
    above = padded[j, i] * (1 - fx) + padded[j, i + 1] * fx
    below = padded[j + 1, i] * (1 - fx) + padded[j + 1, i + 1] * fx
    return np.asarray((above * (1 - fy) + below * fy)[..., ::-1] / 255, np.float32)
