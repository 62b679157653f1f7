"""What is being made of the frames right now: replaced whole between two frames, so nothing needs a lock."""

from dataclasses import dataclass, field

from visard.daemon.config.settings import Mode, Settings
from visard.models.animate import Animation
from visard.models.face import Image
from visard.models.swap import Swap


@dataclass(frozen=True, slots=True)
class Recipe:
    """Persona, settings and what the person has switched on or off; immutable."""

    persona: str | None = None
    swap: Swap | None = field(default=None, repr=False)
    animation: Animation | None = field(default=None, repr=False)
    still: Image | None = field(default=None, repr=False)
    """The portrait itself, shown in animate mode while there is no driver."""
    mode: Mode = Mode.swap
    settings: Settings = field(default_factory=Settings)
    paused: bool = False
    reveal: bool = False
    """*Show my real face*: the only thing that lets the raw camera out."""
    fade: "Fade | None" = field(default=None, repr=False)
    """The recipe that this one replaces gradually."""

    @property
    def covers(self) -> bool:
        """Whether there is a persona to put on and it is not paused."""
        prepared = self.swap if self.mode is Mode.swap else self.animation
        return prepared is not None and not self.paused


@dataclass(frozen=True, slots=True)
class Fade:
    """From one recipe to the next, over some seconds."""

    old: Recipe
    start: float
    """By ``time.perf_counter``."""
    seconds: float

    def share(self, now: float) -> float:
        """Return how much of the new one shows at ``now``, 0 to 1."""
        return min(max((now - self.start) / self.seconds, 0.0), 1.0)
