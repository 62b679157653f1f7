"""Precision written into the graph: half precision with islands of fp32, and int8 from samples."""

from visard.engines.precision.convert import Prepared, prepare
from visard.engines.precision.layer_compare import LayerError, compare

__all__ = ["LayerError", "Prepared", "compare", "prepare"]
