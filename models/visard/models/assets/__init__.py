"""The small files we ship: networks and tables. Origins and licences are in NOTICE.md."""

from importlib.resources import files
from pathlib import Path


def asset(name: str) -> Path:
    """Return the path of a shipped file."""
    return Path(str(files(__name__).joinpath(name)))
