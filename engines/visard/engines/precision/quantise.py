"""int8 written into a graph as pairs of QuantizeLinear and DequantizeLinear, fitted to samples.

Numbers and weights are symmetric, weights have a scale for each channel, biases stay in fp32: what TensorRT,
OpenVINO and ONNX Runtime all take. The work is ONNX Runtime's own quantiser's.
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from visard.engines.errors import ModelRefused
from visard.engines.interfaces import Array, Samples
from visard.engines.precision import graph as graphs

if TYPE_CHECKING:
    import onnx

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""What computers multiply in int8; the rest would only lose by it."""
OPSET = 13
"""The first in which weights have a scale for each channel."""


class Quantiser:
    """A network with the samples it is fitted to; calibrated once, written many times."""

    def __init__(self, model: "onnx.ModelProto", samples: Samples) -> None:
        self._samples = samples
        self._model = _raised(model)
        self._folder = Path(mkdtemp(prefix="visard-"))
        finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._source = self._folder / "source.onnx"
        graphs.write(self._model, self._source)
        weights = {tensor.name for tensor in self._model.graph.initializer}
        self._inputs = [v.name for v in self._model.graph.input if v.name not in weights]
        self.layers = {
            node.name
            for node in self._model.graph.node
            if node.op_type in OPERATORS and weights & set(node.input)
        }
        if not self.layers:
            raise ModelRefused("nothing in it gains from int8: it has no layer with weights to multiply by")

    @property
    def last(self) -> set[str]:
        """Layers whose result goes out without passing another one: errors there are seen at once."""
        outputs = {value.name for value in self._model.graph.output}
        found = set()
        for node in reversed(self._model.graph.node):
            if outputs & set(node.output):
                found |= {node.name} & self.layers
                outputs |= set() if node.name in self.layers else set(node.input)
        return found

    def convert(self, islands: Collection[str]) -> "onnx.ModelProto":
        """Return the network in int8 with these layers in fp32."""
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        target = self._folder / "int8.onnx"
        with _quiet():
            try:
                quantize_static(
                    str(self._source),
                    str(target),
                    _reader(self._inputs, self._samples),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=list(OPERATORS),
                    per_channel=True,
                    activation_type=QuantType.QInt8,
                    weight_type=QuantType.QInt8,
                    nodes_to_quantize=sorted(self.layers - set(islands)) or ["none of them"],
                    extra_options={
                        "ActivationSymmetric": True,
                        "WeightSymmetric": True,
                        "QuantizeBias": False,
                        "AddQDQPairToWeight": False,
                    },
                )
            except Exception as error:  # it raises whatever its parts raise
                raise ModelRefused(f"it cannot be quantised: {' '.join(str(error).split())}") from error
        return graphs.read(target)


def _raised(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Return the model with operators new enough for int8."""
    from onnx import version_converter

    if graphs.opset(model) >= OPSET:
        return model
    try:
        return graphs.tidy(version_converter.convert_version(model, OPSET))
    except Exception as error:  # it raises RuntimeError and its own
        raise ModelRefused(
            f"its operators are of version {graphs.opset(model)} and cannot be brought to {OPSET}, "
            f"the first with int8 that all backends take: {' '.join(str(error).split())[:300]}"
        ) from error


def _reader(names: list[str], samples: Samples) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[tuple[Array, ...]] = iter(samples)

        def get_next(self) -> dict[str, Array] | None:
            sample = next(self._left, None)
            return None if sample is None else dict(zip(names, sample, strict=True))

    return Reader()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice about preparing the graph, which was done, from the root logger."""
    import onnxruntime

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    try:
        yield
    finally:
        logging.disable(before)
        onnxruntime.set_default_logger_severity(2)
