"""What every test may ask for."""

from pathlib import Path

import pytest

pytest_plugins = ["media", "deb", "daemons"]

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The clips, faces and judges that lie beside the checkout on development machines."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the test material in {folder}")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that Visard takes for the user's own data and cache."""
    folder = tmp_path / "home"
    monkeypatch.setenv("VISARD_HOME", str(folder))
    return folder
