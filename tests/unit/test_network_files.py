"""Networks by the names and files that people give, and shapes said on the command line."""

from pathlib import Path

import numpy as np

from visard.daemon.diagnostics.network_files import Network, ranges
from visard.engines import Range, TensorSpec


def network(*shapes: tuple[int | None, ...]) -> Network:
    inputs = tuple(TensorSpec(f"x{i}", np.dtype(np.float32), shape) for i, shape in enumerate(shapes))
    return Network("net.onnx", Path("net.onnx"), inputs)


def test_a_batch_that_varies_is_one_unless_said_otherwise() -> None:
    free = network((None, 224, 224, 3))
    assert ranges(free, ()) == (Range("x0", *[(1, 224, 224, 3)] * 3),)
    assert ranges(free, ["x0=1x224x224x3:2x224x224x3:4x224x224x3"])[0].high == (4, 224, 224, 3)
    assert ranges(network((1, 3, 8, 8)), ()) == ()


def test_names_with_an_equals_sign_or_a_colon_are_names() -> None:
    inputs = (TensorSpec("in=face:0", np.dtype(np.float32), (None, 4)),)
    (found,) = ranges(Network("net", Path("net"), inputs), ["in=face:0=1x4:2x4:3x4"])
    assert (found.name, found.usual) == ("in=face:0", (2, 4))
