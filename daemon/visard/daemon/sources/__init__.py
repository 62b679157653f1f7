"""Sources: where frames come from. A module here with ``source`` is found by itself."""

import re
from typing import Protocol

from visard.daemon.config.settings import CONTROL
from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Source
from visard.engines.plugins import Registry


class SourceKind(Protocol):
    """A kind of source."""

    name: str
    rank: int
    """Lower is asked first."""
    summary: str

    def claims(self, spec: str) -> bool:
        """Whether ``spec`` (what the person typed after --source) names a source of this kind."""
        ...

    def open(
        self,
        spec: str,
        wanted: Format | None = None,
        *,
        loop: bool = True,
        paced: bool = True,
    ) -> Source:
        """Open; ``wanted`` is a hint. Raises SourceUnavailable with what to do.

        With ``loop`` a finite source starts again after its last frame. With ``paced`` each picture comes
        it is due and ``format.live`` is true; without it, as fast as it is read, for sources that can.
        """
        ...


sources: Registry[SourceKind] = Registry("visard.daemon.sources", "source")


def find_source(spec: str) -> SourceKind:
    """Return the kind that ``spec`` names, or raise SourceUnavailable listing the kinds."""
    if re.search(CONTROL, spec):
        raise SourceUnavailable(f"{spec!r} is no source: it holds control characters; write it without them")
    kinds = sorted(sources.all().values(), key=lambda kind: kind.rank)
    for kind in kinds:
        if kind.claims(spec):
            return kind
    choices = "; ".join(f"{kind.name}: {kind.summary}" for kind in kinds)
    raise SourceUnavailable(f"{spec!r} is no source. {choices}")
