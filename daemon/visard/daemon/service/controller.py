"""What runs: the live pipeline, the persona that is on, its camera, and whether anybody watches."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Lock, RLock, Thread
from typing import Any

from visard.daemon.api.schema import Problem
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode, Settings
from visard.daemon.devices.hotplug import Hotplug
from visard.daemon.errors import VisardError
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.recipe import Fade, Recipe, Switches
from visard.daemon.service import descriptors
from visard.daemon.service.idle import Demand, IdleMonitor
from visard.daemon.service.live import LivePipeline, OpenedSinks, PreviewStreams
from visard.daemon.service.memory import give_back
from visard.daemon.service.prepared import Key, PreparedPersonas
from visard.daemon.sources._select import AUTO, SourceSelector
from visard.engines.errors import Cancelled

log = logging.getLogger(__name__)

STUCK = 45.0
"""Seconds that a step may work on one frame before it counts as hung."""
AGAIN = 1.0
"""Seconds before a pipeline that broke is built anew, or a persona prepared that lacked descriptors."""


class Controller:
    """Any thread. ``changed`` is called after whatever a client would want to know."""

    def __init__(
        self,
        config: Config,
        selector: SourceSelector,
        views: PreviewStreams,
        prepared: PreparedPersonas,
        changed: Callable[[], None],
        opened: OpenedSinks | None = None,
    ) -> None:
        self.selector = selector
        self.wanted: Key | None = None
        """The persona that goes on when it is prepared."""
        self._failure: Exception | None = None
        """Why the persona that was asked for last could not be prepared."""
        self.troubles: dict[str, Problem] = {}
        self.idle = IdleMonitor(self._wake, self._sleep, demand=Demand(readers=0))
        self._config = config
        self._views = views
        self._opened = opened
        self._prepared = prepared
        prepared.in_use = self._in_use
        self._changed = changed
        self._untold, self._telling = False, 0
        self._tell_lock = Lock()  # of its own, since anybody tells, whatever they hold
        self._lock = RLock()
        self._ending = Event()
        self._hotplug: Hotplug | None = None
        self.live = self._build(Recipe(), Switches(_settings(config), paused=config.paused))

    @property
    def recipe(self) -> Recipe:
        """What is made of the frames now."""
        return self.live.pipeline.recipe

    @property
    def switches(self) -> Switches:
        """What the person switched on."""
        return self.live.pipeline.switches

    def start(self) -> None:
        """Begin: with the card, and asleep until somebody watches; in the foreground awake."""
        self._begin()
        self._hotplug = Hotplug(self._plugged)
        if self._opened is not None:
            self.idle.update(foreground=True, readers=None)
        self.idle.update(always=self._config.always_on, paused=self._config.paused)

    def stop(self) -> None:
        """Stop everything in well under a second."""
        self._ending.set()
        self.idle.close()
        if self._hotplug is not None:
            self._hotplug.close()
        self.live.stop()

    def healthy(self) -> bool:
        """Whether no step of the pipeline hangs."""
        return all(seconds < STUCK for seconds in self.live.pipeline.heartbeat.busy().values())

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell clients once, at the end, of everything that changes inside."""
        with self._tell_lock:
            self._telling += 1
        try:
            yield
        finally:
            with self._tell_lock:
                self._telling -= 1
                tell = self._untold and not self._telling
                self._untold = self._untold and not tell
            if tell:
                self._changed()

    def tell(self) -> None:
        """Have clients told that something changed."""
        with self.telling():
            self._untold = True

    def set_switches(self, **changes: Any) -> None:
        """Change what is switched on between two frames."""
        with self._lock:
            switches = replace(self.switches, **changes)
            self.live.pipeline.set_switches(switches)
        self.idle.update(paused=switches.paused)
        self.tell()

    def show(self, config: Config) -> None:
        """Follow settings under which the driver may be recognised, until ``conceal``; nothing is kept."""
        self.set_switches(settings=_settings(config))

    def conceal(self, *, paused: bool) -> None:
        """End everything that shows the real face: *Show my real face*, and settings that reveal."""
        with self._lock:
            self.set_switches(paused=paused, reveal=False, settings=_settings(self._config))

    def switch_persona(self, name: str, mode: Mode) -> None:
        """Put a persona on: now if it is prepared, else when it is; the old one goes on until then."""
        with self.telling():
            with self._lock:
                self.wanted, self._failure = (name, mode), None
            ready = self._prepared.get(name, mode)
            if ready is None:
                self._prepared.order(name, mode, lambda made: self._made((name, mode), made))
                self.tell()
            else:
                self._made((name, mode), ready)

    def apply(self, after: Config) -> None:
        """Follow a configuration that was changed."""
        with self.telling():
            with self._lock:
                before, self._config = self._config, after
                if _settings(after) != self.switches.settings:
                    self.set_switches(settings=_settings(after))
                if not self.live.fits(after):
                    self._rebuild()
                elif before.camera != after.camera and self.idle.awake:
                    self.live.wake(after.camera)
            self.idle.update(always=after.always_on)
            self.tell()

    def trouble(self, code: str, message: str, *, blocking: bool = True) -> None:
        """Tell of a problem; an empty message says that it is over."""
        if message:
            self.troubles[code] = Problem(code=code, message=message, blocking=blocking)
        elif self.troubles.pop(code, None) is None:
            return
        self.tell()

    def _made(self, key: Key, made: PreparedPersona | Exception) -> None:
        """Take what was prepared, unless another persona was asked for meanwhile."""
        with self.telling():
            with self._lock:
                if self.wanted != key:
                    return
                self.wanted = None
                self.tell()
                if isinstance(made, PreparedPersona):
                    self._put_on(made)
                elif not isinstance(made, Cancelled):
                    self._failure = made
                failure = self._failure
            self.trouble(
                "persona-unusable",
                f"{key[0]} cannot be put on: {failure}" if failure else "",
                blocking=self.recipe.persona is None,
            )
            if failure and descriptors.caused(failure):
                Thread(target=self._try_again, args=(key, failure), name="visard again", daemon=True).start()

    def _try_again(self, key: Key, failure: Exception) -> None:
        """Put a persona on that lacked descriptors, unless another wish came meanwhile."""
        if not self._ending.wait(AGAIN):
            with self._lock:
                if self._failure is failure:
                    self.switch_persona(*key)

    def _put_on(self, made: PreparedPersona) -> None:
        old, seconds = self.recipe.persona, self._config.crossfade
        if made is not old:
            fade = Fade(old, time.perf_counter(), seconds) if seconds and old else None
            self.live.pipeline.use(Recipe(made, fade))
            self._prepared.sweep()

    def _in_use(self) -> tuple[PreparedPersona, ...]:
        persona, fade = self.recipe.persona, self.recipe.fade
        return (*((persona,) if persona else ()), *((fade.old,) if fade else ()))

    def _build(self, recipe: Recipe, switches: Switches) -> LivePipeline:
        return LivePipeline(
            self._config, recipe, switches, self.selector, self._views, self._read_by, self._opened
        )

    def _begin(self) -> None:
        """Start the pipeline, and watch over it; one with sinks of its own ends when they are broken."""
        self.live.pipeline.start()
        if self._opened is None:
            Thread(target=self._watch_over, args=(self.live,), name="visard watch", daemon=True).start()

    def _watch_over(self, live: LivePipeline) -> None:
        """Build a pipeline that broke anew; nothing but a card can be seen meanwhile."""
        try:
            live.pipeline.wait()
            why = "the pipeline ended"
        except VisardError as error:
            why = str(error)
        if self._ending.is_set() or live is not self.live:
            return
        log.error("%s; starting it again", why)
        if not self._ending.wait(AGAIN):
            with self._lock:
                if live is self.live:
                    self._rebuild()

    def _rebuild(self) -> None:
        """Put another pipeline in the place of this one, with the same persona."""
        old, self.live = self.live, self._build(self.recipe, self.switches)
        old.stop()
        self.idle.update(readers=0)
        self._begin()
        if self.idle.awake:
            self._wake()
        give_back()

    def _wake(self) -> None:
        self.live.wake(self._config.camera)
        self.tell()

    def _sleep(self) -> None:
        self.live.sleep()
        give_back()
        self.tell()

    def _read_by(self, readers: int | None) -> None:
        self.idle.update(readers=readers)
        self.tell()

    def _plugged(self) -> None:
        """Devices came or went: a camera replaces the demo driver."""
        with self._lock:
            self.live.plugged()
            replaced = self.selector.demo and self._config.camera == AUTO and self.selector.any_camera()
            if replaced and self.idle.awake:
                self._wake()
        self.tell()


def _settings(config: Config) -> Settings:
    """Return the part of a configuration that the pipeline follows."""
    return Settings(**{name: getattr(config, name) for name in Settings.model_fields})
