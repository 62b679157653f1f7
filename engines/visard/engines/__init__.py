"""Compiled networks: tensors in, tensors out. This package knows nothing of faces.

``engines.load(model)`` is the one door.
"""

from visard.engines.door import load
from visard.engines.engine import Array, DeviceArray, Engine, Options, Precision, TensorSpec, backends

__all__ = ["Array", "DeviceArray", "Engine", "Options", "Precision", "TensorSpec", "backends", "load"]
