"""What the control API says of engines: what serves, what could, and what is compiled and kept."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class _EngineFact(BaseModel):
    model_config = ConfigDict(frozen=True)


class CandidateInfo(_EngineFact):
    """One way to run a network, and how it went."""

    backend: str
    device: str
    precision: str
    state: str
    """serving, ready, building, untried; or refused, wrong, lost: then ``reason`` says why."""
    reason: str = ""
    psnr: float | None = None
    """Of its results against the exact ones, dB; None when they are equal or nobody compared."""
    cosine: float | None = None
    ms: float | None = None
    """Least milliseconds of a call, where it was measured beside another."""


class BuildingInfo(_EngineFact):
    """A better engine that is being compiled while this one serves."""

    step: str
    done: float
    """0 to 1."""
    left: float | None = None
    """Seconds."""


class EngineInfo(_EngineFact):
    """A network at work."""

    model: str
    backend: str
    """Empty while there is none yet; so are ``device`` and ``precision``."""
    device: str
    precision: str
    candidates: tuple[CandidateInfo, ...] = ()
    """Every way to run it here, in the order in which they were tried; the one that serves is the fastest."""
    building: BuildingInfo | None = None
    warnings: tuple[str, ...] = ()

    def failed(self) -> tuple[CandidateInfo, ...]:
        """Return the ways that were tried earlier and failed."""
        serving = (index for index, candidate in enumerate(self.candidates) if candidate.state == "serving")
        above = self.candidates[: next(serving, len(self.candidates))]
        return tuple(candidate for candidate in above if candidate.state in ("refused", "wrong", "lost"))


class BackendInfo(_EngineFact):
    """An inference library, whether it can be used here, and what with."""

    name: str
    available: bool
    reason: str = ""
    """Why it cannot be used."""
    version: str = ""
    precisions: dict[str, tuple[str, ...]] = {}
    """By device, best first: what ``auto`` tries."""


class CachedInfo(_EngineFact):
    """A compiled network that is kept."""

    model: str
    backend: str
    version: str
    """Of the backend that compiled it."""
    device: str
    precision: str
    bytes: int
    used: datetime
    seconds: float
    """That compiling took."""
    verdict: str
    """usable; or why it is compiled anew when it is needed again."""
    notes: tuple[str, ...] = ()
    """What was said of its precision, such as the layers that are left in fp32."""


class EnginesInfo(_EngineFact):
    """Everything about engines."""

    backends: tuple[BackendInfo, ...]
    serving: tuple[EngineInfo, ...]
    cached: tuple[CachedInfo, ...]
    folder: str
    bytes: int
    limit: int
    """Bytes that the kept ones may take; the least recently used go first."""
