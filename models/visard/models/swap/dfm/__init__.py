"""Swapper ``dfm``: a face trained with DeepFaceLab, as DeepFaceLive runs it."""

from visard.models.swap.dfm.onnx_file import DfmInfo as DfmInfo
from visard.models.swap.dfm.onnx_file import inspect as inspect
from visard.models.swap.dfm.swapper import processor as processor
