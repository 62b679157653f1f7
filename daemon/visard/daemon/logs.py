"""Where the daemon's records go: to the journal under systemd, else to a file that does not grow for ever."""

import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler

from visard.daemon.config import paths
from visard.daemon.errors import ConfigError
from visard.engines.file_access import private_file

SIZE, KEPT = 1 << 20, 3
"""Bytes of one file, and how many older ones are kept."""
_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class _Journal(logging.Formatter):
    """Puts the priority before every line, as the journal reads it from a stream."""

    def format(self, record: logging.LogRecord) -> str:
        mark = f"<{_PRIORITY.get(record.levelno, 5)}>"
        return "\n".join(mark + line for line in super().format(record).splitlines())


class _PrivateFile(RotatingFileHandler):
    """Its files are for this user alone."""

    def _open(self) -> TextIOWrapper:
        handle = private_file(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding=self.encoding)


def start(*, verbose: bool = False) -> None:
    """Send all records of this process to where they belong, warnings and news; everything when verbose."""
    handlers = [_journal()] if in_journal() else _own()
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.getLogger("visard").setLevel(level)


def in_journal() -> bool:
    """Whether stderr is the stream that systemd opened to its journal."""
    try:
        facts = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"


def _journal() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(_Journal("%(name)s: %(message)s"))
    return handler


def _own() -> list[logging.Handler]:
    handlers: list[logging.Handler] = [_file()]
    if sys.stderr is not None and sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
        handlers[-1].setFormatter(logging.Formatter("visard: %(message)s"))
    return handlers


def _file() -> logging.Handler:
    """Return the rotating file; a folder that cannot be written leaves only stderr."""
    try:
        handler: logging.Handler = _PrivateFile(
            paths.logs() / "visard.log", maxBytes=SIZE, backupCount=KEPT, encoding="utf-8"
        )
    except (OSError, ConfigError):
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
