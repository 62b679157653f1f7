"""What TensorRT tells: into Python's log, and the complaints into error messages."""

import logging
from collections import deque
from typing import Any

_logger = logging.getLogger("visard.engines")
_LEVELS = {
    "INTERNAL_ERROR": logging.ERROR,
    "ERROR": logging.ERROR,
    "WARNING": logging.WARNING,
    "INFO": logging.DEBUG,
}


class TensorRTLog:
    """Keeps the latest complaints; ``logger`` is what the library wants."""

    def __init__(self, library: Any) -> None:
        self._errors: deque[str] = deque(maxlen=20)
        self._warnings: deque[str] = deque(maxlen=20)
        self.logger = _logger_for(library, self)

    def take(self, severity: str, text: str) -> None:
        """Note one line."""
        line = " ".join(text.split())
        _logger.log(_LEVELS.get(severity, logging.DEBUG), "%s", line)
        if "ERROR" in severity:
            self._errors.append(line)
        elif severity == "WARNING":
            self._warnings.append(line)

    def clear(self) -> None:
        """Forget what was said before."""
        self._errors.clear()
        self._warnings.clear()

    @property
    def complaints(self) -> str:
        """The first errors since ``clear``, as they cause the later ones; where there are none, warnings."""
        lines = list(self._errors)[:2] or list(self._warnings)[-2:]
        return "; ".join(line[:400] for line in lines) or "it gave no reason"


def _logger_for(library: Any, log: TensorRTLog) -> Any:
    class Logger(library.ILogger):  # type: ignore[misc]  # the library is known only now
        def __init__(self) -> None:
            super().__init__()

        def log(self, severity: Any, text: str) -> None:
            if severity.name != "VERBOSE":
                log.take(severity.name, text)

    return Logger()
