"""A network that only samples: GridSample over pictures (4 dimensions) or volumes (5)."""

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper


def sampling(
    path: Path,
    volume: tuple[int | str, ...],
    grid: tuple[int | str, ...],
    kind: int = TensorProto.FLOAT,
    **how: Any,
) -> Path:
    inputs = [
        helper.make_tensor_value_info("x", kind, volume),
        helper.make_tensor_value_info("g", kind, grid),
    ]
    output = helper.make_tensor_value_info("y", kind, (*volume[:2], *grid[1:-1]))
    graph = helper.make_graph(
        [helper.make_node("GridSample", ["x", "g"], ["y"], **how)], "t", inputs, [output]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path
