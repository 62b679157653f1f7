"""What machines can do at best: known numbers of GPUs, measured ones of the processor."""

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from visard.engines.interfaces import Options, Precision, backends

SIDE = 768
"""Of the matrices that are multiplied to find a processor's peak; small, to be undisturbed at times."""
COPIED = 64 * 2**20
"""Bytes that each thread copies: more than fits a cache."""
ROUNDS = 12
PRODUCTS = 200


@dataclass(frozen=True, slots=True)
class Machine:
    """The most operations a second by precision, and bytes a second from and to its memory."""

    name: str
    peaks: Mapping[Precision, float]
    bandwidth: float


def _gpu(name: str, fp32: float, fp16: float, bf16: float | None, gigabytes: float) -> Machine:
    """Give peaks in units of 10^12 a second, of dense matrices; fp32 is exact, without TF32."""
    peaks = {Precision.fp32: fp32, Precision.fp16: fp16, Precision.mixed: fp16}
    if bf16 is not None:
        peaks[Precision.bf16] = bf16
    return Machine(name, {precision: peak * 1e12 for precision, peak in peaks.items()}, gigabytes * 1e9)


GPUS = (
    _gpu("H200", 66.9, 989.4, 989.4, 4800),
    _gpu("H100", 66.9, 989.4, 989.4, 3350),
    _gpu("A100", 19.5, 312, 312, 2039),
    _gpu("RTX 5090", 104.8, 419, 209.5, 1792),
    _gpu("RTX 4090", 82.6, 330.3, 165.2, 1008),
    _gpu("RTX 4070", 29.1, 116.6, 58.3, 504),
    _gpu("RTX 3090", 35.6, 142, 71, 936),
    _gpu("RTX 3060", 12.7, 51.2, 25.6, 360),
    _gpu("RTX 2060", 6.5, 51.6, None, 336),
    _gpu("T4", 8.1, 65, None, 320),
)
"""From NVIDIA's own data sheets."""


def gpu(description: str) -> Machine | None:
    """Return what is known of the GPU that this text names."""
    words = re.findall(r"\w+", description)
    return next((each for each in GPUS if _within(each.name.split(), words)), None)


def _within(few: list[str], many: list[str]) -> bool:
    return any(many[start : start + len(few)] == few for start in range(len(many)))


def processor(threads: int) -> Machine:
    """Return what this many threads of the processor can reach.

    A large matrix product is measured, and copying; where the clock is known, the product is taken to be at
    least what the instructions can do, so that other programs do not make the floor look high.
    """
    flags = _flags()
    peak = max(_peak(threads), threads * _clock() * _each_cycle(flags))
    # For each instruction set how many numbers fit where one fp32 number does, times its own shortcuts.
    bf16 = 16 if "amx_bf16" in flags else 2 if {"avx512_bf16", "avx_ne_convert"} & flags else 1
    factors = {
        Precision.fp32: 1,
        Precision.fp16: 1,
        Precision.mixed: 1,
        Precision.bf16: bf16,
    }
    peaks = {precision: peak * factor for precision, factor in factors.items()}
    return Machine(f"processor, {threads} threads", peaks, _bandwidth(threads))


def _each_cycle(flags: set[str]) -> int:
    """Return the fp32 operations of a cycle: two units that multiply and add in every lane."""
    lanes = 16 if "avx512f" in flags else 8 if "avx2" in flags else 4
    return 2 * 2 * lanes


def _clock() -> float:
    """Return cycles a second, 0 where nobody tells."""
    return max((float(text) * 1e6 for text in _told("cpu MHz")), default=0.0)


def _flags() -> set[str]:
    return {flag for name in ("flags", "Features") for text in _told(name) for flag in text.split()}


def _told(name: str) -> list[str]:
    """Return what Linux says under a name, once for each processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return [line.partition(":")[2] for line in lines if line.partition(":")[0].strip() == name]


def _fastest(work: Callable[[], object], rounds: int) -> float:
    """Return the least seconds of a few rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _peak(threads: int) -> float:
    from onnx import TensorProto, helper, save

    square = [SIDE, SIDE]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, square) for name in "abc"]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "peak", ends[:2], ends[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    backend, options = backends.get("onnxruntime"), Options(threads=threads)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "peak.onnx"
        save(model, path)
        engine = backend.open(backend.compile(path, options, lambda _: None), options)
    a, b = np.random.default_rng(1).random((2, SIDE, SIDE), np.float32)
    return 2 * SIDE**3 / _fastest(lambda: engine(a, b), PRODUCTS)


def _bandwidth(threads: int) -> float:
    sources = [np.ones(COPIED, np.uint8) for _ in range(threads)]
    targets = [np.zeros(COPIED, np.uint8) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        seconds = _fastest(lambda: list(pool.map(np.copyto, targets, sources)), ROUNDS)
    return 2 * threads * COPIED / seconds
