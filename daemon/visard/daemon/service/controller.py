"""What runs: the stage, the persona that is on it, its camera, and whether anybody watches."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event, RLock, Thread
from typing import Any

from visard.daemon.api.schema import Problem
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode
from visard.daemon.devices.hotplug import Hotplug
from visard.daemon.errors import VisardError
from visard.daemon.media.frame import Format
from visard.daemon.pipeline.recipe import Fade, Recipe
from visard.daemon.service.idle import Demand, IdleMonitor
from visard.daemon.service.live import LivePipeline, PreviewStreams
from visard.daemon.service.memory import give_back
from visard.daemon.service.prepared import Key, PreparedPersonas
from visard.daemon.sources._select import AUTO, SourceSelector

log = logging.getLogger(__name__)

STUCK = 45.0
"""Seconds that a step may work on one frame before it counts as hung."""
AGAIN = 1.0
"""Seconds before a pipeline that broke is built anew."""


class Controller:
    """Any thread. ``changed`` is called after whatever a client would want to know."""

    def __init__(
        self,
        config: Config,
        supply: SourceSelector,
        views: PreviewStreams,
        wardrobe: PreparedPersonas,
        changed: Callable[[], None],
    ) -> None:
        self.supply = supply
        self.wanted: Key | None = None
        """The persona that goes on when it is prepared."""
        self.troubles: dict[str, Problem] = {}
        self.attention = IdleMonitor(self._wake, self._sleep, wanting=Demand(readers=0))
        self._config = config
        self._views = views
        self._wardrobe = wardrobe
        self._changed = changed
        self._lock = RLock()
        self._ending = Event()
        self._plugs: Hotplug | None = None
        self.stage = self._build(Recipe(settings=config, paused=config.paused, mode=config.mode))

    @property
    def recipe(self) -> Recipe:
        """What is made of the frames now."""
        return self.stage.pipeline.recipe

    def start(self) -> None:
        """Begin: with the card, and asleep until somebody watches."""
        self._begin()
        self._plugs = Hotplug(self._plugged)
        self.attention.update(always=self._config.always_on, paused=self._config.paused)

    def stop(self) -> None:
        """Stop everything in well under a second."""
        self._ending.set()
        self.attention.close()
        if self._plugs is not None:
            self._plugs.close()
        self.stage.stop()

    def healthy(self) -> bool:
        """Whether no step of the pipeline hangs."""
        return all(seconds < STUCK for seconds in self.stage.pipeline.pulse.busy().values())

    def use(self, **changes: Any) -> None:
        """Change the recipe between two frames."""
        with self._lock:
            recipe = replace(self.recipe, **changes)
            self.stage.pipeline.use(recipe)
        self.attention.update(paused=recipe.paused)
        self._changed()

    def wear(self, name: str, mode: Mode) -> None:
        """Put a persona on: now if it is prepared, else when it is; the old one goes on until then."""
        with self._lock:
            self.wanted = name, mode
        ready = self._wardrobe.get(name, mode)
        if ready is None:
            self._wardrobe.order(name, mode, lambda made: self._prepared((name, mode), made))
            self._changed()
        else:
            self._prepared((name, mode), ready)

    def apply(self, after: Config) -> None:
        """Follow a configuration that was changed."""
        with self._lock:
            before, self._config = self._config, after
            self.use(settings=after)
            if self.stage.fits != (Format(after.width, after.height, after.fps), after.output):
                self._rebuild()
            elif before.camera != after.camera and self.attention.awake:
                self.stage.wake(after.camera)
        self.attention.update(always=after.always_on)
        self._changed()

    def trouble(self, code: str, message: str, *, blocking: bool = True) -> None:
        """Tell of a problem; an empty message says that it is over."""
        if message:
            self.troubles[code] = Problem(code=code, message=message, blocking=blocking)
        else:
            self.troubles.pop(code, None)
        self._changed()

    def _prepared(self, key: Key, made: Recipe | Exception) -> None:
        with self._lock:
            if self.wanted != key:
                return  # another was asked for meanwhile
            self.wanted = None
            if isinstance(made, Recipe):
                self._put_on(made)
        bad = isinstance(made, Exception)
        self.trouble(
            "persona-unusable",
            f"{key[0]} cannot be put on: {made}" if bad else "",
            blocking=not self.recipe.covers,
        )

    def _put_on(self, made: Recipe) -> None:
        old, seconds = replace(self.recipe, fade=None), self._config.crossfade
        fade = Fade(old, time.perf_counter(), seconds) if seconds and old.covers else None
        worn = {name: getattr(made, name) for name in ("persona", "swap", "animation", "still", "mode")}
        self.use(**worn, fade=fade)

    def _build(self, recipe: Recipe) -> LivePipeline:
        return LivePipeline(self._config, recipe, self.supply, self._views, self._read_by)

    def _begin(self) -> None:
        """Start the stage, and mind it."""
        self.stage.pipeline.start()
        Thread(target=self._mind, args=(self.stage,), name="visard mind", daemon=True).start()

    def _mind(self, stage: LivePipeline) -> None:
        """Build a pipeline that broke anew; nothing but a card can be seen meanwhile."""
        try:
            stage.pipeline.wait()
            why = "the pipeline ended"
        except VisardError as error:
            why = str(error)
        if self._ending.is_set() or stage is not self.stage:
            return
        log.error("%s; starting it again", why)
        if not self._ending.wait(AGAIN):
            with self._lock:
                if stage is self.stage:
                    self._rebuild()

    def _rebuild(self) -> None:
        """Put another stage in the place of this one, with the same recipe."""
        old, self.stage = self.stage, self._build(self.recipe)
        old.stop()
        self.attention.update(readers=0)
        self._begin()
        if self.attention.awake:
            self._wake()
        give_back()

    def _wake(self) -> None:
        self.stage.wake(self._config.camera)
        self._changed()

    def _sleep(self) -> None:
        self.stage.sleep()
        give_back()
        self._changed()

    def _read_by(self, readers: int | None) -> None:
        self.attention.update(readers=readers)
        self._changed()

    def _plugged(self) -> None:
        """Devices came or went: a camera replaces the demo driver."""
        with self._lock:
            self.stage.plugged()
            replaced = self.supply.demo and self._config.camera == AUTO and self.supply.any_camera()
            if replaced and self.attention.awake:
                self._wake()
        self._changed()
