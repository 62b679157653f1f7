"""What is asked for a file, and what became of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from visard.daemon.config.settings import Mode
from visard.daemon.guard.rules import FaceCounts, GuardVerdict
from visard.daemon.media.video import WHOLE, Part
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.tracking import Tracking
from visard.models.processor import Animation

Reference = float | Literal["first", "best"]
"""When the driver looks neutral, for an animator: seconds of the film, its first or its best frame."""


@dataclass(frozen=True, slots=True)
class Writing:
    """Which part of a film is converted, and how it is encoded."""

    part: Part = WHOLE
    codec: str | None = None
    """None: what its container usually holds."""
    quality: int | None = None
    """0 to 100; None: what hardly differs from the original."""
    reference: Reference = "first"
    overwrite: bool = False
    """Whether what another run left unfinished is begun anew."""


AS_USUAL = Writing()


@dataclass(frozen=True, slots=True)
class Reporter:
    """What is told meanwhile."""

    progress: Callable[[int, int | None], None] = lambda *_: None
    """Called with the frames done and, where the file tells, how many there are."""
    say: Callable[[str], None] = lambda _: None
    """Called with what a person may want to know."""


QUIET = Reporter()


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be made of another."""

    source: Path
    target: Path
    persona: PreparedPersona
    switches: Switches
    tracking: Callable[[int], Tracking]
    writing: Writing
    reporter: Reporter

    @property
    def animation(self) -> Animation | None:
        """What moves the portrait; None: faces are swapped."""
        return cast(Animation, self.persona.prepared) if self.persona.mode is Mode.animate else None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of what comes out, pixels: of the portrait; None: those of what goes in."""
        return self.animation.size if self.animation else None

    @property
    def recipe(self) -> Recipe:
        """What the pipeline is to make."""
        return Recipe(self.persona, size=self.size)


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the faces, and of the frames: each one was passed, held, blurred or carded."""

    target: Path
    faces: FaceCounts = field(default_factory=FaceCounts)
    frames: int = 0
    passed: int = 0
    """A face at least was swapped, and all others were covered or shown by choice."""
    held: int = 0
    """A face was lost for a moment, and the last good frame stands in."""
    blurred: int = 0
    carded: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why frames were held, blurred or carded, and how often."""
    seconds: float = 0.0
    complete: bool = True
    """False when it was interrupted."""
    notes: tuple[str, ...] = ()
    """What the person should know of this file."""
    resumed: float = 0.0
    """How far an earlier run had come, seconds of the film; what is counted here came after it."""
    kept: Path | None = None
    """Where what was done until it was interrupted is; None: it is complete, or there is nothing."""


def summarise(target: Path, pipeline: Pipeline, seconds: float) -> Summary:
    """Return what a pipeline did, in so many seconds."""
    stats = pipeline.stats.snapshot()
    count = stats.verdicts.get
    return Summary(
        target=target,
        faces=stats.faces,
        frames=stats.frames,
        passed=count(GuardVerdict.frame.value, 0),
        held=count(GuardVerdict.last_good.value, 0),
        blurred=count(GuardVerdict.blur.value, 0),
        carded=count(GuardVerdict.card.value, 0),
        reasons=stats.reasons,
        seconds=round(seconds, 2),
        notes=tuple(_upside_down(pipeline)),
    )


def _upside_down(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.upright.ever:
        turn = (pipeline.switches.settings.rotate + 180) % 360
        yield f"the picture is upside down; 'visard convert --rotate {turn}' turns it"


def pump(pipeline: Pipeline, on_progress: Callable[[int], None]) -> None:
    """Run to the end, telling about progress; when interrupted, leave no thread that still writes."""
    try:
        pipeline.start()
        while not pipeline.wait(0.2):
            on_progress(pipeline.stats.snapshot().frames)
        on_progress(pipeline.stats.snapshot().frames)
    finally:
        pipeline.stop(finish=60)
