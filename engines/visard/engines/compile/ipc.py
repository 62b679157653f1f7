"""What parent and child say to each other while an engine is compiled, as JSON takes it."""

from typing import Any

from visard.engines.errors import EngineError
from visard.engines.interfaces import Options, Precision, Range


def options_to(options: Options) -> dict[str, Any]:
    """Return options as JSON takes them."""
    ranges = [[r.name, r.low, r.usual, r.high] for r in options.ranges]
    return {
        "device": options.device,
        "precision": str(options.precision),
        "threads": options.threads,
        "ranges": ranges,
    }


def options_from(data: dict[str, Any]) -> Options:
    """Return what ``options_to`` was given."""
    ranges = tuple(Range(name, tuple(a), tuple(b), tuple(c)) for name, a, b, c in data["ranges"])
    return Options(data["device"], Precision(data["precision"]), data["threads"], ranges)


def error_from(data: dict[str, Any]) -> EngineError | None:
    """Return an error of ours as it was in the child, None for any other kind."""
    kind = _ours().get(data["kind"])
    return kind(data["text"]) if kind else None


def _ours() -> dict[str, type[EngineError]]:
    known, new = {}, [EngineError]
    while new:
        kind = new.pop()
        known[kind.__name__] = kind
        new += kind.__subclasses__()
    return known
