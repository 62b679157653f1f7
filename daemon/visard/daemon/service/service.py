"""The running Visard: does what the control API asks, and tells how things are. Any thread."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event, RLock
from typing import Any

from visard.daemon.api.client import ADD_TIMEOUT
from visard.daemon.api.engines import EnginesInfo
from visard.daemon.api.requests import NewPersona
from visard.daemon.api.schema import (
    CameraInfo,
    EnrolmentInfo,
    Job,
    PersonaInfo,
    ProcessorInfo,
    Status,
)
from visard.daemon.config import enrolment, paths
from visard.daemon.config.file import Config, ConfigFile
from visard.daemon.config.settings import Mode, reveals, weaknesses
from visard.daemon.diagnostics import engine_report
from visard.daemon.errors import ConfigError, PersonaError, PersonaUnknown, VisardError
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.personas.describe import describe
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona, candidates, mode_for, time_limit, typed_options
from visard.daemon.pipeline.recipe import Switches
from visard.daemon.pipeline.sample import sample
from visard.daemon.service import descriptors, memory, snapshot
from visard.daemon.service.controller import Controller
from visard.daemon.service.enrolment import Enrolment
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.live import OpenedSinks, PreviewStreams
from visard.daemon.service.persona_index import PersonaIndex, info, thumbnail
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.sources._cameras import CameraDevice, list_cameras
from visard.daemon.sources._select import SourceSelector
from visard.models.processor import Report

log = logging.getLogger(__name__)

ADD_LIMIT = ADD_TIMEOUT - 30
"""Seconds for adding a persona, so that whoever asked hears why it was given up."""
NONE_THERE = "there is no persona; add one from a picture"


class Service:
    """A running Visard. Every method returns at once unless its text says otherwise; raises VisardError.

    In the foreground it writes to what was ``opened`` for it, and ends when that is broken.
    """

    def __init__(
        self,
        config: ConfigFile,
        library: Library,
        selector: SourceSelector | None = None,
        opened: OpenedSinks | None = None,
    ) -> None:
        memory.few_heaps()
        descriptors.provide()
        self._over = Event()
        self.result = JpegStream(self._looked)
        """What goes out, as JPEG. Looking at it counts as watching."""
        self.driver = JpegStream(self._looked)
        """What the camera sees, as JPEG: for this computer's own preview page and nothing else."""
        self._file = config
        self._library = library
        self._index = PersonaIndex(library)
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._unwatch: Callable[[], None] = lambda: None
        self._lock = RLock()
        self._prepared = PreparedPersonas(library, self._changed, ahead=opened is None)
        self._jobs = Jobs(self._changed)
        selector = selector or SourceSelector(paths.data() / "last-camera", self._cameras)
        self._controller = Controller(
            config.config,
            selector,
            PreviewStreams(self.result, self.driver),
            self._prepared,
            self._changed,
            opened,
        )
        kept = enrolment.EnrolmentFile(paths.config() / enrolment.FILE)
        self._enrolment = Enrolment(kept, self._controller, self._jobs, self.driver)
        self._enrolment.load()

    def start(self, ready: PreparedPersona | None = None) -> None:
        """Begin, and put on who is ``ready``, else who is configured; what takes long happens on threads."""
        self._unwatch = engine_report.watch(self._changed)
        self._controller.start()
        if self._file.softened:
            used = ", ".join(f"{name} {value:.2f}" for name, value in self._file.softened.items())
            self._controller.trouble(
                "would-reveal",
                f"with the settings of the file others might recognise you; used instead: {used}",
                blocking=False,
            )
        config, names = self.config(), self._index.usable()
        first = config.persona or next(iter(names), None)
        if ready is not None:
            self._prepared.add(ready)
            self._controller.switch_persona(ready.name, ready.mode)
        elif first is None:
            self._controller.trouble("no-persona", NONE_THERE)
        else:
            self._begin_with(first, config.mode)
        self._prepared.stock(self._index.photos(), config.mode)

    def _begin_with(self, name: str, mode: Mode) -> None:
        """Put on what was on last; what is wrong with it is a problem to be shown, not the end."""
        try:
            self._controller.switch_persona(name, mode_for(self._library.get(name), mode))
        except VisardError as error:
            self._controller.trouble("persona-unusable", str(error))

    def stop(self, settle: float = 0.0) -> None:
        """Stop everything in under a second; wait ``settle`` more for steps that are still at work."""
        self._over.set()
        self._unwatch()
        self._controller.stop()
        self._controller.live.pipeline.settle(settle)
        self._prepared.close(settle)
        self.result.close()
        self.driver.close()

    def wait(self, timeout: float) -> bool:
        """Wait for the end of what was started; false when ``timeout`` seconds pass. Raises what ended it."""
        return self._controller.live.pipeline.wait(timeout)

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
        return self._controller.healthy()

    def status(self) -> Status:
        """Return the whole snapshot."""
        return snapshot.status(
            self._controller, self._prepared, self._jobs.all(), self.personas(), self.config()
        )

    def switch_persona(self, name: str, mode: Mode | None = None) -> None:
        """Put a persona on: within two frames if it is prepared, else as soon as it is.

        Without a mode it stays as it is where the persona can do that. Raises PersonaError.
        """
        persona = self._library.get(name)
        if mode is None:
            mode = mode_for(persona, self.config().mode)
        else:
            candidates(persona, mode)
        before = self.config().mode
        with self._controller.telling():
            self._remember(persona=persona.name, mode=mode.value)
            self._controller.switch_persona(persona.name, mode)
        self._restock(before)

    def step(self, by: int) -> None:
        """Put on the persona that many places further on in the library."""
        names = self._index.usable()
        if not names:
            raise PersonaUnknown(NONE_THERE)
        with self._lock:  # two steps at once are two steps
            wanted = self._controller.wanted
            current = wanted[0] if wanted else self._controller.recipe.name
            self.switch_persona(
                names[(names.index(current) + by) % len(names)] if current in names else names[0]
            )

    def reload(self) -> None:
        """Prepare the persona that is on anew, from its files; it stays on until that is done."""
        persona = self._controller.recipe.persona
        if persona is not None:
            self._prepared.drop(persona.name)
            self._controller.switch_persona(persona.name, persona.mode)

    def pause(self) -> None:
        """Show the card, and after a while let go of the camera."""
        with self._controller.telling():
            self._controller.conceal(paused=True)
            self._remember(paused=True)

    def resume(self) -> None:
        """Show the persona: neither the card nor the real face."""
        with self._controller.telling():
            self._controller.conceal(paused=False)
            self._remember(paused=False)

    def reveal(self, on: bool) -> None:
        """Show the real face, or the persona again; never remembered over a restart."""
        if on:
            self._controller.set_switches(reveal=True, paused=False)
        else:
            self._controller.conceal(paused=self.config().paused)

    def calibrate(self) -> None:
        """Take the next frame as the driver's neutral look."""
        self._controller.live.pipeline.calibrate()

    def seek(self, on: bool) -> None:
        """Start or stop looking for a better neutral look by itself."""
        self._controller.live.pipeline.seek(on)

    @property
    def switches(self) -> Switches:
        """What the person switched on."""
        return self._controller.switches

    def config(self) -> Config:
        """Return the present configuration."""
        return self._file.config

    def change(self, changes: Mapping[str, Any], *, reveal: bool = False) -> Config:
        """Change settings (None: back to the default), persist and apply them; raises ConfigError.

        Those under which the driver may be recognised only with ``reveal``, and until something hides the
        driver again; of such a request only the others are persisted.
        """
        if changes.get("paused") is True:
            self.pause()  # before anything else may fail
        if isinstance(name := changes.get("persona"), str):
            changes = {**changes, "persona": self._library.get(name).name}
        wanted = self._file.checked(changes)
        show = reveal and reveals(wanted)
        kept = {key: changes[key] for key in changes if not (show and key in weaknesses(wanted))}
        with self._controller.telling():
            with self._lock:
                before = self.config()
                after = self._file.change(kept) if kept else before
                self._controller.apply(after)
            if "paused" in kept:
                self._controller.conceal(paused=after.paused)
            if after.persona is not None and (after.persona, after.mode) != (before.persona, before.mode):
                self._controller.switch_persona(after.persona, after.mode)
            if show:
                self._controller.show(wanted)
        self._restock(before.mode)
        return wanted if show else after

    def cameras(self) -> list[CameraInfo]:
        """Return the cameras of this machine."""
        chosen = self.config().camera.removeprefix("camera:")
        return [
            CameraInfo(
                id=camera.stable_id,
                name=camera.name,
                path=camera.path,
                busy=camera.busy and camera.path != self._controller.selector.path,
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
        mode = self.config().mode
        return [
            known.model_copy(update={"ready": self._prepared.has(known.name, mode)})
            for known in self._index.infos()
        ]

    def persona(self, name: str) -> PersonaInfo:
        """Return one entry of the library; raises PersonaUnknown."""
        entry = self._library.find(name) or self._library.get(name)
        return info(entry)

    def thumbnail(self, name: str) -> bytes:
        """Return a JPEG of at most 256 pixels."""
        return thumbnail(self._library.get(name))

    def add_persona(self, wanted: NewPersona) -> PersonaInfo:
        """Make a persona from a photo, in a second or so, or from a trained model, in up to ADD_LIMIT."""
        added = self._library.add(
            Path(wanted.path),
            wanted.name,
            wanted.consent,
            wanted.title,
            processor=wanted.processor,
            options=wanted.options,
            picture=Path(wanted.picture) if wanted.picture else None,
            sample=partial(sample, report=time_limit(ADD_LIMIT, self._over.is_set)),
        )
        return self._new(added.name)

    def processors(self) -> list[ProcessorInfo]:
        """Return everything that can put a persona on."""
        return describe()

    def configure_persona(
        self, name: str, processor: str | None, options: Mapping[str, Any] | None
    ) -> PersonaInfo:
        """Choose what puts a persona on, and its options; it goes on as it was until that is ready.

        No processor: as it is. An option of None takes its default again, and None instead of options all.
        """
        before, worn = self._library.get(name), self._controller.recipe.persona
        at_work = worn.processor if worn and worn.name == before.name else None
        after = self._library.configure(name, processor, options, at_work)
        if after.record.processor != before.record.processor:
            self._prepared.drop(after.name)
        else:
            self._prepared.adjust(after.name, typed_options(after))
        if self._controller.recipe.name == after.name:
            self.switch_persona(after.name)
        self._changed()
        return self.persona(after.name)

    def cancel(self, job: int) -> None:
        """Give up what a job does: preparing the persona that somebody waits for. Raises PersonaError."""
        if job != snapshot.PREPARING or self._controller.wanted is None:
            raise PersonaError(f"job {job} cannot be given up; only preparing a persona can")
        self._prepared.cancel()

    def generate_persona(self, seed: int | None, name: str | None, *, wear: bool = False) -> Job:
        """Begin to draw a person who does not exist, to be put on when it is done if ``wear`` says so."""

        def work(_report: Report) -> str:
            from visard.daemon.personas.generator import open_generator

            made = self._new(self._library.generate(open_generator(), seed, name).name).name
            if wear:
                self.switch_persona(made)
            return made

        return self._jobs.start("drawing a person who does not exist", work)

    def enrolment(self) -> EnrolmentInfo:
        """Return whether the driver is enrolled."""
        return self._enrolment.info()

    def enrol(self, path: Path | None = None) -> Job:
        """Begin to learn what the driver looks like, from the camera or from a photo or clip."""
        return self._enrolment.start(path)

    def forget_enrolment(self) -> None:
        """Forget what the driver looks like."""
        self._enrolment.forget()

    def rename_persona(self, name: str, new: str) -> PersonaInfo:
        """Give a persona another name, and go on wearing it."""
        old = self._library.get(name).name
        renamed = self._library.rename(old, new).name
        self._prepared.drop(old)
        if self._controller.recipe.name == old:
            self.switch_persona(renamed)
        return self._new(renamed)

    def remove_persona(self, name: str, *, forever: bool = False) -> None:
        """Take a persona out of the library; one that is worn stays on until another is."""
        found = self._library.find(name) or self._library.get(name)
        self._library.remove(found.name, forever=forever)
        self._prepared.drop(found.name)
        if self.config().persona == found.name:
            self._remember(persona=None)
        self._changed()

    def restore_persona(self, name: str) -> PersonaInfo:
        """Bring back a persona that was removed."""
        return self._new(self._library.restore(name).name)

    def _new(self, name: str) -> PersonaInfo:
        if name in self._index.photos():
            self._prepared.stock([name], self.config().mode)
        self._changed()
        return self.persona(name)

    def _restock(self, before: Mode) -> None:
        """Prepare everybody for another mode than before."""
        if self.config().mode is not before:
            self._prepared.stock(self._index.photos(), self.config().mode)

    def _remember(self, **changes: Any) -> None:
        """Persist what was already done; a full disk must not keep anybody from pausing."""
        try:
            with self._lock:
                self._controller.apply(self._file.change(changes))
        except ConfigError as error:
            log.error("%s", error)
            self._controller.trouble("not-saved", str(error), blocking=False)
        else:
            self._controller.trouble("not-saved", "")

    def _looked(self, _count: int) -> None:
        self._controller.idle.update(lookers=self.result.subscribers + self.driver.subscribers)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
