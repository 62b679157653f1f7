"""Where a user's own files live; the environment variable VISARD_HOME puts all of them in one folder."""

import logging
import os
import stat
from pathlib import Path

from visard.daemon.errors import ConfigError
from visard.engines.file_access import make_private

log = logging.getLogger(__name__)


def data() -> Path:
    """Return the folder for personas and fetched networks, made for this user alone."""
    return _private("user_data_path", "data")


def trainings() -> Path:
    """Return the folder of face models in training, which may not be there yet."""
    return data() / "training"


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
    """Make a folder of Visard's own and close it to others; raises ConfigError for somebody else's."""
    folder = _place(kind, name)
    make_private(folder)
    if "VISARD_HOME" not in os.environ and folder.parent.name == "visard":
        _close(folder.parent)
    _close(folder)
    return folder


def _close(folder: Path) -> None:
    status = folder.stat()
    if os.name != "posix" or (stat.S_IMODE(status.st_mode) & 0o077 == 0 and status.st_uid == os.geteuid()):
        return
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"{folder} belongs to another user; remove it, or set VISARD_HOME to a folder of yours"
        )
    folder.chmod(0o700)
    log.warning("%s was open to other users; it is closed to them now", folder)


def _place(kind: str, name: str) -> Path:
    import platformdirs

    home = os.environ.get("VISARD_HOME")
    return Path(home).expanduser() / name if home else Path(getattr(platformdirs, kind)("visard"))
