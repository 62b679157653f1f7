"""Compiling with TensorRT for RTX, which needs no GPU."""

from pathlib import Path
from typing import Any

import pytest

from visard.engines import precision
from visard.engines.backends._tensorrt_build import TensorRTPlan
from visard.engines.backends.tensorrt_rtx import backend
from visard.engines.interfaces import Options, Precision, Progress

TARGETS = ["cuda:0", "sm_80", "sm_86", "sm_89", "sm_120"]
"""The default: an engine for all of those but Turing."""
TURING = "sm_75"
WRITTEN = [Precision.fp16, Precision.bf16, pytest.param(Precision.mixed, marks=pytest.mark.slow)]
"""The last runs the network on samples to be written, many times."""


NEEDED = pytest.mark.skipif(bool(backend.cannot_compile()), reason=backend.cannot_compile() or "")


def compiled(path: Path, options: Options) -> TensorRTPlan:
    """Compile, and check that what came out is an engine."""
    told: list[Progress] = []
    plan = TensorRTPlan.unpack(backend.compile(path, options, told.append), backend.name, backend.version())
    assert len(plan.engine) > 1000
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert told[-1].done == 1
    return plan


def prepared(path: Path, wanted: Precision, folder: Path, **how: Any) -> Path:
    """Write a precision into a network, as the product does."""
    if wanted is Precision.fp32:
        return path
    made = precision.convert_precision(path, wanted, folder / f"{wanted}.onnx", report=lambda _: None, **how)
    return made.path
