"""Compiled networks: tensors in, tensors out. This package knows nothing of faces.

``engines.load(model)`` gives an engine; ``statuses()`` says how every loaded network is run. Names are
imported when they are first used, so that a program can know the exceptions without loading numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visard.engines.interfaces import (
        Array,
        CudaArray,
        Engine,
        Options,
        Precision,
        Progress,
        Range,
        TensorSpec,
    )
    from visard.engines.loader import close, load
    from visard.engines.runtime.candidates import CandidateState, CandidateStatus, EngineStatus
    from visard.engines.runtime.managed import ManagedEngine, statuses, watch

__all__ = [
    "Array",
    "CandidateState",
    "CandidateStatus",
    "CudaArray",
    "Engine",
    "EngineStatus",
    "ManagedEngine",
    "Options",
    "Precision",
    "Progress",
    "Range",
    "TensorSpec",
    "close",
    "load",
    "statuses",
    "watch",
]

_PLACES = {
    **dict.fromkeys(("close", "load"), "loader"),
    **dict.fromkeys(("CandidateStatus", "EngineStatus", "CandidateState"), "runtime.candidates"),
    **dict.fromkeys(("ManagedEngine", "statuses", "watch"), "runtime.managed"),
}
"""The modules of names that are not in ``interfaces``."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'interfaces')}"), name)
