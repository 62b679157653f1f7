"""What parent and child say to each other while an engine is compiled, as JSON takes it."""

from typing import Any

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
