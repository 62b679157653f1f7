"""Precision written into the graph: fp16 and bf16, with the layers that need it left in fp32."""

from visard.engines.precision.convert import ConvertedNetwork, convert_precision
from visard.engines.precision.declared import declare_fp32, declared_fp32

__all__ = ["ConvertedNetwork", "convert_precision", "declare_fp32", "declared_fp32"]
