"""Backends that only look like others: ONNX Runtime does the work, and each has a fault of its own.

They are values of this module, so that a child process that compiles finds them too.
"""

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from visard.engines.backends.onnxruntime import backend as real
from visard.engines.errors import DeviceLost, ModelRefused
from visard.engines.interfaces import Array, Options, Precision, Progress, Report, TensorSpec

COUNT = "VISARD_TEST_COUNT"
"""Environment variable: a file that gets a line for every compilation, in whichever process."""


class Clock:
    """Time that passes only while fake engines run."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


class FakeEngine:
    """Runs the network and then spoils the outputs."""

    def __init__(self, owner: "Fake", plan: bytes, options: Options) -> None:
        self._real = real.open(plan, Options())
        self._owner, self.calls = owner, 0
        self.backend, self.device, self.precision = owner.name, options.device, options.precision
        self.inputs, self.outputs = self._real.inputs, self._real.outputs

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        self.calls += 1
        CLOCK.now += self._owner.seconds[self.precision]
        return self._owner.spoil(self.calls, self._real(*arrays))


def nothing(_: object = None) -> None:
    """Do nothing."""


class Fake:
    """A backend whose steps can be made to fail."""

    written: frozenset[Precision] = frozenset()

    def __init__(
        self,
        name: str,
        rank: int = 1,
        *,
        device: str = "cuda:0",
        instant: bool = False,
        compiling: Callable[[Report], None] = nothing,
        opening: Callable[[], None] = nothing,
        spoil: Callable[[int, tuple[Array, ...]], tuple[Array, ...]] = lambda _, outputs: outputs,
        precisions: tuple[Precision, ...] = (Precision.fp32,),
        missing: str | None = None,
        seconds: float | dict[Precision, float] = 0.0,
    ) -> None:
        self.name, self.rank, self.instant, self.missing = name, rank, instant, missing
        self.compiling, self.opening, self.spoil = compiling, opening, spoil
        self._device, self._precisions = device, precisions
        self.print, self.number = "card", "1.0"
        self.seconds = seconds if isinstance(seconds, dict) else dict.fromkeys(Precision, seconds)
        """What a call takes on ``CLOCK``."""
        self.compiled: list[Options] = []
        self.opened = 0

    def unavailable(self) -> str | None:
        return self.missing

    def version(self) -> str:
        return self.number

    def devices(self) -> tuple[str, ...]:
        return (self._device,)

    def fingerprint(self, device: str) -> str:
        return self.print

    def precisions(self, device: str) -> tuple[Precision, ...]:
        return self._precisions

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        self.compiled.append(options)
        if path := os.environ.get(COUNT):
            with Path(path).open("a") as file:
                file.write(f"{self.name} {options.precision} {os.getpid()}\n")
        self.compiling(report)
        return real.compile(model, Options(), report)

    def open(self, plan: bytes, options: Options) -> FakeEngine:
        self.opening()
        self.opened += 1
        return FakeEngine(self, plan, options)


class ExactEngine:
    """Computes with numpy in the very types that the graph names; ONNX Runtime widens fp16 on processors."""

    def __init__(self, plan: bytes, options: Options) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        self.backend, self.device, self.precision = "exact", options.device, options.precision
        model = onnx.load_from_string(plan)
        self.inputs, self.outputs = map(_specs, (model.graph.input, model.graph.output))
        self._run = ReferenceEvaluator(model).run

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        feed = {spec.name: array for spec, array in zip(self.inputs, arrays, strict=True)}
        with np.errstate(all="ignore"):
            return tuple(self._run(None, feed))


def _specs(values: Iterable[Any]) -> tuple[TensorSpec, ...]:
    shapes = [tuple(d.dim_value or None for d in v.type.tensor_type.shape.dim) for v in values]
    return tuple(
        TensorSpec(value.name, np.dtype(np.float32), shape)
        for value, shape in zip(values, shapes, strict=True)
    )


class Exact(Fake):
    """A backend that takes fp16 and mixed from the graph, at its word."""

    written = frozenset({Precision.fp16, Precision.mixed})

    def compile(self, model: Path, options: Options, report: Report) -> bytes:
        return model.read_bytes()

    def open(self, plan: bytes, options: Options) -> ExactEngine:
        return ExactEngine(plan, options)


def raising(error: BaseException) -> Callable[[object], None]:
    """Return a step that raises."""

    def step(_: object = None) -> None:
        raise error

    return step


def _abort(_: Report) -> None:
    sys.stderr.write("something inside a library went wrong\n")
    sys.stderr.flush()
    os.abort()


def _hang(report: Report) -> None:
    report(Progress("hanging", 0.5))
    time.sleep(1000)


def _hang_deaf(report: Report) -> None:
    """Hang inside a library that keeps Python's lock."""
    report(Progress("hanging", 0.5))
    ctypes.PyDLL(None).sleep(1000)


def _starve(_: Report) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    np.ones(2**33, np.uint8)


def _slow(report: Report) -> None:
    for part in range(10):
        report(Progress("thinking", part / 10))
        time.sleep(0.08)


def _chat(_: Report) -> None:
    print("a library prints", flush=True)
    os.write(1, b"straight to the terminal\n")


good = Fake("good")
slow = Fake("slow", compiling=_slow)
abort = Fake("abort", compiling=_abort)
killed = Fake("killed", compiling=lambda _: os.kill(os.getpid(), signal.SIGKILL))
leaves = Fake("leaves", compiling=lambda _: os._exit(3))
hang = Fake("hang", compiling=_hang)
deaf = Fake("deaf", compiling=_hang_deaf)
starve = Fake("starve", compiling=_starve)
chat = Fake("chat", compiling=_chat)
flags = Fake("flags", compiling=lambda _: print(sys.flags, tempfile.gettempdir(), flush=True))
refuse = Fake("refuse", compiling=raising(ModelRefused("it has a layer of the wrong kind")))
odd = Fake("odd", compiling=raising(RuntimeError("nobody knows")))


def zeros(_: int, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(np.zeros_like(output) for output in outputs)


def nan(_: int, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(np.full_like(output, np.nan) for output in outputs)


def lost_at(number: int, error: type[Exception] = DeviceLost) -> Callable[..., tuple[Array, ...]]:
    """Return an engine's fault: from that call on its device is gone."""

    def spoil(call: int, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        if call >= number:
            raise error("the card fell off the bus")
        return outputs

    return spoil


STEP = 2e-5


def marked(number: int) -> Callable[..., tuple[Array, ...]]:
    """Outputs that are right, but tell whose they are by a difference that no check minds."""
    return lambda _, outputs: tuple(output + np.float32(number * STEP) for output in outputs)


blank = Fake("blank", spoil=zeros)
better = Fake("better", compiling=_slow, spoil=marked(3))
