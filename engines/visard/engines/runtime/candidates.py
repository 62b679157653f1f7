"""The ways to run a network here, in the order in which they are tried while nothing is measured."""

from dataclasses import dataclass
from enum import StrEnum

from visard.engines.errors import BackendUnavailable, EngineError
from visard.engines.interfaces import Backend, Precision, Progress, backends

SAFER: dict[Precision, tuple[Precision, ...]] = {
    Precision.fp32: (),
    Precision.mixed: (Precision.fp32,),
    Precision.fp16: (Precision.mixed, Precision.fp32),
    Precision.bf16: (Precision.fp32,),
}
"""What is tried instead of a precision that gives wrong results; where it works, these are no faster."""


class CandidateState(StrEnum):
    """What became of a candidate."""

    serving = "serving"
    ready = "ready"
    """Compiled and right, and not measured to be the fastest."""
    building = "building"
    refused = "refused"
    """It could not be compiled or opened."""
    wrong = "wrong"
    """It was compiled, but its results are not the reference's."""
    lost = "lost"
    """Its device failed."""
    untried = "untried"


FAILED = CandidateState.refused, CandidateState.wrong, CandidateState.lost


@dataclass(frozen=True, slots=True)
class CandidateStatus:
    """A candidate by name, and what became of it."""

    backend: str
    device: str
    precision: Precision
    state: CandidateState = CandidateState.untried
    reason: str = ""
    """Why it does not serve, or what people should know though it does."""
    cosine: float | None = None
    psnr: float | None = None
    """Of the worst output in the self-check, in dB."""
    ms: float | None = None
    """Least milliseconds of a call, where it was measured beside another."""

    @property
    def name(self) -> str:
        """Return what people call it."""
        return f"{self.backend} on {self.device} in {self.precision}"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How one network is run right now."""

    model: str
    """File name."""
    backend: str
    """Empty while there is none yet; so is ``device``."""
    device: str
    precision: Precision | None
    candidates: tuple[CandidateStatus, ...]
    """In the order in which they were tried."""
    building: Progress | None
    """How far the compilation that is going on is."""
    warnings: tuple[str, ...] = ()

    @property
    def demoted(self) -> bool:
        """Whether something that was tried earlier failed."""
        states = [candidate.state for candidate in self.candidates]
        serving = CandidateState.serving
        earlier = states[: states.index(serving)] if serving in states else states
        return any(state in FAILED for state in earlier)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a network: a backend, a device, a precision."""

    backend: Backend
    device: str
    precision: Precision
    interim: bool = False
    """It serves only until another one is compiled."""

    def status(self) -> CandidateStatus:
        """Return it as one that was not tried."""
        return CandidateStatus(self.backend.name, self.device, self.precision)

    def is_fallback_of(self, other: "Candidate") -> bool:
        """Whether this is worth trying only when the other one does not work."""
        same = self.backend is other.backend and self.device == other.device
        return same and self.precision in SAFER[other.precision]


def list_candidates(backend: str, device: str, precision: Precision | None) -> list[Candidate]:
    """Return what to try, best first; ``auto``, or None as precision, leaves the choice to us.

    Raises BackendUnavailable when what was named is not here, with the reason.
    """
    chosen, reasons = _usable(backend)
    places = [(b, d) for b in chosen for d in b.devices() if _meant(device, d)]
    if not places:
        here = "; ".join([*reasons, *(f"{b.name} has {', '.join(b.devices())}" for b in chosen)])
        what = "no backend can be used" if device == "auto" else f"nothing here runs networks on {device}"
        raise BackendUnavailable(f"{what} ({here})")
    places.sort(
        key=lambda place: (_kind(place[1]), place[0].rank)
    )  # stable: a backend's devices stay in order
    return [Candidate(b, d, p) for b, d in places for p in _precisions(b, d, precision)]


def interim_candidates(candidates: list[Candidate]) -> list[Candidate]:
    """Return what serves at once until something of these is compiled; empty when one of them can."""
    if any(c.backend.instant for c in candidates):
        return []
    quick = backends.all().get("onnxruntime")
    return (
        []
        if quick is None or quick.unavailable()
        else [Candidate(quick, "cpu", Precision.fp32, interim=True)]
    )


def _usable(name: str) -> tuple[list[Backend], list[str]]:
    wanted = backends.all().values() if name == "auto" else [backends.get(name)]
    ranked = sorted(wanted, key=lambda b: b.rank)
    why = {b.name: b.unavailable() for b in ranked}
    reasons = [f"{name}: {reason}" for name, reason in why.items() if reason]
    if name != "auto" and reasons:
        raise BackendUnavailable(reasons[0])
    return [b for b in ranked if not why[b.name]], reasons


def _meant(wanted: str, device: str) -> bool:
    return wanted in ("auto", device) or device.startswith((f"{wanted}:", f"{wanted}."))


def _kind(device: str) -> int:
    """NVIDIA's cards before the others, processors last."""
    return 0 if device.startswith("cuda") else 2 if device == "cpu" else 1


def _precisions(backend: Backend, device: str, wanted: Precision | None) -> tuple[Precision, ...]:
    return backend.precisions(device) if wanted is None else (wanted, *SAFER[wanted])


def parse_precision(name: Precision | str) -> Precision | None:
    """Return a precision by its name, None for ``auto``; raise EngineError for what is none."""
    if name == "auto":
        return None
    try:
        return Precision(name)
    except ValueError as error:
        names = ", ".join(Precision)
        raise EngineError(f"there is no precision {name!r}; choose auto or one of: {names}") from error
