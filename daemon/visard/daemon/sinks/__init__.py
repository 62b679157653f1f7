"""Sinks: where frames go. A module here with ``sink`` is found by itself."""

import re
from typing import Protocol

from visard.daemon.config.settings import CONTROL
from visard.daemon.errors import SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.engines.plugins import Registry


class SinkKind(Protocol):
    """A kind of sink."""

    name: str
    rank: int
    summary: str

    def claims(self, spec: str) -> bool:
        """Whether ``spec`` (what the person typed after --sink) names a sink of this kind."""
        ...

    def open(self, spec: str, format: Format) -> Sink:  # noqa: A002
        """Open for pictures of this format. Raises SinkUnavailable with what to do."""
        ...


sinks: Registry[SinkKind] = Registry("visard.daemon.sinks", "sink")


def find_sink(spec: str) -> SinkKind:
    """Return the kind that ``spec`` names, or raise SinkUnavailable listing the kinds."""
    if re.search(CONTROL, spec):
        raise SinkUnavailable(f"{spec!r} is no sink: it holds control characters; write it without them")
    kinds = sorted(sinks.all().values(), key=lambda kind: kind.rank)
    for kind in kinds:
        if kind.claims(spec):
            return kind
    choices = "; ".join(f"{kind.name}: {kind.summary}" for kind in kinds)
    raise SinkUnavailable(f"{spec!r} is no sink. {choices}")
