"""Half precision written into a graph: our converter beside NVIDIA's AutoCast and onnxconverter-common.

    python tests/bench/precision_libraries.py OUT [--width 0.25]

Networks have random weights and the shapes of those that people bring; four small ones have a layer that
half precision breaks. Ours runs in this Python, the others in ``--python``: one with nvidia-modelopt (without
what it wants of CUDA), onnxconverter-common and torch. What comes out is compiled with ONNX Runtime and with
TensorRT for RTX, which needs no GPU, and compared with fp32 as the product does, every half rounded to half.
Writes OUT/libraries.json and prints a table.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from networks import NETWORKS, samples
from planted import FAULTS, picture, planted_fault

from visard.engines import accuracy
from visard.engines.cache.cache import Cache
from visard.engines.compile.job import CompileJob
from visard.engines.errors import EngineError
from visard.engines.interfaces import Options, Precision, Samples, backends
from visard.engines.precision import convert_precision, graph, layer_compare

SCRIPTS = {
    "autocast": """
from modelopt.onnx.autocast import convert_to_mixed_precision
model = convert_to_mixed_precision(
    source, low_precision_type="fp16", keep_io_types=True, calibration_data=data)
""",
    "common float16": """
from onnxconverter_common import float16
model = float16.convert_float_to_float16(onnx.load(source), keep_io_types=True)
""",
    "common auto": """
from onnxconverter_common import auto_mixed_precision
model = auto_mixed_precision.auto_convert_mixed_precision(
    onnx.load(source), dict(numpy.load(data)), rtol=0.01, atol=0.01, keep_io_types=True)
""",
}
"""What each library is asked for; ``data`` is an npz file of one sample."""
HEAD = "import sys, numpy, onnx\nsource, target, data = sys.argv[1:]\n"
TAIL = "\nonnx.save(model, target)\n"


@dataclass
class Row:
    """How one converter did on one network."""

    network: str
    converter: str
    seconds: float = 0.0
    share: float = 0.0
    """Of the layers that make floats, those that make halves."""
    cosine: float | None = None
    psnr: float | None = None
    onnxruntime: str = ""
    tensorrt_rtx: str = ""
    failure: str = ""


def ours(precision: Precision, source: Path, target: Path, given: Samples) -> None:
    convert_precision(source, precision, target, samples=given, report=lambda _: None)


def theirs(name: str, python: str, source: Path, target: Path, given: Samples) -> None:
    """Run a library in its own Python; raise RuntimeError with the last line it said."""
    data = target.with_suffix(".npz")
    model = graph.read(source)
    np.savez(data, **{value.name: array for value, array in zip(model.graph.input, given[0], strict=True)})
    command = [python, "-c", HEAD + SCRIPTS[name] + TAIL, str(source), str(target), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1][:200])


def judge(row: Row, source: Path, target: Path, given: Samples) -> None:
    """Compare with fp32, and let the backends try it."""
    made = graph.read(target)
    types = graph.element_types(made)
    floats = [types.get(n.output[0]) for n in made.graph.node if n.op_type != "Cast"]
    halves = floats.count(10)
    row.share = halves / max(1, halves + floats.count(1))
    names = [value.name for value in made.graph.output]
    right, left = (layer_compare.outputs(graph.read(path), given) for path in (source, target))
    result = accuracy.compare(left, right, names, accuracy.Limits(-1, -np.inf, 0))
    row.cosine, row.psnr = result.cosine, result.psnr
    row.failure = row.failure or result.reason


def accepted(name: str, path: Path) -> str:
    """Return "yes", or why a backend does not take a graph as it is written."""
    backend, device = backends.get(name), "cpu" if name == "onnxruntime" else "cuda:0"
    nothing = accuracy.ReferenceResults([], None, "it is only compiled")
    cache = Cache(path.parent / "cache")
    try:
        CompileJob(path, backend, Options(device), cache=cache, reference=nothing).run()
    except EngineError as error:
        return str(error)[:160]
    return "yes"


def measure(network: str, converter: str, python: str, source: Path, folder: Path, given: Samples) -> Row:
    row = Row(network, converter)
    target = folder / f"{source.stem}-{converter.replace(' ', '-')}.onnx"
    begun = time.monotonic()
    try:
        if converter in SCRIPTS:
            theirs(converter, python, source, target, given)
        else:
            ours(Precision(converter.removeprefix("ours ")), source, target, given)
        row.seconds = round(time.monotonic() - begun, 1)
        judge(row, source, target, given)
        row.onnxruntime = accepted("onnxruntime", target)
        if not getattr(backends.get("tensorrt_rtx"), "cannot_compile", lambda: "no")():
            row.tensorrt_rtx = accepted("tensorrt_rtx", target)
    except (EngineError, RuntimeError, subprocess.TimeoutExpired) as error:
        row.seconds = round(time.monotonic() - begun, 1)
        row.failure = str(error)[:200]
    return row


def text(row: Row) -> str:
    numbers = "-" if row.cosine is None else f"{row.cosine:.5f} | {row.psnr:.1f}"
    cells = row.network, row.converter, f"{row.seconds:.1f}", f"{row.share:.0%}", numbers
    return " | ".join(["", *cells, row.onnxruntime or "-", row.tensorrt_rtx or "-", row.failure]).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare converters to half precision.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=float, default=0.25, help="times the real number of channels")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the libraries")
    parser.add_argument("--network", action="append", choices=[*FAULTS, *NETWORKS], dest="names")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for network in asked.names or [*FAULTS, *NETWORKS]:
        if network in FAULTS:
            source, _ = planted_fault(network, asked.out / f"{network.replace(' ', '-')}.onnx")
            given: Samples = picture()
        else:
            source = NETWORKS[network](asked.out / f"{network}.onnx", asked.width)
            given = samples(source, 2)
        for converter in ("ours fp16", "ours mixed", *SCRIPTS):
            rows.append(measure(network, converter, asked.python, source, asked.out, given))
            print(text(rows[-1]), flush=True)
            (asked.out / "libraries.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
