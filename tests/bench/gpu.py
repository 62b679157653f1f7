"""Measures the shipped networks, and a frame's way to them, on an NVIDIA GPU: python tests/bench/gpu.py OUT.

Needs numpy and onnxruntime; for the GPU also CuPy or cuda.core, and TensorRT for RTX. Writes OUT/gpu.json and
OUT/gpu.md; what could not run has a row that says why. Every part runs in a process of its own, so that a
crash costs one part. "ms" is the GPU's time by events, "wall ms" from the call to the result being there,
"graph" the same replayed as a CUDA graph; "start s" is loading an engine and its first run, "again s" that
once more, "cached s" that with its runtime cache; "error" is the largest difference from the reference.
"""

import argparse
import json
import multiprocessing
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from _gpu_crop import (
    LANDMARKS,
    NETWORKS,
    SAMPLES,
    SIDE,
    Crop,
    Floats,
    Image,
    Matrix,
    crop,
    evaluate,
    samples,
    scene,
    session,
)
from _gpu_measure import Row, attempt, compare, speed, wall
from _gpu_memory import GPUS, Outputs, fetch, poison
from _gpu_rtx import VARIANTS, Engine, Refused, Variant, build, tensorrt_rtx

PATIENCE = 150.0
COLUMNS: tuple[str, ...] = ("build s", "MB", "start s", "again s", "cached s", "error", "relative", "cosine")
COLUMNS += ("ms", "wall ms", "graph ms", "graph wall ms", "graph error")
LIBRARIES = [
    "numpy",
    "onnxruntime",
    "cv2",
    "PIL",
    "cuda.core",
    "cuda.bindings",
    "cupy",
    "tensorrt_rtx_bindings",
]
RTX, ORT = "TensorRT for RTX", "ONNX Runtime"


def rtx_part(network: Path, through: str, variant: Variant) -> Iterator[Row]:
    """One network on one variant of its engine, compared with ONNX Runtime in fp32 and timed."""
    inputs = samples(network)
    reference = session(network)
    expected = [evaluate(reference, tensor) for tensor in inputs]

    def measure(row: Row) -> None:
        rtx, log = tensorrt_rtx()
        start = time.perf_counter()
        plan = build(rtx, log, network, variant)
        row.numbers |= {"build s": time.perf_counter() - start, "MB": len(plan) / 1e6}
        gpu = GPUS[through]()

        def started(name: str, cache: bytes = b"") -> Engine:
            start = time.perf_counter()
            engine = Engine(rtx, log, gpu, plan, cache, variant.graphs)
            engine(inputs[0])
            row.numbers[name] = time.perf_counter() - start
            return engine

        def restart(_: Row) -> None:
            started("cached s", started("again s").cache)

        engine = started("start s")
        compare(row, [(engine(tensor), right) for tensor, right in zip(inputs, expected, strict=True)])
        attempt(row, restart, "starting again: ")
        speed(row, gpu, engine.enqueue, engine.outputs)
        row.notes += sorted(set(log.lines))[:3]

    yield attempt(Row(network.stem, f"{RTX}, {variant.label}, {through}"), measure)


def ort_part(network: Path) -> Iterator[Row]:
    """One network in ONNX Runtime: on one CPU thread (the reference) and through its CUDA provider."""

    def measure(row: Row, provider: str) -> None:
        available = import_module("onnxruntime").get_available_providers()
        if provider not in available:
            raise Refused(f"this ONNX Runtime has only {', '.join(available)}")
        inputs, reference, tested = samples(network), session(network), session(network, provider)
        if tested.get_providers()[0] != provider:
            raise Refused(f"it fell back to {tested.get_providers()[0]}")
        compare(row, [(evaluate(tested, tensor), evaluate(reference, tensor)) for tensor in inputs])
        row.numbers["wall ms"] = wall(lambda: evaluate(tested, inputs[0]))

    for provider in ("CPUExecutionProvider", "CUDAExecutionProvider"):
        row = Row(network.stem, f"{ORT}, {provider.removesuffix('ExecutionProvider')}")
        yield attempt(row, partial(measure, provider=provider))


