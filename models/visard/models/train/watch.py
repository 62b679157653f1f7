"""Notices when training goes wrong: no numbers, losses far above what they were, pictures of one colour."""

from collections import deque
from statistics import fmean, median

_MEMORY, _RECENT, _ENOUGH = 200, 5, 50
"""Steps whose losses are remembered, that count as now, and that are needed to judge."""
_TIMES = 4.0
"""How far above their median losses mean a collapse."""
_FLAT = 0.01
_FLAT_STEPS = 20
"""Deviation below which a picture shows nothing, and for how many steps that may be."""
_SKIPPED = 10
"""Steps in a row that may be left out."""


class LossWatch:
    """Looks at every step."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=_MEMORY)
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._skipped = self._flat = 0
        self._shown = False
        """Whether pictures have shown anything yet; in the beginning it is noise, and then nothing."""

    def look(self, loss: float, spread: float, *, applied: bool) -> str | None:
        """Return what is wrong for so long that the last checkpoint is better, or None."""
        self._skipped = 0 if applied else self._skipped + 1
        self._shown = self._shown or (spread > 2 * _FLAT and len(self._losses) >= _ENOUGH)
        self._flat = self._flat + 1 if self._shown and not spread >= _FLAT else 0
        if self._skipped >= _SKIPPED:
            return f"gradients were no numbers in {_SKIPPED} steps"
        if self._flat >= _FLAT_STEPS:
            return f"pictures have shown nothing for {_FLAT_STEPS} steps"
        if not applied:
            return None
        self._recent.append(loss)
        if self._far() > _TIMES:
            return f"losses are {self._far():.1f} times what they were"
        self._losses.append(loss)
        return None

    @property
    def calm(self) -> bool:
        """Whether what is learned now is worth keeping."""
        return not self._skipped and not self._flat and self._far() < _TIMES / 2

    def _far(self) -> float:
        if len(self._losses) < _ENOUGH:
            return 1.0
        return fmean(self._recent) / max(median(self._losses), 1e-9)
