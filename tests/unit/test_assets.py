"""Files that ship with Visard are looked at before anything reads them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from visard.daemon.diagnostics import network_files
from visard.models import assets, bundled, check_inputs
from visard.models.assets import asset
from visard.models.errors import AssetDamaged
from visard.models.geometry import canonical, expression

NETWORK = "mp_face_detector_short"
READERS: dict[str, tuple[str, Callable[[], object]]] = {
    "network": (f"{NETWORK}.onnx", lambda: bundled.network(NETWORK)),
    "engines build": (f"{NETWORK}.onnx", lambda: network_files.find(NETWORK)),
    "canonical face": ("canonical_mesh.npz", canonical.canonical.__wrapped__),
    "expression": ("expression.npz", expression._table.__wrapped__),
    "people": ("sample_2.jpg", check_inputs.pictures.__wrapped__),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the shipped files that nobody has looked at yet."""
    copy = tmp_path / "assets"
    shutil.copytree(assets.FOLDER, copy)
    monkeypatch.setattr(assets, "FOLDER", copy)
    asset.cache_clear()
    yield copy
    asset.cache_clear()


@pytest.mark.parametrize("reader", READERS)
def test_what_is_damaged_is_never_read(folder: Path, reader: str) -> None:
    name, read = READERS[reader]
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(AssetDamaged, match=rf"{name}, which ships with Visard, is damaged .* reinstall"):
        read()


def test_every_file_is_looked_at_and_so_is_one_that_is_new(folder: Path) -> None:
    names = [path.name for path in folder.iterdir() if path.suffix in (".onnx", ".npz", ".jpg")]
    assert names
    shutil.copy(folder / names[0], folder / "stranger.onnx")
    for name in names:
        assert asset(name).is_file()
        asset.cache_clear()
        (folder / name).write_bytes(b"")
    for name in (*names, "stranger.onnx", "absent.onnx"):
        with pytest.raises(AssetDamaged):
            asset(name)
    assert set(assets.damaged()) == set(names)


def test_a_runtime_gets_nothing_that_was_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[object] = []
    monkeypatch.setattr(bundled, "load", lambda *arguments, **_: parsed.append(arguments))
    (folder / f"{NETWORK}.onnx").write_bytes(b"harm")
    with pytest.raises(AssetDamaged):
        bundled.network(NETWORK)
    assert parsed == []


def test_each_is_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    usual = assets._digest
    monkeypatch.setattr(assets, "_digest", lambda path: looks.append(path) or usual(path))
    for _ in range(3):
        asset(f"{NETWORK}.onnx")
    assert looks == [folder / f"{NETWORK}.onnx"]