def crop_part(through: str) -> Iterator[Row]:
    """The crop kernel against exact interpolation, alone and with the frame's way to the device."""

    def measure(row: Row, uploading: bool) -> None:
        gpu = GPUS[through]()
        target = gpu.pair((SIDE, SIDE, 3), np.float32)
        kernel, results = Crop(gpu, target), []
        for frame, matrix in map(scene, range(SAMPLES)):
            poison(gpu, {"crop": target})
            kernel.load(frame, matrix)
            kernel.enqueue()
            results.append((fetch(gpu, {"crop": target}), {"crop": crop(frame, matrix)}))
        compare(row, results)

        def work() -> None:
            if uploading:
                kernel.upload()
            kernel.enqueue()

        speed(row, gpu, work, {"crop": target})

    yield attempt(Row("crop 256x256", f"kernel, {through}"), partial(measure, uploading=False))
    yield attempt(Row("upload 720p, crop", f"kernel, {through}"), partial(measure, uploading=True))


def whole_part(through: str) -> Iterator[Row]:
    """From a frame in host memory to landmarks in host memory."""

    def measure(row: Row) -> None:
        rtx, log = tensorrt_rtx()
        gpu, reference = GPUS[through](), session(LANDMARKS)
        engine = Engine(rtx, log, gpu, build(rtx, log, LANDMARKS, Variant("default")))
        kernel, results = Crop(gpu, engine.input), []

        def work() -> None:
            kernel.upload()
            kernel.enqueue()
            engine.enqueue()
            for pair in engine.outputs.values():
                gpu.pull(pair)

        for frame, matrix in map(scene, range(SAMPLES)):
            poison(gpu, engine.outputs)
            kernel.load(frame, matrix)
            work()
            results.append((fetch(gpu, engine.outputs), evaluate(reference, crop(frame, matrix)[None])))
        compare(row, results)
        speed(row, gpu, work, engine.outputs)

    yield attempt(Row("720p frame to landmarks", f"{RTX}, default, {through}"), measure)


def cpu_part() -> Iterator[Row]:
    """The product's own crop with OpenCV, and with the landmark network on one thread behind it."""

    def measure(row: Row, landmarks: bool) -> None:
        cv2, reference = import_module("cv2"), session(LANDMARKS)
        cv2.setNumThreads(1)

        def work(frame: Image, matrix: Matrix) -> Outputs:
            small = cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
            tensor = cv2.cvtColor(small, cv2.COLOR_BGR2RGB) * np.float32(1 / 255)
            return evaluate(reference, tensor[None]) if landmarks else {"crop": tensor}

        def right(tensor: Floats) -> Outputs:
            return evaluate(reference, tensor[None]) if landmarks else {"crop": tensor}

        scenes = [scene(seed) for seed in range(SAMPLES)]
        compare(row, [(work(*each), right(crop(*each))) for each in scenes])
        row.numbers["wall ms"] = wall(lambda: work(*scenes[0]))

    yield attempt(Row("crop 256x256", "OpenCV, CPU"), partial(measure, landmarks=False))
    yield attempt(Row("720p frame to landmarks", f"OpenCV and {ORT}, CPU"), partial(measure, landmarks=True))


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
        what = " ".join(str(getattr(a, "stem", a)) for a in part[1])
        end = f"stopped after {PATIENCE:.0f} s" if late else f"its process ended with {process.exitcode}"
        rows.append(Row(what, part[0].__name__, notes=[f"{end}, after {len(rows)} rows"]))
    return rows


def environment() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = str(getattr(import_module(name), "__version__", "?"))
        except ImportError as error:
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the shipped networks on an NVIDIA GPU.")
    parser.add_argument("out", type=Path, help="folder for gpu.json and gpu.md")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    found, rows = environment(), []

    def measure(parts: list[Part]) -> None:
        for part in parts:
            rows.extend(run(part, out / "part.json"))
            everything = {"found": found, "rows": [asdict(row) for row in rows]}
            (out / "gpu.json").write_text(json.dumps(everything, indent=1))
            (out / "gpu.md").write_text(report(found, rows))

    measure([(cpu_part, ()), *((ort_part, (network,)) for network in NETWORKS)])
    measure([(part, (gpu,)) for part in (crop_part, whole_part) for gpu in GPUS])
    usable = [gpu for gpu in GPUS if any(gpu in row.how and "ms" in row.numbers for row in rows)]
    first, *others = usable or list(GPUS)
    measure([(rtx_part, (network, first, variant)) for variant in VARIANTS for network in NETWORKS])
    measure([(rtx_part, (network, gpu, VARIANTS[0])) for gpu in others for network in NETWORKS])
    print(report(found, rows))


if __name__ == "__main__":
    main()
