"""Where a user's own files live; the environment variable VISARD_HOME puts all of them in one folder."""

import os
from pathlib import Path


def data() -> Path:
    """Return the folder for personas and fetched networks, made for this user alone."""
    return _private("user_data_path", "data")


def cache() -> Path:
    """Return the folder for what can be fetched or made again, made for this user alone."""
    return _private("user_cache_path", "cache")


def config() -> Path:
    """Return the folder of the configuration, made for this user alone."""
    return _private("user_config_path", "config")


def logs() -> Path:
    """Return the folder of the log, made for this user alone."""
    return _private("user_log_path", "log")


def places() -> dict[str, Path]:
    """Return all these folders by what they are for, without making any."""
    return {name: _place(kind, name) for name, kind in _KINDS.items()}


_KINDS = {
    "data": "user_data_path",
    "cache": "user_cache_path",
    "config": "user_config_path",
    "log": "user_log_path",
}


def _private(kind: str, name: str) -> Path:
    folder = _place(kind, name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _place(kind: str, name: str) -> Path:
    import platformdirs

    home = os.environ.get("VISARD_HOME")
    return Path(home).expanduser() / name if home else Path(getattr(platformdirs, kind)("visard"))
