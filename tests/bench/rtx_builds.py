"""Builds full-size graphs with TensorRT for RTX, which needs no GPU: seconds, size, what stayed in fp32.

    python tests/bench/rtx_builds.py [GRAPH...] [--target cuda:0] [--check]

With ``--check`` the same graph's likeness to fp32 is computed on the processor, halves rounded as a GPU does,
and judged as engines are; that takes minutes. Weights are made by a rule. Graphs that declare layers for fp32
are built in fp16 but for those, so is the swapper's with its norms in fp32, where fp16 overflows on some.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fomm_checkpoint
import liveportrait_files
import numpy as np
import onnx
from networks import NETWORKS
from networks import samples as noise
from onnx import TensorProto
from rtx import prepared

from visard.engines.accuracy import LIMITS, compare
from visard.engines.backends.tensorrt_rtx import backend
from visard.engines.interfaces import Options, Precision
from visard.engines.precision.layer_compare import outputs
from visard.models.animate.fomm.export import write as write_fomm
from visard.models.animate.liveportrait.export import write as write_liveportrait
from visard.models.store import open_store
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import MEMBERS
from visard.models.swap.one_shot.swapper import samples

_NORMS = "ReduceMean", "Sqrt"


def swapper(folder: Path) -> Path:
    file = NETWORKS["inswapper"](folder / "inswapper_128.onnx")
    store = open_store()
    store.import_(file, name="inswapper_128", accept_licence=True)
    return graphs.step(store, MEMBERS["inswapper_128"])


def fomm(graph: str) -> Callable[[Path], Path]:
    def written(folder: Path) -> Path:
        checkpoint = folder / "vox.pth.tar"
        if not checkpoint.is_file():
            fomm_checkpoint.write(checkpoint)
        write_fomm(checkpoint, graph, folder / f"fomm-{graph}.onnx", align_corners=True)
        return folder / f"fomm-{graph}.onnx"

    return written


def liveportrait(graph: str) -> Callable[[Path], Path]:
    def written(folder: Path) -> Path:
        if not (folder / "spade_generator.pth").is_file():
            liveportrait_files.write(folder)
        write_liveportrait(folder, graph, folder / f"liveportrait-{graph}.onnx")
        return folder / f"liveportrait-{graph}.onnx"

    return written


GRAPHS: dict[str, Callable[[Path], Path]] = {
    "inswapper_128": swapper,
    **{f"fomm-{graph}": fomm(graph) for graph in ("prepare", "motion", "draw")},
    "liveportrait-step": liveportrait("step"),
}


def layers(path: Path) -> tuple[int, int]:
    """Return how many layers that compute give fp32 and how many fp16."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    given = [kinds.get(n.output[0]) for n in model.graph.node if n.op_type not in ("Cast", "Constant")]
    return given.count(TensorProto.FLOAT), given.count(TensorProto.FLOAT16)


def given(name: str, path: Path, folder: Path) -> tuple[np.ndarray, ...]:
    """Return inputs of a graph."""
    if name == "inswapper_128":
        member = MEMBERS[name]
        return samples(member, np.full(member.source, 512**-0.5, np.float32))[0]
    if name == "liveportrait-step":
        return liveportrait_files.step_inputs(folder)
    (arrays,) = noise(path, 1)
    return tuple(np.uint8(255 * each) if each.shape[-1] == 3 else each for each in arrays)


def likeness(half: Path, path: Path, arrays: tuple[np.ndarray, ...]) -> str:
    """Return what the check of engines would say to a graph in fp16."""
    models = [onnx.load(each) for each in (half, path)]
    ours, right = (outputs(model, [arrays]) for model in models)
    names = [each.name for each in models[1].graph.output]
    result = compare(ours, right, names, LIMITS[Precision.fp16])
    numbers = f"{result.cosine or 0:.5f}, {result.psnr or 0:.1f} dB"
    return f"passes: {numbers}" if result.ok else f"fails: {result.reason}"


def build(name: str, folder: Path, target: str, *, check: bool) -> None:
    """Print a row."""
    path = GRAPHS[name](folder)
    nodes = [node.name for node in onnx.load(path).graph.node]
    norms = [each for each in nodes if name == "inswapper_128" and each.startswith(_NORMS)]
    half = prepared(path, Precision.fp16, folder, samples=None, fp32_nodes=norms)
    full, halves = layers(half)
    begun = time.perf_counter()
    plan = backend.compile(half, Options(target, Precision.fp16), lambda _: None)
    seconds = time.perf_counter() - begun
    size = path.stat().st_size / 1e6
    said = likeness(half, path, given(name, path, folder)) if check else "-"
    row = f"{size:.0f} | {seconds:.1f} | {len(plan) / 1e6:.0f} | {full} | {halves} | {said}"
    print(f"| {name} | {row} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", nargs="*", default=list(GRAPHS))
    parser.add_argument("--target", default="cuda:0")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    print("| graph | ONNX, MB | seconds | engine, MB | layers in fp32 | in fp16 | check |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        os.environ["VISARD_HOME"] = place
        for name in chosen.graphs:
            build(name, Path(place), chosen.target, check=chosen.check)


if __name__ == "__main__":
    main()
