"""Material for every processor: the shipped portraits, and small trained models."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import dfm_files
import numpy as np
import published_models
import pytest

from visard.models.face import Face, Image
from visard.models.processor import Material, Patch, Prepared, Processor

TESTS = Path(__file__).resolve().parent
SHIPPED = TESTS.parent / "daemon/visard/daemon/personas/shipped"


MODELS: dict[str, Callable[[Path], Path]] = {"dfm": dfm_files.tinted}
"""Writes a small trained model of each kind."""


@pytest.fixture(scope="session")
def models_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home in whose store there is a small model for every processor that takes one from there."""
    folder = tmp_path_factory.mktemp("models-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISARD_HOME", str(folder))
        published_models.fill(folder, "inswapper_128")
        yield


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


def prepare(processor: Processor, made_of: Material | None = None, **options: object) -> Prepared:
    """Prepare with the usual options."""
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
    """Return what moves an animator's portrait, for a driver in an empty picture."""
    empty = np.zeros((480, 640, 3), np.uint8)
    return lambda driver: next(patches(prepared, empty, driver)).image
