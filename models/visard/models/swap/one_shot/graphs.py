"""The graphs that run, made of published files once and kept by the store.

``identity``: a crop of a photo, uint8 [1, 112, 112, 3] -> the embedding [1, 512].
``converter``: the embedding -> what a member makes its source of, [1, 512].
``step``: a crop of the frame, uint8 [1, S, S, 3], and the source -> the swapped crop, of the same kind.
Pictures are BGR.
"""

from functools import partial
from pathlib import Path

import numpy as np

from visard.engines.errors import ModelRefused
from visard.models.onnx_model import Wrapper, read_model
from visard.models.scale import BYTES, SIGNED
from visard.models.store import Store
from visard.models.swap.one_shot.family import EMAP, IDENTITY, Member

IDENTITY_SIDE = 112
_VERSION = 1
"""Goes up with what is written."""


def step(store: Store, member: Member) -> Path:
    """Return the graph of a frame. Raises ModelMissing, and ModelRefused for a file that is another's."""
    source = store.path(member.name)
    return store.exported(source, f"{member.name}-step-{_VERSION}", partial(_write_step, source, member))


def identity(store: Store) -> Path:
    """Return the graph that tells people apart. Raises ModelMissing and ModelRefused."""
    source = store.path(IDENTITY)
    return store.exported(source, f"identity-{_VERSION}", partial(_write_identity, source))


def converter(store: Store, member: Member) -> Path | None:
    """Return what the embedding goes through, None: nothing. Raises ModelMissing and ModelRefused."""
    if not member.converter:
        return None
    if member.converter != EMAP:
        return store.path(member.converter)
    source = store.path(member.name)
    return store.exported(source, f"emap-{_VERSION}", partial(_write_emap, source))


def _write_step(source: Path, member: Member, path: Path) -> None:
    side = member.side
    shape = (1, 3, side, side)
    wrapper = Wrapper(source, {"target": shape, "source": member.source}, shape)
    wrapper.picture_in("target", side, member.scale)
    wrapper.keep("source", member.source)
    wrapper.picture_out(side, member.scale)
    wrapper.save(path)


def _write_identity(source: Path, path: Path) -> None:
    """Files that subtract and multiply by themselves are given 0..255, others -1..1."""
    side = IDENTITY_SIDE
    wrapper = Wrapper(source, {"": (1, 3, side, side)}, (1, 512))
    first = wrapper.first_nodes(8)
    own = all(any(name.startswith(kind) for name in first) for kind in (("Sub", "_minus"), ("Mul", "_mul")))
    wrapper.picture_in("", side, BYTES if own else SIGNED)
    wrapper.floats_out((1, 512))
    wrapper.save(path)


def _write_emap(source: Path, path: Path) -> None:
    """Write a product with the last weight of a file, which no node reads and optimisers drop."""
    from onnx import TensorProto, helper, numpy_helper

    weights = read_model(source).graph.initializer
    matrix = numpy_helper.to_array(weights[-1]) if weights else np.zeros(0)
    if matrix.shape != (512, 512):
        raise ModelRefused(
            f"{source.name} has no matrix for embeddings: its last weight is {list(matrix.shape)}, "
            "expected is [512, 512]; get the file as it was published, not one that was optimised"
        )
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 512]) for name in ("embedding", "made")
    ]
    node = helper.make_node("MatMul", ["embedding", "emap"], ["made"], "emap_product")
    weight = numpy_helper.from_array(matrix.astype(np.float32), "emap")
    graph = helper.make_graph([node], "emap", ports[:1], ports[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
