"""The running pipeline: capture, track, make, emit, each on a thread that waits for the one before."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Self

from visard.daemon.config.settings import Mode
from visard.daemon.errors import SinkError, VisardError
from visard.daemon.guard.gate import Composed, Gate
from visard.daemon.guard.rules import GIVE_UP
from visard.daemon.media.frame import Frame
from visard.daemon.media.ports import Sink, Source
from visard.daemon.media.slot import Closed, Slot
from visard.daemon.pipeline.capture import Capture, Presence
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.face_selection import followed
from visard.daemon.pipeline.guard_input import facts, words
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.sink_thread import SinkThread
from visard.daemon.pipeline.stats import Heartbeat, PipelineStatus, Stats
from visard.daemon.pipeline.tracking import SceneCuts, Tracking
from visard.daemon.pipeline.upright import UprightCheck
from visard.models.face import Image, Sighting

log = logging.getLogger(__name__)

REPEAT_AFTER = 1.5
"""Frame intervals without anything new after which a live pipeline asks the guard what to show."""
PATIENCE = 60.0
"""Seconds that a step may take where nobody watches the clock: a large network over a file."""
RESTING = 1.0
"""Seconds between two pictures while there is nothing to show and nobody to show it to."""


@dataclass(slots=True)
class _Tracked:
    frame: Frame
    sighting: Sighting | None
    now: float
    cut: bool


class Pipeline:
    """Source in, sinks out, one recipe at a time.

    Live pipelines keep the newest frame and drop older ones; others pass every frame on. Every picture that
    reaches a sink went through the Gate. ``tracking`` is called on the thread that will use the tracker;
    ``seen`` gets every camera picture and must not keep or change it.
    """

    def __init__(
        self,
        source: Source | Capture,
        sinks: Sequence[Sink],
        recipe: Recipe,
        tracking: Callable[[int], Tracking],
        *,
        switches: Switches | None = None,
        live: bool | None = None,
        reopen: Callable[[], Source] | None = None,
        seen: Callable[[Image], None] = lambda _: None,
    ) -> None:
        self.recipe = recipe
        self.switches = switches or Switches()
        self.live = source.format.live if live is None else live
        self.stats = Stats()
        self.heartbeat = Heartbeat()
        self.upright = UprightCheck()
        rotate = self.switches.settings.rotate
        again = reopen if self.live else None
        self._source = source if isinstance(source, Capture) else Capture(source, again, rotate=rotate)
        self._source.rotate(rotate)
        self._seen = seen
        size = recipe.size or (self._source.format.width, self._source.format.height)
        patience = GIVE_UP if self.live else PATIENCE
        self._compositor = Compositor(
            self._source.format, self.stats, patience, wait=not self.live, size=size
        )
        self._gate = Gate(*size)
        self._new_tracker = tracking
        self._captured: Slot[Frame] = Slot()
        self._tracked: Slot[_Tracked] = Slot()
        self._composed: Slot[Composed] = Slot()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._sinks = [SinkThread(sink, self.stats, live=self.live) for sink in sinks]
        self._verdict = "card"
        self._error: Exception | None = None
        self._done = Event()
        self._threads = [
            self._thread("capture", self._capture, self._captured.close),
            self._thread("track", self._track, self._tracked.close),
            self._thread("compose", self._compose, self._composed.close),
            self._thread("emit", self._emit, self._finish),
        ]

    def start(self) -> Self:
        """Start every thread."""
        for thread in (*(sink.thread for sink in self._sinks), *self._threads):
            thread.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.stop()

    def use(self, recipe: Recipe) -> None:
        """Take ``recipe`` from the next frame on."""
        self.recipe = recipe

    def set_switches(self, switches: Switches) -> None:
        """Follow ``switches`` from the next frame on; pausing and hiding the real face work at once."""
        self.switches = switches
        self._source.rotate(switches.settings.rotate)

    def calibrate(self) -> None:
        """Take the next frame as the neutral reference, and forget what was learned about the driver."""
        self._orders.put(lambda: self._compositor.forget(self.recipe, calibrate=True))

    @property
    def learned(self) -> bool:
        """Whether the neutral reference of an animator stands."""
        return self._compositor.reference.learned

    def seek(self, on: bool) -> None:
        """Start or stop looking for a better reference by itself."""
        self._orders.put(lambda: setattr(self._compositor.reference, "seeking", on))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until everything is written; false when ``timeout`` seconds pass. Raises what ended it."""
        if not self._done.wait(timeout):
            return False
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._join((sink.thread for sink in self._sinks), deadline):
            return False
        self._raise()
        return True

    def stop(self, timeout: float = 0.9, finish: float = 5.0) -> None:
        """Stop every thread and close everything.

        A step that blocks is left behind after ``timeout`` seconds; sinks get ``finish`` more to end files.
        """
        deadline = time.monotonic() + timeout
        self._source.stop()
        for slot in (self._captured, self._tracked, self._composed):
            slot.close()
        self._join(self._threads, deadline)
        if self._threads[-1].ident is None:  # Ctrl-C came while they were started
            self._finish()
        self._join((sink.thread for sink in self._sinks), time.monotonic() + finish)

    def settle(self, timeout: float) -> bool:
        """Wait for steps that ``stop`` left behind: a program that ends inside a network is aborted."""
        return self._join(self._threads, time.monotonic() + timeout)

    @property
    def sinks(self) -> dict[str, Exception | None]:
        """Where each output goes, and what broke it."""
        return {sink.where: sink.error for sink in self._sinks}

    def status(self) -> PipelineStatus:
        """Return what is going on."""
        recipe, switches = self.recipe, self.switches
        inner = self._captured.dropped + self._tracked.dropped + self._composed.dropped
        return PipelineStatus(
            persona=recipe.name,
            mode=recipe.persona.mode.value if recipe.persona else Mode.swap.value,
            paused=switches.paused,
            reveal=switches.reveal,
            verdict=self._verdict,
            why=self._gate.why,
            source=self._source.why or ("no source" if self._source.gone else "ok"),
            sinks={where: str(error or "ok") for where, error in self.sinks.items()},
            drops=inner + max((sink.dropped for sink in self._sinks), default=0),
            reference=self._compositor.reference.score,
            seeking=self._compositor.reference.seeking,
            stats=self.stats.snapshot(),
            upside_down=self.upright.upside_down,
        )

    def _thread(self, name: str, step: Callable[[], None], after: Callable[[], None]) -> Thread:
        return Thread(target=self._guarded, args=(name, step, after), name=f"visard {name}", daemon=True)

    def _guarded(self, name: str, step: Callable[[], None], after: Callable[[], None]) -> None:
        """Run one step to its end, then tell the next; a bug in a step ends the pipeline."""
        try:
            step()
        except Closed:
            pass
        except Exception as error:  # the thread's last chance to say what happened
            self._fail(name, error)
        finally:
            after()

    def _fail(self, name: str, error: Exception) -> None:
        if not isinstance(error, VisardError):
            log.error("the %s step stopped", name, exc_info=error)
            cause, error = error, VisardError(f"the {name} step stopped ({type(error).__name__}: {error})")
            error.__cause__ = cause
        self._error = self._error or error
        self._source.stop()
        for slot in (self._captured, self._tracked, self._composed):
            slot.close()

    def _finish(self) -> None:
        for sink in self._sinks:
            sink.close()
        self._source.stop()
        self._done.set()

    def _capture(self) -> None:
        pass_on = self._captured.put if self.live else self._captured.hand
        for frame in self._source.frames():
            self._seen(frame.image)
            pass_on(frame)

    def _track(self) -> None:
        pass_on = self._tracked.put if self.live else self._tracked.hand
        tracker, openings, paused = self._new_tracker(followed(self.switches)), 1, False
        cuts = SceneCuts()
        self._captured.dropped = 0  # what came while the networks were loading is no sign of slowness
        while (frame := self._captured.take()) is not None:
            switches = self.switches
            tracker.max_faces = followed(switches)
            if openings != self._source.openings:
                openings = self._source.openings
                self._orders.put(lambda: self._compositor.forget(self.recipe, calibrate=False))
                tracker.forget()
                self.upright.forget()
            cut = not self.live and cuts(frame.image)  # a camera shows one scene only
            if cut or (paused and not switches.paused):
                tracker.forget()
            paused = switches.paused
            now = self._time(frame)
            with self.heartbeat.beat("track"):
                sighting = None if paused else self._look(tracker, frame, now)
            if sighting:
                self.upright(sighting, now)
            pass_on(_Tracked(frame, sighting, now, cut))

    def _look(self, tracker: Tracking, frame: Frame, now: float) -> Sighting:
        with frame.span("track"):
            try:
                return tracker.update(frame.image, now)
            except Exception as error:  # the guard treats it as a face that was lost
                if self.stats.failed("track", error):
                    log.error("tracking failed, the guard stands in: %s: %s", type(error).__name__, error)
                return Sighting(())

    def _compose(self) -> None:
        pass_on = self._composed.put if self.live else self._composed.hand
        while (item := self._tracked.take()) is not None:
            with suppress(Empty):
                while True:
                    self._orders.get_nowait()()
            if item.cut:
                self._compositor.cut()
            with self.heartbeat.beat("compose"):
                made = self._compositor(item.frame, item.sighting, self.recipe, self.switches, item.now)
            made.cut = item.cut
            pass_on(made)

    def _emit(self) -> None:
        while True:
            made = self._composed.take(self._patience())
            late = made is None and self._late()
            if made is None and not late:
                made = self._composed.take(0)  # what was at work may have come this very moment
            self._clear(made, late=late)

    def _late(self) -> bool:
        """Whether a frame is still being worked on, by steps none of which has failed."""
        at_work = self._captured.busy or self._tracked.busy
        return at_work and all(seconds < GIVE_UP for seconds in self.heartbeat.busy().values())

    def _patience(self) -> float | None:
        """Return the seconds after which a picture goes out although nothing new came."""
        if not self.live:
            return None
        resting = self._source.presence is Presence.resting
        return RESTING if resting else REPEAT_AFTER / max(self._source.format.fps, 1)

    def _clear(self, made: Composed | None, *, late: bool) -> None:
        """Ask the guard and send what it clears to every sink that still works."""
        recipe, switches = self.recipe, self.switches
        start = time.perf_counter()
        now = self._time(made.frame) if made and not self.live else start
        known = facts(recipe, switches, self._source, made, late=late)
        cleared = self._gate.clear(known, made, now, words(recipe, switches, self._source))
        self._verdict = cleared.verdict.value
        if made:
            made.frame.trace["guard"] = time.perf_counter() - start
            self.stats.cleared(made.frame, cleared.verdict, self._gate.why, cleared.faces)
        alive = [sink.send(cleared) for sink in self._sinks]
        if not any(alive):
            raise self._broken()

    def _time(self, frame: Frame) -> float:
        """Return when the frame was taken: by the clock, or by its place in a file."""
        return frame.captured if self.live else frame.index / self._source.format.fps

    def _broken(self) -> SinkError:
        reasons = "; ".join(f"{sink.where}: {sink.error}" for sink in self._sinks)
        return SinkError(f"no output is left ({reasons})")

    def _join(self, threads: Iterable[Thread], deadline: float | None) -> bool:
        """Wait for threads that were started; false when time ran out."""
        for thread in threads:
            if thread.ident is not None:
                thread.join(None if deadline is None else max(deadline - time.monotonic(), 0))
                if thread.is_alive():
                    return False
        return True

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
        if all(sink.error for sink in self._sinks):
            raise self._broken()
