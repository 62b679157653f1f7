"""What a running pipeline tells about itself."""

from dataclasses import dataclass

from visard.daemon.pipeline.stats import Snapshot


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """A picture of the whole pipeline at one moment."""

    persona: str | None
    mode: str
    paused: bool
    reveal: bool
    verdict: str
    why: str
    source: str
    """``ok``, or why there is no camera."""
    sinks: dict[str, str]
    """Where each output goes, and ``ok`` or what is wrong with it."""
    drops: int
    reference: int | None
    seeking: bool
    stats: Snapshot
