"""What is being made of the frames: what is prepared, and what the person switched on.

Two immutable records that are replaced whole between two frames, so nothing needs a lock.
"""

from dataclasses import dataclass, field

from visard.daemon.config.enrolment import Enrolled
from visard.daemon.config.settings import Mode, Settings, reveals
from visard.daemon.personas.prepare import PreparedPersona


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is prepared."""

    persona: PreparedPersona | None = None
    """None: nothing but the card goes out."""
    fade: "Fade | None" = field(default=None, repr=False)
    """The persona that this one replaces gradually."""
    size: tuple[int, int] | None = None
    """Width and height of what comes out of a pipeline that begins with it; None: those of what goes in."""

    @property
    def name(self) -> str | None:
        """The persona's name."""
        return self.persona.name if self.persona else None

    @property
    def animates(self) -> bool:
        """Whether the picture is the persona's portrait, with nothing of the camera's in it."""
        return self.persona is not None and self.persona.mode is Mode.animate


@dataclass(frozen=True, slots=True)
class Switches:
    """What the person switched on."""

    settings: Settings = field(default_factory=Settings)
    paused: bool = False
    reveal: bool = False
    """*Show my real face*: the only thing that lets the raw camera out."""
    enrolled: Enrolled | None = field(default=None, repr=False)
    """The driver, who alone is given the persona; None: everybody is."""

    @property
    def shown(self) -> bool:
        """Whether the driver may be recognised by choice."""
        return self.reveal or reveals(self.settings)


@dataclass(frozen=True, slots=True)
class Fade:
    """From one persona to the next, over some seconds."""

    old: PreparedPersona
    start: float
    """By ``time.perf_counter``."""
    seconds: float

    def share(self, now: float) -> float:
        """Return how much of the new one shows at ``now``, 0 to 1."""
        return min(max((now - self.start) / self.seconds, 0.0), 1.0)
