"""A tuned correction: what it changes of a swap, and which files are believed."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from people import portrait, shown

from visard.models.errors import ModelDamaged
from visard.models.processor import Material, NoOptions, Tuned, find_processor
from visard.models.swap.mesh.correction import LIGHT_SIDE, Correction
from visard.models.swap.mesh.swapper import MeshSwap
from visard.models.swap.mesh.texture import Texture

PHOTO = Path(__file__).parents[2] / "daemon/visard/daemon/personas/shipped/clara/picture.jpg"


def correction(shape: float = 0.2, light: float = 0.1) -> Correction:
    random = np.random.default_rng(0)
    return Correction(
        (shape * random.standard_normal((468, 3)).clip(-1, 1)).astype(np.float32),
        (light * random.standard_normal((LIGHT_SIDE, LIGHT_SIDE)).clip(-1, 1)).astype(np.float32),
    )


def prepared(tuned: Tuned | None) -> MeshSwap:
    made = find_processor("mesh").prepare(Material((PHOTO,), tuned=tuned), NoOptions(), lambda *_: None)
    assert isinstance(made, MeshSwap)
    return made


def test_what_is_saved_is_put_on(tmp_path: Path) -> None:
    image, face = portrait("hanna").image, portrait("hanna").face
    kept = correction(light=0).save(tmp_path / "c.npz")
    plain, same = (shown(image, prepared(None)(image, face), face) for _ in range(2))
    tuned = shown(image, prepared(kept)(image, face), face)
    assert np.array_equal(plain, same)
    changed = np.abs(plain.astype(int) - tuned).max(2) > 8
    height, width = changed.shape
    assert changed[height // 4 : -height // 4, width // 4 : -width // 4].mean() > 0.02
    assert not changed[:, :8].any()


def test_nothing_learned_changes_nothing() -> None:
    image, face = portrait("hanna").image, portrait("hanna").face
    texture = Texture.of(portrait("clara"))
    swaps = (MeshSwap(texture), MeshSwap(texture.corrected(correction().scaled(0))))
    before, after = (shown(image, swap(image, face), face) for swap in swaps)
    assert np.array_equal(before, after)


def test_light_leaves_colour_alone() -> None:
    texture = Texture.of(portrait("clara"))
    before, after = (t.levels[256] for t in (texture, texture.corrected(correction())))
    grey = [cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(int) for each in (before, after)]
    assert np.abs(grey[0] - grey[1]).mean() > 3
    colour = [cv2.cvtColor(each, cv2.COLOR_BGR2YCrCb)[..., 1:].astype(int) for each in (before, after)]
    assert np.abs(colour[0] - colour[1]).mean() < 0.5
    assert texture.corrected(correction()).own is texture.own, "or the scene's light takes it off again"


def test_a_camera_without_colour_keeps_the_offset() -> None:
    corrected = Texture.of(portrait("clara")).corrected(correction())
    assert corrected.monochrome().offset is corrected.offset


@pytest.mark.parametrize("harm", ["missing", "other content", "no archive", "too much", "wrong shape", "NaN"])
def test_any_other_file_is_refused(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "c.npz"
    good = correction().save(path)
    if harm == "missing":
        path.unlink()
    elif harm == "other content":
        correction(0.1).save(path)
    elif harm == "no archive":
        good = _raw(path, b"PK nothing")
    elif harm == "too much":
        good = correction(shape=3).save(path)
    elif harm == "wrong shape":
        good = Correction(np.zeros((468, 2), np.float32), correction().light).save(path)
    else:
        good = Correction(correction().shape * np.float32(np.nan), correction().light).save(path)
    with pytest.raises(ModelDamaged, match="--undo"):
        Correction.load(good)


def _raw(path: Path, content: bytes) -> Tuned:
    import hashlib

    path.write_bytes(content)
    return Tuned(path, hashlib.sha256(content).hexdigest())
