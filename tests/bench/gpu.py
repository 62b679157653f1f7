"""Measures the product's engines on an NVIDIA GPU: python tests/bench/gpu.py OUT [--prepared FOLDER].

FOLDER holds networks, inputs and right outputs; ``--prepare FOLDER`` makes it, on any machine with all of
Visard's dependencies. The GPU's machine then needs numpy, cuda-core and TensorRT for RTX, or TensorRT, and no
more; without FOLDER it needs those dependencies, too. Writes OUT/gpu.json and OUT/gpu.md; what could not run
has a row that says why. Every part runs in a process of its own, so that a crash costs one part.

"ms" is the GPU's time by events with arrays that stay on the device, "host ms" from arrays of the host to
results there, "graph" the same as CUDA graphs; "start s" is opening an engine and its first run, "again s"
that once more with its kernels kept; "error" is the largest difference from ONNX Runtime in fp32.
"""

import argparse
import json
import multiprocessing
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from _gpu_crop import Crop
from _gpu_measure import Row, attempt, compare, elapsed, wall
from _gpu_prepare import LANDMARKS, Case, cases, crop, prepare, scenes

from visard.engines import device
from visard.engines.backends.tensorrt import TensorRT
from visard.engines.backends.tensorrt_rtx import TensorRTRtx
from visard.engines.cache.files import BlobStore
from visard.engines.interfaces import Options, Precision

PATIENCE = 240.0
COLUMNS = ("build s", "MB", "start s", "again s", "error", "relative", "cosine", "ms", "graph ms")
COLUMNS += ("host ms", "graph host ms")
LIBRARIES = [
    "numpy",
    "onnxruntime",
    "cuda.core",
    "cuda.bindings",
    "pycuda.driver",
    "tensorrt_rtx_bindings",
    "tensorrt",
]
BACKENDS: dict[str, Callable[..., Any]] = {"TensorRT for RTX": TensorRTRtx, "TensorRT": TensorRT}


def engine_part(case: Case, how: str) -> Iterator[Row]:
    """One network through the product's adapter: compiled, opened, compared and timed."""

    def measure(row: Row) -> None:
        options = Options("cuda:0", Precision(case.precision))
        with tempfile.TemporaryDirectory() as folder:
            plain, graphs = (BACKENDS[how](graphs=g, kept=BlobStore(Path(folder))) for g in (False, True))
            start = time.perf_counter()
            plan = plain.compile(case.path, options, lambda _: None)
            row.numbers |= {"build s": time.perf_counter() - start, "MB": len(plan) / 1e6}
            for name, backend in (("start s", plain), ("again s", graphs)):
                start = time.perf_counter()
                engine = backend.open(plan, options)
                engine(*case.inputs)
                row.numbers[name] = time.perf_counter() - start
                attempt(row, partial(timed, engine=engine, case=case, prefix="graph " * (name == "again s")))

    yield attempt(Row(case.name, f"{how}, {case.precision}"), measure)


def timed(row: Row, engine: Any, case: Case, prefix: str) -> None:
    """Time an engine with arrays of the host and of the device, and compare both."""
    row.numbers[f"{prefix}host ms"] = wall(lambda: engine(*case.inputs))
    gpu = device.open_device()
    there = [device.to_device(array, gpu) for array in case.inputs]
    outputs = engine(*there)
    row.numbers[f"{prefix}ms"] = elapsed(outputs[0].stream, lambda: engine(*there))
    on_device = [device.to_host(output) for output in engine(*there)]
    on_host = [output.copy() for output in engine(*case.inputs)]
    if case.outputs:
        before = row.numbers.get("error", 0.0)
        compare(row, [(on_host, case.outputs), (on_device, case.outputs)])
        row.numbers["error"] = max(before, row.numbers["error"])
    else:
        row.notes.append("nothing to compare with: prepared without ONNX Runtime")


def ort_part(case: Case, provider: str) -> Iterator[Row]:
    """One network in ONNX Runtime, for comparison, where that is installed."""

    def measure(row: Row) -> None:
        ort = import_module("onnxruntime")
        if provider not in ort.get_available_providers():
            raise RuntimeError(f"this ONNX Runtime has only {', '.join(ort.get_available_providers())}")
        session = ort.InferenceSession(str(case.path), providers=[provider])
        if session.get_providers()[0] != provider:
            raise RuntimeError(f"it fell back to {session.get_providers()[0]}")
        feed = dict(zip((i.name for i in session.get_inputs()), case.inputs, strict=True))
        compare(row, [(session.run(None, feed), case.outputs)])
        row.numbers["host ms"] = wall(lambda: session.run(None, feed))

    how = f"ONNX Runtime, {provider.removesuffix('ExecutionProvider')}, {case.precision}"
    yield attempt(Row(case.name, how), measure)


def crop_part(folder: Path) -> Iterator[Row]:
    """The crop kernel against exact interpolation, alone and with the frame's way to the device."""

    def measure(row: Row, uploading: bool) -> None:
        gpu = device.open_device()
        gpu.activate()
        kernel, results = Crop(gpu, gpu.stream()), []
        for frame, back, _ in scenes(folder):
            kernel.load(frame, back)
            kernel.enqueue()
            results.append(([device.to_host(kernel.target)[0]], [crop(frame, back)]))
        compare(row, results)

        def work() -> None:
            if uploading:
                kernel.upload()
            kernel.enqueue()

        row.numbers["ms"] = elapsed(kernel.stream, work)
        row.numbers["graph ms"] = elapsed(kernel.stream, gpu.capture(kernel.stream, work))

    yield attempt(Row("crop 256x256", "kernel"), partial(measure, uploading=False))
    yield attempt(Row("upload 720p, crop", "kernel"), partial(measure, uploading=True))


