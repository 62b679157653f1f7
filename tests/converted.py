"""Converts networks and looks at what came out, for the tests of precision."""

from pathlib import Path

import numpy as np
import onnx

from visard.engines import accuracy
from visard.engines.interfaces import Precision, Samples
from visard.engines.precision import ConvertedNetwork, convert_precision, graph, layer_compare


def convert(path: Path, precision: Precision = Precision.fp16, **how: object) -> ConvertedNetwork:
    into = path.with_name(f"{path.stem}-{precision}.onnx")
    return convert_precision(path, precision, into, report=lambda _: None, samples=None, **how)  # type: ignore[arg-type]


def worst(reference: Path, other: Path, inputs: Samples) -> accuracy.CheckResult:
    """Judge the worst output, halves rounded as a GPU would."""
    right, left = (layer_compare.outputs(graph.read(path), inputs) for path in (reference, other))
    names = [value.name for value in graph.read(reference).graph.output]
    return accuracy.compare(left, right, names, accuracy.Limits(-1, -np.inf, 0))


def sound(path: Path) -> onnx.ModelProto:
    """Check a file fully and return it; nothing in it is cast to and fro."""
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    casts = {n.output[0]: n for n in model.graph.node if n.op_type == "Cast" and n.name.endswith("__cast")}
    assert not [n.name for n in casts.values() if n.input[0] in casts]
    pairs = [(n.input[0], n.attribute[0].i) for n in casts.values()]
    assert len(pairs) == len(set(pairs))
    return model


def kinds(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type of every node's first output."""
    types = graph.element_types(model)
    return {n.name: types.get(n.output[0], 0) for n in model.graph.node}


def ports(path: Path) -> list[tuple[str, int]]:
    model = onnx.load(path, load_external_data=False).graph
    weights = {t.name for t in model.initializer}
    return [
        (v.name, v.type.tensor_type.elem_type) for v in (*model.input, *model.output) if v.name not in weights
    ]
