"""The daemon's heart: does what the control API asks, and tells how things are. Any thread."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import RLock
from typing import Any

from visard.daemon.api.engines import EnginesInfo
from visard.daemon.api.schema import CameraInfo, GuardStatus, Job, PersonaInfo, Status
from visard.daemon.config import paths
from visard.daemon.config.file import Config, ConfigFile
from visard.daemon.config.settings import Mode
from visard.daemon.diagnostics import engine_report
from visard.daemon.errors import ConfigError, PersonaUnknown
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.personas.library import Library
from visard.daemon.personas.record import Consent
from visard.daemon.service import memory, snapshot
from visard.daemon.service.controller import Controller
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.live import PreviewStreams
from visard.daemon.service.persona_index import PersonaIndex, info, thumbnail
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.sources._cameras import CameraDevice, list_cameras
from visard.daemon.sources._select import SourceSelector

log = logging.getLogger(__name__)

NONE_THERE = "there is no persona; add one from a picture"


class Service:
    """A running Visard. Every method returns at once unless its text says otherwise; raises VisardError."""

    def __init__(self, config: ConfigFile, library: Library, supply: SourceSelector | None = None) -> None:
        memory.few_heaps()
        self.result = JpegStream(self._looked)
        """What goes out, as JPEG. Looking at it counts as watching."""
        self.driver = JpegStream(self._looked)
        """What the camera sees, as JPEG: for this computer's own preview page and nothing else."""
        self._file = config
        self._library = library
        self._catalogue = PersonaIndex(library)
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._unwatch: Callable[[], None] = lambda: None
        self._lock = RLock()
        self._wardrobe = PreparedPersonas(library, self._changed)
        self._jobs = Jobs(self._changed)
        supply = supply or SourceSelector(paths.data() / "last-camera", self._cameras)
        self._show = Controller(
            config.config, supply, PreviewStreams(self.result, self.driver), self._wardrobe, self._changed
        )

    def start(self) -> None:
        """Begin, and put the configured persona on; what takes long happens on threads."""
        self._unwatch = engine_report.watch(self._changed)
        self._show.start()
        config, names = self.config(), self._catalogue.usable()
        first = config.persona or next(iter(names), None)
        if first is None:
            self._show.trouble("no-persona", NONE_THERE)
        else:
            self._show.wear(first, config.mode)
            self._wardrobe.stock(names, config.mode)

    def stop(self) -> None:
        """Stop everything in under a second."""
        self._unwatch()
        self._wardrobe.close()
        self._show.stop()
        self.result.close()
        self.driver.close()

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have ``changed`` called, on any thread, whenever the status changed; return what ends that."""
        with self._lock:
            self._listeners = (*self._listeners, changed)

        def leave() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not changed)

        return leave

    def healthy(self) -> bool:
        """Whether no step of the pipeline hangs."""
        return self._show.healthy()

    def status(self) -> Status:
        """Return the whole snapshot."""
        show, config = self._show, self.config()
        stage, recipe, wanted, wanting = show.stage, show.recipe, show.wanted, show.attention.wanting
        running = stage.pipeline.status()
        working = engine_report.serving()
        problems = snapshot.problems(
            stage, show.supply, [*show.troubles.values(), *snapshot.demotions(working)]
        )
        return Status(
            version=snapshot.version(),
            pid=os.getpid(),
            state=snapshot.state(recipe, stage, problems, running.stats.frames),
            persona=recipe.persona,
            wanted=wanted[0] if wanted else None,
            mode=recipe.mode,
            paused=recipe.paused,
            revealed=recipe.reveal,
            watched=wanting.watched,
            guard=GuardStatus(verdict=running.verdict, why=running.why),
            camera=snapshot.camera(config.camera, stage, show.supply),
            output=snapshot.output(stage, wanting.readers),
            personas=tuple(self.personas()),
            engines=working,
            jobs=(
                *snapshot.preparing(wanted, self._wardrobe),
                *snapshot.compiling(working),
                *self._jobs.all(),
            ),
            problems=problems,
            numbers=snapshot.numbers(running.stats, running.drops, still=stage.intake.gone),
            reference=running.reference,
            seeking=running.seeking,
            settings=config,
        )

    def wear(self, name: str, mode: Mode | None = None) -> None:
        """Put a persona on: within two frames if it is prepared, else as soon as it is."""
        name = self._library.get(name).name
        self._show.wear(name, mode or self.config().mode)
        before = self.config().mode
        self._remember(persona=name, **({} if mode is None else {"mode": mode.value}))
        self._restock(before)

    def step(self, by: int) -> None:
        """Put on the persona that many places further on in the library."""
        names = self._catalogue.usable()
        if not names:
            raise PersonaUnknown(NONE_THERE)
        with self._lock:  # two steps at once are two steps
            wanted = self._show.wanted
            current = wanted[0] if wanted else self._show.recipe.persona
            self.wear(names[(names.index(current) + by) % len(names)] if current in names else names[0])

    def pause(self) -> None:
        """Show the card, and after a while let go of the camera."""
        self._show.use(paused=True, reveal=False)
        self._remember(paused=True)

    def resume(self) -> None:
        """Show the persona: neither the card nor the real face."""
        self._show.use(paused=False, reveal=False)
        self._remember(paused=False)

    def reveal(self, on: bool) -> None:
        """Show the real face, or the persona again; never remembered over a restart."""
        if on:
            self._show.use(reveal=True, paused=False)
        else:
            self._show.use(reveal=False, paused=self.config().paused)

    def calibrate(self) -> None:
        """Take the next frame as the driver's neutral look."""
        self._show.stage.pipeline.calibrate()

    def config(self) -> Config:
        """Return the present configuration."""
        return self._file.config

    def change(self, changes: Mapping[str, Any]) -> Config:
        """Change settings (None: back to the default), persist and apply them; raises ConfigError."""
        if isinstance(name := changes.get("persona"), str):
            changes = {**changes, "persona": self._library.get(name).name}
        with self._lock:
            before, after = self.config(), self._file.change(changes)
            self._show.apply(after)
        if after.paused != before.paused:
            self._show.use(paused=after.paused, reveal=False)
        if after.persona is not None and (after.persona, after.mode) != (before.persona, before.mode):
            self._show.wear(after.persona, after.mode)
        self._restock(before.mode)
        return after

    def cameras(self) -> list[CameraInfo]:
        """Return the cameras of this machine."""
        chosen = self.config().camera.removeprefix("camera:")
        return [
            CameraInfo(
                id=camera.stable_id,
                name=camera.name,
                path=camera.path,
                busy=camera.busy and camera.path != self._show.supply.path,
                chosen=camera.is_called(chosen) or chosen in (camera.name, camera.path),
            )
            for camera in self._cameras()
        ]

    def engines(self) -> EnginesInfo:
        """Return everything about engines; the first time takes as long as their libraries take to load."""
        return engine_report.everything()

    def _cameras(self) -> list[CameraDevice]:
        """Return the cameras, but not the one that goes out."""
        return list_cameras(self.config().output.removeprefix("camera").removeprefix(":"))

    def personas(self) -> list[PersonaInfo]:
        """Return the library."""
        mode = self._show.recipe.mode
        return [
            known.model_copy(update={"ready": self._wardrobe.has(known.name, mode)})
            for known in self._catalogue.infos()
        ]

    def persona(self, name: str) -> PersonaInfo:
        """Return one entry of the library; raises PersonaUnknown."""
        entry = self._library.find(name) or self._library.get(name)
        return info(entry)

    def thumbnail(self, name: str) -> bytes:
        """Return a JPEG of at most 256 pixels."""
        return thumbnail(self._library.get(name))

    def add_persona(self, path: Path, name: str, consent: Consent, title: str | None) -> PersonaInfo:
        """Make a persona from a photo; takes a second or so."""
        return self._new(self._library.add(path, name, consent, title).name)

    def generate_persona(self, seed: int | None, name: str | None) -> Job:
        """Begin to draw a person who does not exist."""

        def work() -> str:
            from visard.daemon.personas.generator import open_generator

            return self._new(self._library.generate(open_generator(), seed, name).name).name

        return self._jobs.start("drawing a person who does not exist", work)

    def rename_persona(self, name: str, new: str) -> PersonaInfo:
        """Give a persona another name, and go on wearing it."""
        old = self._library.get(name).name
        renamed = self._library.rename(old, new).name
        self._wardrobe.drop(old)
        if self._show.recipe.persona == old:
            self.wear(renamed)
        return self._new(renamed)

    def remove_persona(self, name: str, *, forever: bool = False) -> None:
        """Take a persona out of the library; one that is worn stays on until another is."""
        found = self._library.find(name) or self._library.get(name)
        self._library.remove(found.name, forever=forever)
        self._wardrobe.drop(found.name)
        if self.config().persona == found.name:
            self._remember(persona=None)
        self._changed()

    def restore_persona(self, name: str) -> PersonaInfo:
        """Bring back a persona that was removed."""
        return self._new(self._library.restore(name).name)

    def _new(self, name: str) -> PersonaInfo:
        self._wardrobe.stock([name], self.config().mode)
        self._changed()
        return self.persona(name)

    def _restock(self, before: Mode) -> None:
        """Prepare everybody for another mode than before."""
        if self.config().mode is not before:
            self._wardrobe.stock(self._catalogue.usable(), self.config().mode)

    def _remember(self, **changes: Any) -> None:
        """Persist what was already done; a full disk must not keep anybody from pausing."""
        try:
            with self._lock:
                self._show.apply(self._file.change(changes))
        except ConfigError as error:
            log.error("%s", error)
            self._show.trouble("not-saved", str(error), blocking=False)
        else:
            self._show.trouble("not-saved", "")

    def _looked(self, _count: int) -> None:
        self._show.attention.update(lookers=self.result.lookers + self.driver.lookers)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
