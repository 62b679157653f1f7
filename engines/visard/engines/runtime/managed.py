"""An engine that is always there: the first that is ready, a faster one later, another when one fails."""

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
from visard.engines.interfaces import Engine, Precision, Report, TensorSpec
from visard.engines.runtime.candidates import Candidate, CandidateState, EngineStatus
from visard.engines.runtime.opener import EngineOpener, OpenedEngine
from visard.engines.runtime.selector import EngineSelector

Watcher = Callable[[EngineStatus], None]
_logger = logging.getLogger("visard.engines")
_LOOK_EVERY = 32
"""Calls after which all of the outputs are looked at, and not one number of each."""
_RECHECKS = 3
"""Times a better answer is looked for when every candidate says that there is none."""


class ManagedEngine:
    """An engine of ``load``: one caller at a time, others may ask for ``status`` and ``close`` it."""

    backend: str
    device: str
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __init__(self, candidates: list[Candidate], opener: EngineOpener) -> None:
        self._opener = opener
        me = ref(self)
        self._selector = EngineSelector(candidates, opener, lambda: _tell(me()))
        self._index = -1
        self._live: OpenedEngine | None = None
        self._engine: Engine
        self._calls, self._rechecks = 0, 0
        self._floats: tuple[int, ...] = ()
        self._on_device = False
        finalize(self, self._selector.cancel).atexit = False
        with _lock:
            _all.add(self)

    @property
    def status(self) -> EngineStatus:
        """How it is run right now; from any thread."""
        live, selector = self._live, self._selector
        return EngineStatus(
            self._opener.model.name,
            self.backend if live else "",
            self.device if live else "",
            self.precision if live else None,
            tuple(selector.statuses),
            selector.building,
            (live.warning,) if live and live.warning else (),
        )

    def start(self, *, wait: bool, report: Report = lambda _: None) -> None:
        """Take the fastest candidate; without ``wait`` one that is ready, until a faster one is found.

        ``report`` hears of it until then. Raises the reason when none works, and what ``report`` raises.
        """
        selector = self._selector
        selector.report = report
        found = None if wait else selector.first_working(selector.at_once())
        found = found or selector.first_working(selector.order)
        if found is None:
            with _lock:
                _all.discard(self)
            raise selector.failure()
        self._switch_to(*found)
        if wait:
            selector.select(self._index)
            self._change_over()
        selector.report = lambda _: None
        if not wait:
            selector.select_in_background(self._index)

    def _switch_to(self, index: int, opened: OpenedEngine) -> None:
        engine = opened.engine
        self._index, self._live, self._engine = index, opened, engine
        self.backend, self.device, self.precision = engine.backend, engine.device, engine.precision
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self._floats = tuple(i for i, spec in enumerate(engine.outputs) if spec.dtype.kind == "f")
        self._on_device = engine.device.startswith("cuda")
        self._selector.mark(index, CandidateState.serving)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Run the network; outputs lie where the inputs lay and are valid until the next call.

        Raises EngineError for arrays that do not fit, and when no candidate is left.
        """
        if self._selector.better is not None:
            self._change_over()
        try:
            outputs = self._run(self._engine, arrays)
        except Exception as error:  # a library may raise anything when its device goes
            return self._fall_back(arrays, error)
        self._calls += 1
        if self._are_numbers(outputs, thoroughly=self._calls % _LOOK_EVERY == 1):
            return outputs
        return self._recheck(arrays, outputs)

    def _run(self, engine: Engine, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._on_device:
            for array in arrays:
                if not isinstance(array, np.ndarray):
                    return _through_host(engine, arrays)
        return engine(*arrays)

    def _are_numbers(self, outputs: tuple[Any, ...], *, thoroughly: bool) -> bool:
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
        better, self._selector.better = self._selector.better, None
        if better is None or self._selector.statuses[better[0]].state is not CandidateState.ready:
            return
        before = self._index
        self._switch_to(*better)
        self._selector.mark(before, CandidateState.ready)

    def _recheck(self, arrays: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Look for an engine that gives numbers, unless the inputs are none or no engine did before."""
        given = [a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        if self._rechecks >= _RECHECKS or not all(np.isfinite(a).all() for a in given):
            return outputs
        again = self._run(self._engine, arrays)
        if self._are_numbers(again, thoroughly=True):
            return again
        self._rechecks += 1
        reason = "its results while running were no numbers"
        return self._use_fallback(arrays, CandidateState.wrong, reason) or again

    def _fall_back(self, arrays: tuple[Any, ...], error: Exception) -> tuple[Any, ...]:
        """Answer the call from another candidate; when none can either, it is the call that is wrong."""
        if reason := misfit(arrays, self.inputs, self._opener.ranges):
            raise EngineError(f"{self._opener.model.name}: {reason}") from error
        text = str(error) or type(error).__name__
        _logger.warning("%s failed: %s", self._selector.statuses[self._index].name, text)
        gone = isinstance(error, DeviceLost)
        if gone:
            self._selector.lose(self.device, text)
        outputs = self._use_fallback(arrays, CandidateState.lost if gone else CandidateState.refused, text)
        if outputs is not None:
            return outputs
        raise error if isinstance(error, EngineError) else EngineError(text) from error

    def _use_fallback(
        self, arrays: tuple[Any, ...], state: CandidateState, reason: str
    ) -> tuple[Any, ...] | None:
        """Return another candidate's outputs and stay with it, or None when none has any."""
        before, selector = self._index, self._selector
        self._opener.resume()
        for index in selector.order:
            opened = selector.attempt(index) if index != before and selector.is_ready(index) else None
            outputs = self._outputs(opened.engine, arrays) if opened else None
            if opened is None or outputs is None:
                continue
            self._switch_to(index, opened)
            selector.fail(before, state, reason)
            _logger.warning("%s: now on %s", self._opener.model.name, selector.statuses[index].name)
            selector.select_in_background(index)
            return outputs
        return None

    def _outputs(self, engine: Engine, arrays: tuple[Any, ...]) -> tuple[Any, ...] | None:
        try:
            outputs = engine(*arrays) if engine.device.startswith("cuda") else _through_host(engine, arrays)
        except Exception as error:
            _logger.warning("%s failed too: %s", engine.backend, error)
            return None
        return outputs if self._are_numbers(outputs, thoroughly=True) else None

    def close(self) -> None:
        """Stop compiling in the background; the engine goes on with what it has."""
        self._selector.close()


def _through_host(engine: Engine, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
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


_all: WeakSet[ManagedEngine] = WeakSet()
_watchers: list[Watcher] = []
_lock = threading.Lock()


def statuses() -> tuple[EngineStatus, ...]:
    """Return how every network of this process is run right now."""
    with _lock:
        return tuple(sorted((engine.status for engine in _all), key=lambda s: s.model))


def watch(watcher: Watcher) -> Callable[[], None]:
    """Have ``watcher`` told of all changes and progress, on the thread where they happen; return the stop."""
    _watchers.append(watcher)

    def stop() -> None:
        with contextlib.suppress(ValueError):
            _watchers.remove(watcher)

    return stop


def _tell(engine: ManagedEngine | None) -> None:
    for watcher in list(_watchers):
        if engine is not None:
            try:
                watcher(engine.status)
            except Exception:  # whoever watches cannot stop an engine
                _logger.exception("a watcher of engines failed")
