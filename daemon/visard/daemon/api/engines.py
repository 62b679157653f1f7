"""What the control API says of engines: what serves, what could, and what is compiled and kept."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class _EngineFact(BaseModel):
    model_config = ConfigDict(frozen=True)


class RungInfo(_EngineFact):
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
    rungs: tuple[RungInfo, ...] = ()
    """Every way to run it here, the fastest first."""
    building: BuildingInfo | None = None
    warnings: tuple[str, ...] = ()

    def failed(self) -> tuple[RungInfo, ...]:
        """Return the faster ways that could not be taken."""
        serving = (index for index, rung in enumerate(self.rungs) if rung.state == "serving")
        above = self.rungs[: next(serving, len(self.rungs))]
        return tuple(rung for rung in above if rung.state in ("refused", "wrong", "lost"))


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