def whole_part(folder: Path, how: str) -> Iterator[Row]:
    """From a frame in host memory to landmarks in host memory; the crop never leaves the device."""

    def measure(row: Row) -> None:
        options = Options("cuda:0", Precision.fp32)
        gpu = device.open_device()
        gpu.activate()
        kernel = Crop(gpu, gpu.stream())
        with tempfile.TemporaryDirectory() as kept:
            backend = BACKENDS[how](kept=BlobStore(Path(kept)))
            path = folder / f"{LANDMARKS}.fp32.onnx"
            engine = backend.open(backend.compile(path, options, lambda _: None), options)
            pinned = [gpu.pinned(spec.shape, spec.dtype) for spec in engine.outputs]

            def work() -> None:
                kernel.upload()
                kernel.enqueue()
                outputs = engine(kernel.target)
                for output, host in zip(outputs, pinned, strict=True):
                    gpu.download(output, host, output.stream)
                outputs[0].stream.sync()

            results = []
            for frame, back, expected in scenes(folder):
                kernel.load(frame, back)
                work()
                results.append(([host.copy() for host in pinned], expected))
            compare(row, [result for result in results if result[1]])
            row.numbers["graph host ms"] = wall(work)

    yield attempt(Row("720p frame to landmarks", f"{how}, fp32"), measure)


Part = tuple[Callable[..., Iterator[Row]], tuple[Any, ...]]


def child(part: Part, path: Path) -> None:
    work, arguments = part
    rows = []
    for row in work(*arguments):
        rows.append(asdict(row))
        half = path.with_suffix(".half")
        half.write_text(json.dumps(rows))
        half.replace(path)


def run(part: Part, path: Path) -> list[Row]:
    """Run one part in its own process; a crash or a stand-still becomes a row."""
    path.write_text("[]")
    process = multiprocessing.get_context("spawn").Process(target=child, args=(part, path))
    process.start()
    process.join(PATIENCE)
    late = process.is_alive()
    process.kill()
    process.join()
    rows = [Row(**row) for row in json.loads(path.read_text())]
    path.unlink()
    if late or process.exitcode:
        what = " ".join(str(getattr(a, "name", a)) for a in part[1])
        end = f"stopped after {PATIENCE:.0f} s" if late else f"its process ended with {process.exitcode}"
        rows.append(Row(what, part[0].__name__, notes=[f"{end}, after {len(rows)} rows"]))
    return rows


def environment() -> dict[str, str]:
    found = {"Python": platform.python_version(), "GPUs through": device.unavailable() or "first that works"}
    for name in LIBRARIES:
        try:
            found[name] = str(getattr(import_module(name), "__version__", "?"))
        except Exception as error:
            found[name] = f"not here ({error})"
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
        found["GPU"] = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        found["GPU"] = f"none found ({error})"
    return found


def report(found: dict[str, str], rows: list[Row]) -> str:
    """Return everything as Markdown."""
    columns = [c for c in COLUMNS if any(c in row.numbers for row in rows)]
    lines = [f"- {name}: {version}" for name, version in found.items()]
    head = ["what", "how", *columns, "notes"]
    lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        numbers = [f"{row.numbers[c]:.4g}" if c in row.numbers else "" for c in columns]
        notes = "; ".join(row.notes).replace("|", "/")
        lines.append("| " + " | ".join([row.what, row.how, *numbers, notes]) + " |")
    return "\n".join(lines) + "\n"


def parts(folder: Path) -> Iterator[Part]:
    there = {name: backend() for name, backend in BACKENDS.items()}
    hows = [name for name, backend in there.items() if not backend.cannot_compile()] or list(there)[:1]
    yield crop_part, (folder,)
    for how in hows:
        yield whole_part, (folder, how)
        for case in cases(folder):
            yield engine_part, (case, how)
    for case in cases(folder):
        if case.precision == "fp32":
            for provider in ("CPUExecutionProvider", "CUDAExecutionProvider"):
                yield ort_part, (case, provider)


def measure_all(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found, rows = environment(), []
    for part in parts(folder):
        rows.extend(run(part, out / "part.json"))
        everything = {"found": found, "rows": [asdict(row) for row in rows]}
        (out / "gpu.json").write_text(json.dumps(everything, indent=1))
        (out / "gpu.md").write_text(report(found, rows))
    print(report(found, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the product's engines on an NVIDIA GPU.")
    parser.add_argument("out", type=Path, nargs="?", help="folder for gpu.json and gpu.md")
    parser.add_argument("--prepared", type=Path, help="folder that --prepare made")
    parser.add_argument("--prepare", type=Path, help="make such a folder; nothing is measured without OUT")
    parser.add_argument("--width", type=float, default=1.0, help="share of the channels of people's networks")
    parser.add_argument("--only", default="", help="prepare only people's networks with this in their names")
    given = parser.parse_args()
    if not (given.out or given.prepare):
        parser.error("say where the results go")
    with tempfile.TemporaryDirectory() as folder:
        prepared = given.prepared or given.prepare or Path(folder)
        if not given.prepared:
            prepare(prepared, given.width, given.only)
        if given.out:
            measure_all(prepared, given.out)


if __name__ == "__main__":
    main()
