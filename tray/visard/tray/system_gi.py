"""PyGObject, which has no wheel, found among the system's own packages from inside a virtual environment."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def find() -> bool:
    """Make ``import gi`` work if it can be; return whether it does."""
    try:
        import gi  # noqa: F401
    except ImportError:
        return any(map(_adopt, _places()))
    return True


def _places() -> tuple[Path, ...]:
    """Return where distributions keep what they build for this very version of Python."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (
        Path("/usr/lib/python3/dist-packages"),
        Path("/usr/lib64", version, "site-packages"),
        Path("/usr/lib", version, "site-packages"),
    )


def _adopt(folder: Path) -> bool:
    """Import ``gi`` alone from ``folder``.

    The folder stays off ``sys.path``: everything else in it would hide or stand in for what the environment
    holds. A build for another version of Python is told by its suffix and left alone.
    """
    if not any((folder / "gi" / f"_gi{suffix}").is_file() for suffix in EXTENSION_SUFFIXES):
        return False
    spec = PathFinder.find_spec("gi", [str(folder)])
    if spec is None or spec.loader is None:
        return False
    module = module_from_spec(spec)
    sys.modules["gi"] = module
    try:
        spec.loader.exec_module(module)
    except ImportError:
        del sys.modules["gi"]
        return False
    return True
