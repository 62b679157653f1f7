"""Material for every processor: the shipped portraits, and small trained models."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import dfm_files
import fomm_checkpoint
import liveportrait_files
import numpy as np
import published_models
import pytest

from visard.models.animate.puppet.eyeballs import EYES
from visard.models.face import IRIS_LEFT, IRIS_RIGHT, NOSE_TIP, Face, Image
from visard.models.geometry.canonical import LIPS_INNER, LIPS_OUTER, OVAL
from visard.models.processor import Material, Patch, Prepared, Processor
from visard.models.store import open_store

TESTS = Path(__file__).resolve().parent
SHIPPED = TESTS.parent / "daemon/visard/daemon/personas/shipped"


MODELS: dict[str, Callable[[Path], Path]] = {"dfm": dfm_files.tinted}
"""Writes a small trained model of each kind."""


UNTRAINED = frozenset({"fomm", "liveportrait"})
"""Processors whose small models have weights made by a rule: they move, but not far."""
MADE_WITH_TORCH = frozenset({"fomm", "liveportrait"})


def photo(name: str) -> Material:
    """Return what a shipped persona is made of."""
    return Material((SHIPPED / name / "picture.jpg",))


def material(processor: Processor) -> Material:
    """Return something that a processor accepts; skips where there is none in the tests."""
    if "photo" in processor.accepts:
        return photo("walter")
    for kind in sorted(processor.accepts & MODELS.keys()):
        return Material(model=model(kind))
    pytest.skip(f"there is no {' or '.join(processor.accepts)} to test with: see tests/materials.py")


@cache
def model(kind: str) -> Path:
    """Return a small trained model of this kind."""
    folder = Path(tempfile.mkdtemp(prefix="visard-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return MODELS[kind](folder / f"model.{kind}")


@pytest.fixture(scope="module")
def models_here() -> Iterator[None]:
    """Visard's home is one in whose store there is a small model for every processor that needs one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(_home()))
        yield


@cache
def _home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="visard-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(folder))
        published_models.fill(folder, "inswapper_128")
    if find_spec("torch") is not None:
        path = fomm_checkpoint.write(folder / "small.pth.tar", 1 / 16, blocks=3, residuals=1)
        store, files = open_store(folder / "data" / "models"), folder / "liveportrait"
        store.import_(path, name="fomm_vox_adv", accept_licence=True)
        files.mkdir()
        store.import_(liveportrait_files.write(files, 1 / 16), accept_licence=True)
    return folder


def prepare(processor: Processor, made_of: Material | None = None, **options: object) -> Prepared:
    """Prepare with the usual options."""
    if processor.name in MADE_WITH_TORCH:
        pytest.importorskip(
            "torch", reason="its model is written for engines with PyTorch: the extra 'export'"
        )
    chosen = processor.Options.model_validate(options)
    return processor.prepare(made_of or material(processor), chosen, lambda _share, _text: None)


class OneFace:
    """Gives a prepared swapper one face at a time; the patch is valid until the next."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.forget = prepared.forget

    def __call__(self, picture: Image, face: Face, *, relight: bool = True) -> Patch:
        (patch,) = patches(self.prepared, picture, face, relight=relight)
        return patch


def patches(prepared: Prepared, picture: Image, *faces: Face, relight: bool = True) -> Iterator[Patch]:
    """Yield the patch of each face."""
    yield from prepared.submit(picture, faces, relight=relight).result(60)


def animate(prepared: Prepared) -> Callable[[Face], Image]:
    """Return what moves an animator's portrait, for a driver in a picture that is drawn for it."""
    return lambda driver: next(patches(prepared, drawn(driver), driver)).image


def drawn(driver: Face) -> Image:
    """Return a webcam's picture of a cartoon whose features are where the driver's landmarks are."""
    picture = np.full((480, 640, 3), (120, 110, 90), np.uint8)
    dark, red = (40, 40, 50), (70, 60, 190)
    parts = [(OVAL, (150, 180, 225)), *((list(eye.ring), (240, 240, 240)) for eye in EYES)]
    for ring, colour in [*parts, (LIPS_OUTER, red), (LIPS_INNER, dark)]:
        cv2.fillPoly(picture, [driver.landmarks[ring, :2].round().astype(np.int32)], colour)
    for spot in (IRIS_LEFT, IRIS_RIGHT, NOSE_TIP):
        x, y = driver.landmarks[spot, :2]
        cv2.circle(picture, (round(float(x)), round(float(y))), max(2, round(driver.size / 40)), dark, -1)
    return picture
