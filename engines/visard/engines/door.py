"""The one door: a model file in, the best engine for this machine out."""

from pathlib import Path

from visard.engines.engine import Engine, Options, Precision, Samples, backends
from visard.engines.errors import BackendUnavailable, EngineError


def load(
    model: Path,
    device: str = "auto",
    precision: Precision | str = "auto",
    *,
    backend: str = "auto",
    threads: int = 1,
    samples: Samples | None = None,
    wait: bool = True,
) -> Engine:
    """Return an engine that was checked."""
    if not model.is_file():
        raise EngineError(f"{model} is missing; reinstall Visard to restore it")
    reasons = []
    ranked = (
        [backends.get(backend)]
        if backend != "auto"
        else sorted(backends.all().values(), key=lambda b: b.rank)
    )
    for candidate in ranked:
        if reason := candidate.unavailable():
            if backend != "auto":
                raise BackendUnavailable(f"{candidate.name}: {reason}")
            reasons.append(f"{candidate.name}: {reason}")
            continue
        try:
            options = Options(threads=threads)
            return candidate.open(candidate.compile(model, options, lambda _: None), options)
        except EngineError as error:
            if backend != "auto":
                raise
            reasons.append(f"{candidate.name}: {error}")
    raise EngineError(f"no backend can run {model.name} ({'; '.join(reasons)})")
