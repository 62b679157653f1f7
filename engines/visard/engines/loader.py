"""A model file in, the fastest engine for this machine out."""

from pathlib import Path

from visard.engines.cache.cache import Cache
from visard.engines.errors import EngineError
from visard.engines.interfaces import Engine, Precision, Range, Report, Samples
from visard.engines.runtime.candidates import interim_candidates, list_candidates, parse_precision
from visard.engines.runtime.managed import ManagedEngine
from visard.engines.runtime.opener import EngineOpener


def load(  # noqa: PLR0913 - all but the model are named
    model: Path,
    device: str = "auto",
    precision: Precision | str = "auto",
    *,
    backend: str = "auto",
    threads: int = 1,
    samples: Samples | None = None,
    wait: bool = True,
    cache: Cache | None = None,
    ranges: tuple[Range, ...] = (),
    isolated: bool = False,
    report: Report = lambda _: None,
) -> ManagedEngine:
    """Return the fastest engine of those that give the network's own results in fp32.

    What is ``auto`` is measured once, and kept. Without ``wait`` the first that is ready serves at once, and
    faster ones take over as they are found. ``samples`` are what is checked with; they are made up otherwise.
    A network that somebody else made should be ``isolated``: compiled and first run in a process that can be
    killed, as it may never end. ``report`` is called again and again while the caller waits; what it raises
    gives it up. Raises BackendUnavailable when what was named is not here, ModelRefused when nothing takes
    the network, EngineError with every reason otherwise.
    """
    if not model.is_file():
        raise EngineError(f"{model} is missing; reinstall Visard to restore it")
    candidates = list_candidates(backend, device, parse_precision(precision))
    if not wait:
        candidates += interim_candidates(candidates)
    opener = EngineOpener(
        model, cache or Cache(), threads=threads, ranges=ranges, samples=samples, isolated=isolated
    )
    engine = ManagedEngine(candidates, opener)
    engine.start(wait=wait, report=report)
    return engine


def close(*engines: Engine | None) -> None:
    """Stop looking for better engines than these, which go on with what they have."""
    for engine in engines:
        if isinstance(engine, ManagedEngine):
            engine.close()
