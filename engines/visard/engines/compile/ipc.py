"""What parent and child say to each other while an engine is compiled: JSON lines, some followed by bytes."""

import json
from typing import IO, Any

from visard.engines.errors import EngineError
from visard.engines.interfaces import Options, Precision, Range

Message = tuple[dict[str, Any], list[bytes]]


def send(pipe: IO[bytes], head: dict[str, Any], *bodies: bytes) -> None:
    """Write one message; with bodies, ``sizes`` in its head says how long each is."""
    pipe.write(json.dumps({**head, "sizes": [len(body) for body in bodies]}).encode() + b"\n")
    for body in bodies:
        pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Message | None:
    """Read one message; None when the other side is gone."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    sizes = head.pop("sizes")
    bodies = [pipe.read(size) for size in sizes]
    return (head, bodies) if [len(body) for body in bodies] == sizes else None


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


def error_to(error: BaseException) -> dict[str, Any]:
    """Return an error by name and text."""
    return {"kind": type(error).__name__, "text": str(error)}


def error_from(data: dict[str, Any]) -> EngineError | None:
    """Return an error of ours as it was, None for any other kind."""
    kind = _ours().get(data["kind"])
    return kind(data["text"]) if kind else None


def _ours() -> dict[str, type[EngineError]]:
    known, new = {}, [EngineError]
    while new:
        kind = new.pop()
        known[kind.__name__] = kind
        new += kind.__subclasses__()
    return known
