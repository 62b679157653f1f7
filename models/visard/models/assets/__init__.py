"""The small files we ship: networks, tables and pictures. Origins and licences are in NOTICE.md."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from visard.models.errors import AssetDamaged

FOLDER = Path(str(files(__name__)))
SUMS = "SHA256SUMS"
_DOCUMENTS = frozenset({SUMS, "NOTICE.md", "LICENSE-APACHE-2.0.txt"})


@cache
def asset(name: str) -> Path:
    """Return the path of a shipped file, once it is known to be the one we made. Raises AssetDamaged."""
    path = FOLDER / name
    if name not in _DOCUMENTS and _digest(path) != _sums().get(name):
        raise AssetDamaged(f"{name}, which ships with Visard, is damaged or missing; reinstall Visard")
    return path


def damaged() -> list[str]:
    """Return the names of all shipped files that are not what they should be."""
    return [name for name, digest in _sums().items() if _digest(FOLDER / name) != digest]


def _sums() -> dict[str, str]:
    lines = (FOLDER / SUMS).read_text().splitlines()
    return {name: digest for digest, name in map(str.split, lines)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
