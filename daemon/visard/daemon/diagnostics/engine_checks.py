"""What the doctor finds out about engines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from visard.daemon.diagnostics.findings import Finding, FindingState

if TYPE_CHECKING:
    from visard.daemon.api.engines import EngineInfo
    from visard.engines.interfaces import Backend


def engines() -> Iterator[Finding]:
    """Try every backend."""
    from visard.engines.interfaces import backends

    working = 0
    for backend in sorted(backends.all().values(), key=lambda backend: backend.rank):
        reason = backend.unavailable() or _trial(backend)
        working += reason is None
        state = FindingState.missing if reason else FindingState.ok
        yield Finding(f"engine {backend.name}", state, reason or "runs the face detector")
    if not working:
        yield Finding("engines", FindingState.problem, "none works here", "pip install openvino onnxruntime")


def _trial(backend: "Backend") -> str | None:
    """Run the smallest network we ship on nothing; return what went wrong."""
    import numpy as np

    from visard.engines import load
    from visard.models.assets import asset

    try:
        engine = load(asset("mp_face_detector_short.onnx"), precision="fp32", backend=backend.name)
        results = engine(*(np.zeros([d or 1 for d in t.shape], t.dtype) for t in engine.inputs))
    except Exception as error:  # a library may fail in any way
        return f"{type(error).__name__}: {error}"
    return None if all(np.isfinite(result).all() for result in results) else "its results are no numbers"


def compiled() -> Iterator[Finding]:
    """Count what is kept, and name what is of no use any more."""
    from visard.daemon.diagnostics.engine_report import cached
    from visard.engines.cache.cache import Cache

    cache, entries = Cache(), cached()
    if reason := cache.usable():
        detail = f"{reason}; every start compiles anew"
        yield Finding("compiled networks", FindingState.missing, detail)
        return
    detail = f"{len(entries)} in {cache.folder}, {cache.size() / 1e6:.0f} MB"
    yield Finding("compiled networks", FindingState.ok, detail)
    for entry in entries:
        if entry.verdict != "usable":
            what = f"{entry.model} for {entry.backend} {entry.device} {entry.precision}"
            detail = f"{what}: {entry.verdict}; it is compiled anew when it is needed"
            yield Finding("compiled networks", FindingState.ok, detail)


def serving(engine: "EngineInfo") -> Finding:
    """Tell what a network runs on, and everything better that failed with its reason."""
    way = f"{engine.backend} {engine.device} {engine.precision}"
    failed = [
        f"{each.backend} {each.device} {each.precision} is {each.state}: {each.reason}"
        for each in engine.failed()
    ]
    state = FindingState.missing if failed or not engine.backend else FindingState.ok
    detail = "; ".join(
        [f"{engine.model} on {way}" if engine.backend else f"{engine.model} on nothing", *failed]
    )
    return Finding("serving", state, detail, "visard engines check" if failed else None)
