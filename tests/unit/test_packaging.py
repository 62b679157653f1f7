import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from visard.daemon.personas.record import PICTURE, RECORD, THUMBNAIL
from visard.models.assets import asset

PARTS = ("daemon", "tray", "engines", "models")


def test_no_part_closes_the_namespace(repository: Path) -> None:
    """One visard/__init__.py would hide the other parts."""
    assert [path for part in PARTS for path in (repository / part).glob("visard/__init__.py")] == []


def test_every_part_is_typed_and_documented(repository: Path) -> None:
    packages = [
        package for part in PARTS for package in (repository / part).glob("visard/*") if package.is_dir()
    ]
    assert {package.name for package in packages} >= {"daemon", "engines", "models"}
    for package in packages:
        assert (package / "py.typed").is_file(), package
        assert (package / "__init__.py").read_text().startswith('"""'), package


def networks() -> list[Path]:
    return sorted(asset("SHA256SUMS").parent.glob("*.onnx"))


def test_every_shipped_file_is_the_one_listed() -> None:
    listed = dict(reversed(line.split()) for line in asset("SHA256SUMS").read_text().splitlines())
    kinds = (".onnx", ".npz", ".jpg")
    there = [path for path in asset("SHA256SUMS").parent.iterdir() if path.suffix in kinds]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there}
    assert found == listed, "run: sha256sum *.onnx *.npz *.jpg > SHA256SUMS"


def test_every_shipped_file_has_its_origin_in_the_notice() -> None:
    notice = asset("NOTICE.md").read_text()
    for path in (*networks(), *asset("NOTICE.md").parent.glob("*.npz")):
        assert f"`{path.name}`" in notice
    assert "Apache License" in asset("LICENSE-APACHE-2.0.txt").read_text()


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_all_that_is_needed_and_no_more(wheel: zipfile.ZipFile, repository: Path) -> None:
    held = {name for name in wheel.namelist() if not name.endswith("/")}
    tracked = subprocess.run(
        ["git", "ls-files", *PARTS], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert {name.partition("/")[2] for name in tracked} <= held
    for name in ("clara", "hanna", "marco", "nico", "robin", "walter"):
        for file in (PICTURE, THUMBNAIL, RECORD):
            assert f"visard/daemon/personas/shipped/{name}/{file}" in held
    tops = {name.split("/")[0] for name in held}
    assert tops == {"visard", next(top for top in tops if top.endswith(".dist-info"))}
    assert not [name for name in held if re.search(r"__pycache__|\.pyc$|^visard/__init__", name)]


def test_the_wheel_carries_licences_and_the_command(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for file in ("LICENSE", "NOTICE"):
        assert any(name.endswith(f".dist-info/licenses/{file}") for name in names)
    entry = next(name for name in names if name.endswith("entry_points.txt"))
    assert b"visard = visard.daemon.cli:program" in wheel.read(entry)


def test_links_in_the_documents_lead_somewhere(repository: Path) -> None:
    for document in repository.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (repository / target).exists(), f"{document.name}: {target}"


def test_the_readme_names_only_commands_that_exist(repository: Path) -> None:
    from visard.daemon.cli import COMMANDS

    named = set(re.findall(r"\bvisard ([a-z]+)\b", "\n".join(_code(repository / "README.md"))))
    assert named
    assert named <= set(COMMANDS)


def _code(document: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```|`(visard [^`]+)`", document.read_text(), re.DOTALL)
    return ["".join(block) for block in blocks]


def test_versions_agree(repository: Path) -> None:
    version = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (repository / "CHANGELOG.md").read_text()


def test_shipped_records_hold_no_more_than_they_say(repository: Path) -> None:
    for record in repository.glob("daemon/visard/daemon/personas/shipped/*/persona.json"):
        facts = json.loads(record.read_text())
        assert facts["name"] == record.parent.name
        assert facts["aliases"] == [f"s{facts['seed']}"]
