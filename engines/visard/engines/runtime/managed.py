"""An engine that is always there: the best that is ready, a better one later, the next when one fails."""

import contextlib
import logging
import math
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakSet, finalize, ref

import numpy as np

from visard.engines.errors import DeviceLost, EngineError
from visard.engines.inputs import misfit
from visard.engines.interfaces import Engine, Precision, TensorSpec
from visard.engines.runtime.candidates import Candidate, Serving, State
from visard.engines.runtime.fallback import Climb
from visard.engines.runtime.opener import Opened, Supply

Watcher = Callable[[Serving], None]
_logger = logging.getLogger("visard.engines")
_LOOK = 32
"""Calls after which all of the outputs are looked at, and not one number of each."""
_DOUBTS = 3
"""Times a better answer is looked for when every rung says that there is none."""


class Served:
    """An engine of ``load``: one caller at a time, others may ask for ``serving`` and ``close`` it."""

    backend: str
    device: str
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __init__(self, candidates: list[Candidate], supply: Supply) -> None:
        self._supply = supply
        me = ref(self)
        self._climb = Climb(candidates, supply, lambda: _tell(me()))
        self._index = -1
        self._live: Opened | None = None
        self._engine: Engine
        self._calls, self._doubts = 0, 0
        self._floats: tuple[int, ...] = ()
        self._on_device = False
        finalize(self, self._climb.cancel).atexit = False
        with _lock:
            _all.add(self)

    @property
    def serving(self) -> Serving:
        """How it is run right now; from any thread."""
        live, climb = self._live, self._climb
        return Serving(
            self._supply.model.name,
            self.backend if live else "",
            self.device if live else "",
            self.precision if live else None,
            tuple(climb.rungs),
            climb.building,
            (live.warning,) if live and live.warning else (),
        )

    def start(self, at_once: list[int] | None = None) -> None:
        """Take the first rung that works; with ``at_once`` one of these, and the better ones afterwards.

        Raises the reason when there is none.
        """
        found = self._climb.first(at_once) if at_once else None
        found = found or self._climb.first(range(len(self._climb.candidates)))
        if found is None:
            with _lock:
                _all.discard(self)
            raise self._climb.why()
        self._settle(*found)
        self._climb.rise(range(self._index))

    def _settle(self, index: int, opened: Opened) -> None:
        engine = opened.engine
        self._index, self._live, self._engine = index, opened, engine
        self.backend, self.device, self.precision = engine.backend, engine.device, engine.precision
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self._floats = tuple(i for i, spec in enumerate(engine.outputs) if spec.dtype.kind == "f")
        self._on_device = engine.device.startswith("cuda")
        self._climb.mark(index, State.serving)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Run the network; outputs lie where the inputs lay and are valid until the next call.

        Raises EngineError for arrays that do not fit, and when no rung of the ladder is left.
        """
        if self._climb.better is not None:
            self._change_over()
        try:
            outputs = self._run(self._engine, arrays)
        except Exception as error:  # a library may raise anything when its device goes
            return self._fall(arrays, error)
        self._calls += 1
        if self._sane(outputs, thoroughly=self._calls % _LOOK == 1):
            return outputs
        return self._doubt(arrays, outputs)

    def _run(self, engine: Engine, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._on_device:
            for array in arrays:
                if not isinstance(array, np.ndarray):
                    return _by_way_of_host(engine, arrays)
        return engine(*arrays)

    def _sane(self, outputs: tuple[Any, ...], *, thoroughly: bool) -> bool:
        """Whether the outputs are numbers: one of each, or all; those on a device are taken as they are."""
        for index in self._floats:
            output = outputs[index]
            if not isinstance(output, np.ndarray) or not output.size:
                continue
            if not (
                np.isfinite(output).all() if thoroughly else math.isfinite(output.item(output.size // 2))
            ):
                return False
        return True

    def _change_over(self) -> None:
        better = self._climb.better
        self._climb.better = None
        if better is not None and better[0] < self._index:
            before = self._index
            self._settle(*better)
            self._climb.mark(before, State.ready)

    def _doubt(self, arrays: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Look for an engine that gives numbers, unless the inputs are none or no engine did before."""
        given = [a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        if self._doubts >= _DOUBTS or not all(np.isfinite(a).all() for a in given):
            return outputs
        again = self._run(self._engine, arrays)
        if self._sane(again, thoroughly=True):
            return again
        self._doubts += 1
        reason = "its results while running were no numbers"
        return self._next(arrays, State.wrong, reason) or again

    def _fall(self, arrays: tuple[Any, ...], error: Exception) -> tuple[Any, ...]:
        """Answer the call from the next rung; when none can either, it is the call that is wrong."""
        if reason := misfit(arrays, self.inputs, self._supply.ranges):
            raise EngineError(f"{self._supply.model.name}: {reason}") from error
        text = str(error) or type(error).__name__
        _logger.warning("%s failed: %s", self._climb.candidates[self._index].name, text)
        gone = isinstance(error, DeviceLost)
        if gone:
            self._climb.lose(self.device, text)
        outputs = self._next(arrays, State.lost if gone else State.refused, text)
        if outputs is not None:
            return outputs
        raise error if isinstance(error, EngineError) else EngineError(text) from error

    def _next(self, arrays: tuple[Any, ...], state: State, reason: str) -> tuple[Any, ...] | None:
        """Return a lower rung's outputs and stay with it, or None when no lower one has any."""
        before, climb = self._index, self._climb
        self._supply.resume()
        for index in range(before + 1, len(climb.candidates)):
            opened = climb.attempt(index) if climb.at_hand(index) else None
            outputs = self._outputs(opened.engine, arrays) if opened else None
            if opened is None or outputs is None:
                continue
            climb.forget(before)
            self._settle(index, opened)
            climb.mark(before, state, reason)
            _logger.warning("%s: now on %s", self._supply.model.name, climb.candidates[index].name)
            climb.rise(range(before + 1, index))
            return outputs
        return None

    def _outputs(self, engine: Engine, arrays: tuple[Any, ...]) -> tuple[Any, ...] | None:
        try:
            outputs = engine(*arrays) if engine.device.startswith("cuda") else _by_way_of_host(engine, arrays)
        except Exception as error:
            _logger.warning("%s failed too: %s", engine.backend, error)
            return None
        return outputs if self._sane(outputs, thoroughly=True) else None

    def close(self) -> None:
        """Stop compiling in the background; the engine goes on with what it has."""
        self._climb.close()


def _by_way_of_host(engine: Engine, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Run an engine that knows only host memory on arrays of a GPU, and take its outputs there."""
    from visard.engines import device as gpus

    there = [array for array in arrays if gpus.is_on_device(array)]
    if not there:
        return engine(*arrays)
    first = there[0]
    if isinstance(first, gpus.DeviceArray):
        gpu, stream = first.device, first.stream
    else:
        gpu = gpus.open_device(first.__dlpack_device__()[1] if hasattr(first, "__dlpack_device__") else 0)
        stream = gpu.stream()
    hosts = [gpus.to_host(gpus.take(a, gpu, stream)) if gpus.is_on_device(a) else a for a in arrays]
    return tuple(gpus.to_device(output, gpu, stream) for output in engine(*hosts))


_all: WeakSet[Served] = WeakSet()
_watchers: list[Watcher] = []
_lock = threading.Lock()


def serving() -> tuple[Serving, ...]:
    """Return how every network of this process is run right now."""
    with _lock:
        return tuple(sorted((served.serving for served in _all), key=lambda s: s.model))


def watch(watcher: Watcher) -> Callable[[], None]:
    """Have ``watcher`` told of all changes and progress, on the thread where they happen; return the stop."""
    _watchers.append(watcher)

    def stop() -> None:
        with contextlib.suppress(ValueError):
            _watchers.remove(watcher)

    return stop


def _tell(served: Served | None) -> None:
    for watcher in list(_watchers):
        if served is not None:
            try:
                watcher(served.serving)
            except Exception:  # whoever watches cannot stop an engine
                _logger.exception("a watcher of engines failed")
