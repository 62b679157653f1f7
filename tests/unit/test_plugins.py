"""Finding plugins: modules of a package and installed entry points; a broken one stops nobody."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from visard.engines import plugins
from visard.engines.errors import VisardError
from visard.engines.plugins import Registry

MODULES = {
    "good": "thing = 'good'",
    "other": "thing = 'other'",
    "absent": "import a_module_that_is_nowhere\nthing = 'absent'",
    "wrong": "thing = undefined",
    "syntax": "thing = (",
    "exits": "raise ValueError('no card in this machine')",
    "plain": "helper = 1",
    "_private": "thing = 'private'",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "plugins_for_a_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, code in MODULES.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for name in [n for n in sys.modules if n.partition(".")[0] == folder.name]:
        del sys.modules[name]


@pytest.fixture
def found(package: str) -> Registry[str]:
    return Registry(package, "thing")


def test_public_modules_with_the_attribute_are_plugins(found: Registry[str]) -> None:
    assert found.all() == {"good": "good", "other": "other"}
    assert found.get("other") == "other"


def test_those_that_cannot_import_are_listed_with_their_reason(found: Registry[str]) -> None:
    assert found.broken == {}
    found.all()
    assert set(found.broken) == {"absent", "wrong", "syntax", "exits"}
    assert "a_module_that_is_nowhere" in found.broken["absent"]
    assert found.broken["wrong"].startswith("NameError")
    assert found.broken["syntax"].startswith("SyntaxError")
    assert found.broken["exits"] == "ValueError: no card in this machine"


def test_asking_for_a_broken_one_tells_the_reason(found: Registry[str]) -> None:
    with pytest.raises(VisardError, match="exits cannot be used here: ValueError: no card"):
        found.get("exits")


def test_asking_for_an_unknown_one_tells_the_names(found: Registry[str]) -> None:
    with pytest.raises(VisardError, match="there is no 'plain'; choose one of: good, other"):
        found.get("plain")


def test_plugins_are_loaded_once(found: Registry[str], package: str) -> None:
    first = found.all()
    sys.modules[f"{package}.good"].thing = "changed"
    assert found.all() is first


def test_nothing_is_imported_before_it_is_asked_for(package: str) -> None:
    Registry(package, "thing")
    assert package not in sys.modules


def test_installed_packages_add_plugins(
    found: Registry[str], tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "from_outside.py").write_text("thing = 'outside'")
    monkeypatch.delitem(sys.modules, "from_outside", raising=False)
    points = [
        EntryPoint("outside", "from_outside", package),
        EntryPoint("faulty", "not_there_at_all", package),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == package else [])
    assert found.get("outside") == "outside"
    assert found.get("good") == "good"
    assert "not_there_at_all" in found.broken["faulty"]
