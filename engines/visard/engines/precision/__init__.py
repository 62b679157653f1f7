"""Precision written into the graph: fp16 and bf16, with the layers that need it left in fp32."""

from visard.engines.precision.convert import ConvertedNetwork, convert_precision

__all__ = ["ConvertedNetwork", "convert_precision"]
