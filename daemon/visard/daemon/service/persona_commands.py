"""What a running Visard does to the library of personas, and what is tried before it is added. Any thread."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from visard.daemon.api.persona_client import ADD_TIMEOUT
from visard.daemon.api.requests import NewPersona, PhotoChange, TrialPersona
from visard.daemon.api.schema import Job, PersonaInfo, ProcessorInfo
from visard.daemon.api.trials import RemovedInfo, Trial
from visard.daemon.config.file import Config
from visard.daemon.errors import PersonaError, TuningError
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.personas.describe import describe
from visard.daemon.personas.entry_files import is_model
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import time_limit, typed_options
from visard.daemon.pipeline.photos import examined
from visard.daemon.pipeline.sample import sample
from visard.daemon.service import snapshot
from visard.daemon.service.camera_pictures import camera_jpegs, camera_photo, check_awake
from visard.daemon.service.controller import Controller
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.persona_index import PersonaIndex, info, jpeg, thumbnail
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.service.trials import Trials
from visard.daemon.service.tuning_child import Jpegs
from visard.daemon.service.tunings import Tunings
from visard.models.photo.faces import LONGEST
from visard.models.picture_file import read_picture
from visard.models.processor import Report

if TYPE_CHECKING:
    from visard.models.portrait import Portrait
    from visard.models.swap.mesh.correction import Correction

ADD_LIMIT = ADD_TIMEOUT - 30
"""Seconds for adding a persona, so that whoever asked hears why it was given up."""


class PersonaCommands:
    """The part of a service that looks after personas; the attributes are the service's own."""

    driver: JpegStream
    trials: Trials
    """Faces that are tried before they are added."""
    tunings: Tunings
    """Personas that are tuned."""
    _library: Library
    _index: PersonaIndex
    _prepared: PreparedPersonas
    _controller: Controller
    _jobs: Jobs
    _over: Event
    config: Callable[[], Config]
    switch_persona: Callable[..., None]
    _remember: Callable[..., None]
    _changed: Callable[[], None]

    def personas(self) -> list[PersonaInfo]:
        """Return the library."""
        mode = self.config().mode
        return [
            known.model_copy(update={"ready": self._prepared.has(known.name, mode)})
            for known in self._index.infos()
        ]

    def persona(self, name: str) -> PersonaInfo:
        """Return one entry of the library; raises PersonaUnknown."""
        return info(self._library.entry(name))

    def thumbnail(self, name: str) -> bytes:
        """Return a JPEG of at most 256 pixels."""
        return thumbnail(self._library.get(name))

    def add_persona(self, wanted: NewPersona) -> PersonaInfo:
        """Make a persona from photos, in some seconds, or from a trained model, in up to ADD_LIMIT."""
        path, more = Path(wanted.path), [Path(each) for each in wanted.more]
        report = time_limit(ADD_LIMIT, self._over.is_set)
        if is_model(path):
            added = self._library.add(
                path,
                wanted.name,
                wanted.consent,
                wanted.title,
                processor=wanted.processor,
                options=wanted.options,
                picture=Path(wanted.picture) if wanted.picture else None,
                sample=partial(sample, report=report),
            )
            return self._new(added.name)
        return self._keep(examined([path, *more], wanted.face, wanted.at, report), wanted)

    def change_photos(self, name: str, wanted: PhotoChange) -> PersonaInfo:
        """Add photos to a persona, or take some away; it goes on as it was until that is ready."""
        report = time_limit(ADD_LIMIT, self._over.is_set)
        portraits = examined(list(map(Path, wanted.add)), wanted.face, wanted.at, report)
        changed = self._library.change_photos(name, portraits, wanted.remove, wanted.first).name
        self._anew(changed)
        return self._new(changed)

    def photo(self, name: str, number: int) -> bytes:
        """Return a photo of a persona, the first being 1, as JPEG."""
        persona = self._library.get(name)
        if not 1 <= number <= len(persona.photos):
            raise PersonaError(f"{persona.name} has no photo {number}; it has {len(persona.photos)}")
        return jpeg(read_picture(persona.photos[number - 1], LONGEST))

    def try_camera(self) -> Trial:
        """Begin a trial with what the camera sees: the best picture of the next second."""
        return self.trials.start(camera_photo(self._controller, self.driver))

    def _keep(self, portraits: "Sequence[Portrait]", wanted: NewPersona | TrialPersona) -> PersonaInfo:
        added = self._library.add_portraits(
            portraits,
            wanted.name,
            wanted.consent,
            wanted.title,
            processor=wanted.processor,
            options=wanted.options,
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
        """Give up preparing the persona that somebody waits for, tuning, or work on a model.

        Raises PersonaError.
        """
        if self._jobs.cancel(job):
            return
        if job != snapshot.PREPARING or self._controller.wanted is None:
            raise PersonaError(
                f"job {job} cannot be given up; only preparing or tuning a persona and work on models can"
            )
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

    def rename_persona(self, name: str, new: str | None, title: str | None = None) -> PersonaInfo:
        """Change what people see of a persona and, where a folder can have it, its name; it stays on."""
        old = self._library.get(name).name
        renamed = self._library.rename(old, new, title).name
        if renamed != old:
            worn = self._controller.recipe.name == old
            self._prepared.drop(old)
            if worn:
                self.switch_persona(renamed)
        return self._new(renamed)

    def hide_persona(self, name: str, hidden: bool) -> PersonaInfo:
        """Leave a persona out where personas are chosen, or show it again; one that is worn stays on."""
        kept = self._library.hide(name, hidden).name
        self._changed()
        return self.persona(kept)

    def put_tuned(self, name: str, on: bool) -> PersonaInfo:
        """Let a persona look as it was tuned, or as before; it goes on as it was until that is ready."""
        changed = self._library.put_tuned(name, on).name
        self._anew(changed)
        return self._new(changed)

    def _put_correction(self, name: str, correction: "Correction") -> None:
        """Put on what tuning found."""
        changed = self._library.keep_correction(name, correction).name
        self._anew(changed)
        self._new(changed)

    def _camera_jpegs(self) -> Jpegs:
        """Return what the camera sees; raises TuningError, also while it is read."""
        check_awake(self._controller, TuningError)
        return camera_jpegs(self._controller, self.driver, TuningError)

    def move_persona(self, name: str, before: str | None) -> None:
        """Put a persona before another one in the library, or last."""
        self._library.move(name, before)
        self._changed()

    def remove_persona(self, name: str, *, forever: bool = False) -> None:
        """Take a persona out of the library; one that is worn stays on until another is."""
        found = self._library.entry(name)
        self._library.remove(found.name, forever=forever)
        self._prepared.drop(found.name)
        if self.config().persona == found.name:
            self._remember(persona=None)
        self._changed()

    def restore_persona(self, name: str) -> PersonaInfo:
        """Bring back a persona, or a photo of one, that was removed."""
        back = self._library.restore(name).name
        self._anew(back)
        return self._new(back)

    def removed(self) -> list[RemovedInfo]:
        """Return what lies in the bin, the newest last."""
        return [
            RemovedInfo(name=item.name, title=item.title, removed=item.when, photo=item.photo)
            for item in self._library.removed()
        ]

    def empty_bin(self) -> None:
        """Delete for good what lies in the bin."""
        self._library.empty_bin()
        self._changed()

    def _anew(self, name: str) -> None:
        """Prepare a persona anew whose files are others now; where it is on, it stays as it is until then."""
        self._prepared.drop(name)
        worn = self._controller.recipe.persona
        if worn is not None and worn.name == name:
            self._controller.switch_persona(name, worn.mode)

    def _new(self, name: str) -> PersonaInfo:
        if name in self._index.photos():
            self._prepared.stock([name], self.config().mode)
        self._changed()
        return self.persona(name)
