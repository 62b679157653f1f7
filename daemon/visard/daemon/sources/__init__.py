"""Sources: where frames come from. A module here with ``source`` is found by itself."""

from typing import Protocol

from visard.daemon.errors import SourceUnavailable
from visard.daemon.frame import Format
from visard.engines.registry import Registry
from visard.models.face import Image


class Source(Protocol):
    """An opened source, used by one thread; ``close`` may come from another and ends a waiting ``read``."""

    format: Format

    def read(self) -> Image:
        """Wait for the next picture, BGR, ``format``'s size; the caller owns it.

        Raises SourceEnded after the last frame of a finite source, SourceLost when the device went away.
        """
        ...

    def close(self) -> None:
        """Release the device or file; calling it twice is fine."""
        ...


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
    kinds = sorted(sources.all().values(), key=lambda kind: kind.rank)
    for kind in kinds:
        if kind.claims(spec):
            return kind
    choices = "; ".join(f"{kind.name}: {kind.summary}" for kind in kinds)
    raise SourceUnavailable(f"{spec!r} is no source. {choices}")
