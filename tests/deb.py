"""The Debian package of this checkout, built once for as long as nothing that goes into it changes."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

INGREDIENTS = (
    *("daemon", "engines", "models", "tray"),
    *("packaging/deb", "packaging/locked", "packaging/v4l2loopback"),
    *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE"),
)
KEPT = 2
"""Packages of earlier states of the checkout that another session may still be using."""


@pytest.fixture(scope="session")
def deb(repository: Path, pytestconfig: pytest.Config) -> Path:
    """The path of the package; building it takes half a minute and fetches its libraries."""
    for tool in ("dpkg-deb", "git"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    assert pytestconfig.cache is not None
    shelf = pytestconfig.cache.mkdir("visard-deb")
    with FileLock(shelf / "lock"):
        return cached(repository, shelf)


def cached(repository: Path, shelf: Path) -> Path:
    """Return the package of this state of the checkout from the shelf, after putting it there."""
    folder = shelf / state(repository)
    if not (folder / "done").exists():
        done = subprocess.run(
            [repository / "packaging/deb/build.sh", folder], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.splitlines()[-1]).is_file()
        (folder / "done").touch()
        older = sorted(shelf.glob("*/done"), key=lambda path: path.stat().st_mtime)[: -1 - KEPT]
        for path in older:
            shutil.rmtree(path.parent)
    (package,) = folder.glob("*.deb")
    return package


def state(repository: Path) -> str:
    """Return a name for the content of everything that goes into the package."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *INGREDIENTS]
    listed = subprocess.run(command, cwd=repository, capture_output=True, check=True).stdout.split(b"\0")
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed)):
        path = repository / os.fsdecode(name)
        if path.is_file():
            digest.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
