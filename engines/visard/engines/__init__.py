"""Compiled networks: tensors in, tensors out. This package knows nothing of faces.

``engines.load(model)`` is the one door; ``serving()`` says how every loaded network is run.
"""

from visard.engines.door import load
from visard.engines.engine import (
    Array,
    DeviceArray,
    Engine,
    Options,
    Precision,
    Progress,
    Range,
    TensorSpec,
    backends,
)
from visard.engines.ladder import Rung, Serving, State
from visard.engines.served import Served, serving, watch

__all__ = [
    "Array",
    "DeviceArray",
    "Engine",
    "Options",
    "Precision",
    "Progress",
    "Range",
    "Rung",
    "Served",
    "Serving",
    "State",
    "TensorSpec",
    "backends",
    "load",
    "serving",
    "watch",
]
