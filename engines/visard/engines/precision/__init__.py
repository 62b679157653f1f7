"""Precision written into the graph: half precision with islands of fp32, and int8 from samples."""

from visard.engines.precision.layers import LayerError, compare
from visard.engines.precision.prepare import Prepared, prepare

__all__ = ["LayerError", "Prepared", "compare", "prepare"]
