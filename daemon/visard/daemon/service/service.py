"""The running Visard: does what the control API asks, and tells how things are. Any thread."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, RLock
from typing import Any

from visard.daemon.api.engines import EnginesInfo
from visard.daemon.api.schema import (
    CameraInfo,
    EnrolmentInfo,
    Job,
    Status,
)
from visard.daemon.config import enrolment, paths
from visard.daemon.config.file import Config, ConfigFile
from visard.daemon.config.settings import Mode, reveals, weaknesses
from visard.daemon.diagnostics import engine_report
from visard.daemon.errors import ConfigError, PersonaUnknown, VisardError
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona, candidates, mode_for
from visard.daemon.pipeline import tuning
from visard.daemon.pipeline.recipe import Switches
from visard.daemon.service import descriptors, memory, snapshot
from visard.daemon.service.controller import Controller
from visard.daemon.service.enrolment import Enrolment
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.live import OpenedSinks, PreviewStreams
from visard.daemon.service.model_files import ModelFiles
from visard.daemon.service.persona_commands import PersonaCommands
from visard.daemon.service.persona_index import PersonaIndex
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.service.trainings import Trainings
from visard.daemon.service.trials import Trials
from visard.daemon.service.tunings import Tunings
from visard.daemon.sources._cameras import CameraDevice, list_cameras
from visard.daemon.sources._select import SourceSelector

log = logging.getLogger(__name__)

NONE_THERE = "there is no persona; add one from a picture"


class Service(PersonaCommands):
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
        self.trials = Trials(self._jobs, self._keep)
        self.tunings = Tunings(self._jobs, library, self._camera_jpegs, self._put_correction)
        self.models = ModelFiles(self._jobs, lambda: self.config().models_mirror)
        """Models that others publish."""
        self.trainings = Trainings(paths.trainings)
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
        tuning.sweep()
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
        self.tunings.close()
        self.trials.close()
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
            self._controller,
            self._prepared,
            self._jobs.all(),
            self.personas(),
            self.config(),
            self.tunings.all(),
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
        with self._lock:  # two steps at once are two steps
            wanted = self._controller.wanted
            current = wanted[0] if wanted else self._controller.recipe.name
            names = self._index.usable(current)
            if not names:
                raise PersonaUnknown(NONE_THERE)
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

    def enrolment(self) -> EnrolmentInfo:
        """Return whether the driver is enrolled."""
        return self._enrolment.info()

    def enrol(self, path: Path | None = None) -> Job:
        """Begin to learn what the driver looks like, from the camera or from a photo or clip."""
        return self._enrolment.start(path)

    def forget_enrolment(self) -> None:
        """Forget what the driver looks like."""
        self._enrolment.forget()

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
