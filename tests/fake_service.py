"""A service in memory: six personas, a camera, problems at will. It keeps the contract of the real one."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any

from fake_pictures import drawing, swatch
from fake_tunings import FakeTunings

from visard.daemon.api.engines import BackendInfo, EngineInfo, EnginesInfo
from visard.daemon.api.requests import NewPersona, PhotoChange, TrialPersona
from visard.daemon.api.schema import (
    CameraInfo,
    CameraState,
    CameraStatus,
    Consent,
    EnrolmentInfo,
    Faces,
    GuardStatus,
    Job,
    Numbers,
    OutputStatus,
    PersonaInfo,
    Problem,
    ProcessorInfo,
    Spread,
    State,
    Status,
)
from visard.daemon.api.trials import RemovedInfo, Trial
from visard.daemon.config.file import Config, ConfigFile
from visard.daemon.config.settings import Mode, reveals
from visard.daemon.errors import EnrolmentError, PersonaError, PersonaUnknown, PictureUnreadable
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.media.slot import Closed
from visard.daemon.personas.describe import describe
from visard.daemon.personas.library import SHIPPED
from visard.daemon.personas.names import check_title, is_name, name_for
from visard.daemon.personas.prepare import chosen, suitable
from visard.daemon.personas.record import AUTO, MAX_PHOTOS, PICTURE, Persona, PersonaKind, Record
from visard.daemon.service.enrolment import TITLE
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.model_files import ModelFiles
from visard.daemon.service.service import Service, snapshot
from visard.daemon.service.trainings import Trainings
from visard.daemon.service.trials import Trials
from visard.models.picture_file import read_picture
from visard.models.processor import Material, find_processor

NAMES = ("clara", "hanna", "marco", "nico", "robin", "walter")
CAMERA = "usb-Acme_Webcam_123-video-index0"
PROBLEMS = {
    "no-camera": Problem(code="no-camera", message="no camera is connected; the demo plays", blocking=False),
    "no-output": Problem(
        code="no-output", message="there is no virtual camera", fix="sudo modprobe v4l2loopback"
    ),
    "camera-missing": Problem(code="camera-missing", message="the camera is gone; plug it in again"),
}


class FakeService(Service):
    """Does at once what is asked; ``frames`` a second of a moving picture go to whoever looks."""

    def __init__(self, config: ConfigFile, frames: float = 10) -> None:
        # The real one's parts are not wanted here, so its own beginning is left out.
        self.result, self.driver = JpegStream(self._looked), JpegStream(self._looked)
        self.calls: list[str] = []
        self.well = True
        self.working: tuple[EngineInfo, ...] = ()
        self._file = config
        self._frames = frames
        self._listeners: list[Callable[[], None]] = []
        self._lock = RLock()
        self._over = Event()
        self._drawn = 0
        self._painter = Thread(target=self._paint, name="visard fake", daemon=True)
        self._personas = {name: _persona(name, shipped=True) for name in NAMES}
        self._bin: dict[str, PersonaInfo] = {}
        self._jobs: dict[int, Job] = {}
        self._trying = Jobs(self._changed)
        self._trying._numbers = count(1000)
        mirror = lambda: self.config().models_mirror  # noqa: E731
        self.models = ModelFiles(self._trying, mirror, _models_of(config))
        self.trials = Trials(self._trying, lambda _, wanted: self._added(wanted))
        self.trainings = Trainings(lambda: _folder_of(config) / "training")
        self.tunings: FakeTunings = FakeTunings(self._trying, self.persona, self._keep)
        self._problems: dict[str, Problem] = {}
        self._revealed = self._weak = self._asleep = self._enrolled = False
        self._preparing: Job | None = None
        self._faces = Faces(swapped=1)

    def start(self) -> None:
        self._painter.start()

    def stop(self) -> None:
        if not self._over.is_set():
            self._over.set()
            self.result.close()
            self.driver.close()
            self.trials.close()
            self.tunings.close()

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        with self._lock:
            self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def healthy(self) -> bool:
        return self.well

    # What only a test can do.

    def problem(self, code: str) -> None:
        """Let something be wrong."""
        self._problems[code] = PROBLEMS.get(code) or Problem(code=code, message=f"something: {code}")
        self._changed()

    def work_with(self, *engines: EngineInfo) -> None:
        """Let networks run on these."""
        self.working = engines
        self._changed()

    def clear(self) -> None:
        """Let nothing be wrong."""
        self._problems.clear()
        self._changed()

    def sleep(self, asleep: bool = True) -> None:
        """Let nobody watch."""
        self._asleep = asleep
        self._changed()

    def crowd(self, faces: Faces) -> None:
        """Let these be in view."""
        self._faces = faces
        self._changed()

    def prepare(self, name: str | None, progress: float = 0.0, step: str = "") -> None:
        """Let somebody wait for a persona; None: nobody."""
        job = Job(
            id=snapshot.PREPARING, title=f"preparing {name}", step=step, persona=name, progress=progress
        )
        self._preparing = job if name else None
        self._changed()

    def advance(self, number: int, progress: float | None, error: str | None = None) -> None:
        """Move a job on; 1 is its end."""
        job = self._jobs[number]
        done = progress == 1 or error is not None
        self._jobs[number] = job.model_copy(update={"progress": progress, "done": done, "error": error})
        if progress == 1 and job.persona:
            self._personas[job.persona] = _persona(job.persona, kind="generated")
        self._enrolled |= progress == 1 and job.title == TITLE
        self._changed()

    # What the control API asks.

    def status(self) -> Status:
        with self._lock:
            config = self.config()
            return Status(
                version="0.0.fake",
                pid=os.getpid(),
                state=self._state(),
                persona=self._current(),
                processor=self._processor(config),
                wanted=self._preparing.persona if self._preparing else None,
                mode=config.mode,
                paused=config.paused,
                revealed=self._revealed or self._weak,
                weak=self._weak and not self._revealed,
                enrolled=self._enrolled,
                watched=not self._asleep,
                guard=GuardStatus(verdict=self._verdict(), faces=self._in_view()),
                camera=self._camera(),
                output=OutputStatus(
                    where="/dev/video9", ok=True, width=config.width, height=config.height, fps=config.fps
                ),
                personas=tuple(self.personas()),
                engines=self.working,
                jobs=(
                    *([self._preparing] if self._preparing else []),
                    *snapshot.compiling(self.working),
                    *self._jobs.values(),
                    *self._trying.all(),
                ),
                tunings=self.tunings.all(),
                cannot_tune=self.tunings.lacking,
                problems=(*self._problems.values(), *snapshot.demotions(self.working)),
                numbers=self._numbers(),
                settings=config,
            )

    def switch_persona(self, name: str, mode: Mode | None = None) -> None:
        self._note("wear", name)
        persona = self.persona(name)
        if mode is None and persona.processor != AUTO:
            mode = Mode(find_processor(persona.processor).kind)
        self._file.change({"persona": persona.name} | ({} if mode is None else {"mode": mode.value}))
        self._changed()

    def step(self, by: int) -> None:
        with self._lock:
            known, current = self._personas.values(), self._current()
            names = [one.name for one in known if not one.hidden or one.name == current]
            self.switch_persona(names[(names.index(current) + by) % len(names)])

    def pause(self) -> None:
        self._note("pause")
        self._revealed = self._weak = False
        self.change({"paused": True})

    def resume(self) -> None:
        self._note("resume")
        self._revealed = self._weak = False
        self.change({"paused": False})

    def reveal(self, on: bool) -> None:
        self._note("reveal", on)
        self._revealed, self._weak = on, self._weak and on
        self._changed()

    def calibrate(self) -> None:
        self._note("calibrate")

    def config(self) -> Config:
        return self._file.config

    def change(self, changes: Mapping[str, Any], *, reveal: bool = False) -> Config:
        if isinstance(name := changes.get("persona"), str):
            self.persona(name)
        if reveal and reveals(wanted := self._file.checked(changes)):
            self._weak = True
            self._changed()
            return wanted
        config = self._file.change(changes)
        self._changed()
        return config

    def cameras(self) -> list[CameraInfo]:
        chosen = self.config().camera
        return [
            CameraInfo(
                id=CAMERA, name="Acme Webcam", path="/dev/video0", busy=False, chosen=chosen == CAMERA
            ),
            CameraInfo(
                id="usb-Other-0",
                name="Other Camera",
                path="/dev/video2",
                busy=True,
                chosen=chosen == "usb-Other-0",
            ),
        ]

    def engines(self) -> EnginesInfo:
        backend = BackendInfo(name="onnxruntime", available=True, version="1", precisions={"cpu": ("fp32",)})
        return EnginesInfo(
            backends=(backend, BackendInfo(name="tensorrt", available=False, reason="not installed")),
            serving=self.working,
            cached=(),
            folder="/nowhere",
            bytes=0,
            limit=1,
        )

    def personas(self) -> list[PersonaInfo]:
        with self._lock:
            return list(self._personas.values())

    def persona(self, name: str) -> PersonaInfo:
        try:
            return self._personas[name.lower()]
        except KeyError:
            raise PersonaUnknown(
                f"there is no persona {name!r}; there are: {', '.join(self._personas)}"
            ) from None

    def thumbnail(self, name: str) -> bytes:
        return swatch(list(self._personas).index(self.persona(name).name))

    def add_persona(self, wanted: NewPersona) -> PersonaInfo:
        for file in (wanted.path, *wanted.more, *([wanted.picture] if wanted.picture else [])):
            if "\0" in file or not Path(file).is_file():
                raise PictureUnreadable(f"{file!r} is missing")
        return self._added(wanted)

    def _added(self, wanted: NewPersona | TrialPersona) -> PersonaInfo:
        title = check_title(wanted.title if wanted.title is not None else wanted.name or "")
        name = wanted.name if wanted.name and is_name(wanted.name) else name_for(title, self._personas)
        self._free(name)
        added = _persona(name, title=title, consent=wanted.consent)
        return self._keep(_configured(added, wanted.processor, wanted.options or {}, None))

    def try_camera(self) -> Trial:
        return self.trials.start(read_picture(SHIPPED / "hanna" / PICTURE))

    def photo(self, name: str, number: int) -> bytes:
        known = self.persona(name)
        if not 1 <= number <= known.photos:
            raise PersonaError(f"{known.name} has no photo {number}")
        return self.thumbnail(name)

    def change_photos(self, name: str, wanted: PhotoChange) -> PersonaInfo:
        known = self._own(name)
        for file in wanted.add:
            if "\0" in file or not Path(file).is_file():
                raise PictureUnreadable(f"{file!r} is missing")
        count = known.photos - len(set(wanted.remove)) + len(wanted.add)
        if max(wanted.remove, default=0) > known.photos or not 1 <= count <= MAX_PHOTOS:
            raise PersonaError(f"{known.name} has {known.photos} photos")
        return self._keep(known.model_copy(update={"photos": count}))

    def processors(self) -> list[ProcessorInfo]:
        return describe()

    def configure_persona(
        self, name: str, processor: str | None, options: Mapping[str, Any] | None
    ) -> PersonaInfo:
        known = self.persona(name)
        at_work = self.status().processor if known.name == self._current() else None
        configured = _configured(known, processor, options, at_work)
        self._note("configure", known.name, processor, options)
        if known.name == self._current() and configured.processor != AUTO:
            self._file.change({"mode": find_processor(configured.processor).kind})
        return self._keep(configured)

    def cancel(self, job: int) -> None:
        if self._trying.cancel(job):
            return
        if job != snapshot.PREPARING or self._preparing is None:
            raise PersonaError(
                f"job {job} cannot be given up; only preparing or tuning a persona and work on models can"
            )
        self._note("cancel", job)
        self.prepare(None)

    def generate_persona(self, seed: int | None, name: str | None) -> Job:
        name = check_title(name or f"person-{seed or 7}")
        name = name if is_name(name) else name_for(name, self._personas)
        self._free(name)
        job = Job(id=len(self._jobs) + 1, title="drawing a person", persona=name, progress=0.0)
        self._jobs[job.id] = job
        self._changed()
        return job

    def enrolment(self) -> EnrolmentInfo:
        return EnrolmentInfo(enrolled=self._enrolled, views=5 * self._enrolled)

    def enrol(self, path: Path | None = None) -> Job:
        if any(job.title == TITLE and not job.done for job in self._jobs.values()):
            raise EnrolmentError("somebody is being enrolled just now; wait until that is over")
        self._note("enrol", path)
        job = Job(id=len(self._jobs) + 1, title=TITLE, progress=0.0, step="look straight ahead")
        self._jobs[job.id] = job
        self._changed()
        return job

    def forget_enrolment(self) -> None:
        self._note("forget")
        self._enrolled = False
        self._changed()

    def rename_persona(self, name: str, new: str | None, title: str | None = None) -> PersonaInfo:
        known = self.persona(name)
        title = check_title(title if title is not None else new or "")
        self._note("rename", known.name, title)
        if new is None or not is_name(new) or known.shipped or new.lower() == known.name:
            return self._keep(known.model_copy(update={"title": title}))
        self._free(new)
        del self._personas[known.name]
        if self.config().persona == known.name:
            self._file.change({"persona": new.lower()})
        return self._keep(known.model_copy(update={"name": new.lower(), "title": title}))

    def hide_persona(self, name: str, hidden: bool) -> PersonaInfo:
        self._note("hide" if hidden else "unhide", name)
        return self._keep(self.persona(name).model_copy(update={"hidden": hidden}))

    def put_tuned(self, name: str, on: bool) -> PersonaInfo:
        self._note("tuned" if on else "not tuned", name)
        if self.persona(name).tuned is None:
            raise PersonaError(f"{name} was not tuned")
        return self._keep(self.persona(name).model_copy(update={"tuned": on}))

    def move_persona(self, name: str, before: str | None) -> None:
        moved, target = self.persona(name), None if before is None else self.persona(before).name
        self._note("move", moved.name, target)
        if target == moved.name:
            return
        with self._lock:
            names = [name for name in self._personas if name != moved.name]
            names.insert(len(names) if target is None else names.index(target), moved.name)
            self._personas = {name: self._personas[name] for name in names}
        self._changed()

    def removed(self) -> list[RemovedInfo]:
        now = datetime.now(UTC)
        return [RemovedInfo(name=one.name, title=one.title, removed=now) for one in self._bin.values()]

    def empty_bin(self) -> None:
        self._bin.clear()

    def remove_persona(self, name: str, *, forever: bool = False) -> None:
        known = self._own(name)
        del self._personas[known.name]
        if not forever:
            self._bin[known.name] = known
        if self.config().persona == known.name:
            self._file.change({"persona": None})
        self._changed()

    def restore_persona(self, name: str) -> PersonaInfo:
        if name.lower() not in self._bin:
            raise PersonaUnknown(f"no persona {name!r} was removed")
        self._free(name)
        return self._keep(self._bin.pop(name.lower()))

    # Inside.

    def _own(self, name: str) -> PersonaInfo:
        known = self.persona(name)
        if known.shipped:
            raise PersonaError(f"{known.name} ships with Visard")
        return known

    def _free(self, name: str) -> None:
        if name.lower() in self._personas:
            raise PersonaError(f"there is a persona {name} already")

    def _keep(self, persona: PersonaInfo) -> PersonaInfo:
        with self._lock:
            self._personas[persona.name] = persona
        self._changed()
        return persona

    def _current(self) -> str:
        return self.config().persona or NAMES[0]

    def _processor(self, config: Config) -> str | None:
        """Return what puts the present persona on: what was chosen, or the first that can, as it is fast."""
        known = self._personas.get(self._current())
        if known is None:
            return None
        able = [find_processor(name) for name in known.processors]
        wanted = [one for one in able if known.processor in (AUTO, one.name) and one.kind == config.mode]
        return wanted[0].name if wanted else None

    def _verdict(self) -> str:
        if self._revealed:
            return "raw"
        return "card" if self.config().paused else "frame"

    def _in_view(self) -> Faces:
        if self._revealed or self._weak:
            return Faces(shown=sum(count for _, count in self._faces))
        return Faces() if self._asleep or self.config().paused else self._faces

    def _state(self) -> State:
        told = (
            (self._revealed or self._weak, State.revealed),
            (any(problem.blocking for problem in self._problems.values()), State.problem),
            (self.config().paused, State.paused),
            (self._asleep, State.sleeping),
        )
        return next((state for true, state in told if true), State.live)

    def _camera(self) -> CameraStatus:
        spec = self.config().camera
        if "camera-missing" in self._problems:
            return CameraStatus(spec=spec, state=CameraState.missing, message="the camera is gone")
        if self._asleep or self.config().paused:
            return CameraStatus(spec=spec, state=CameraState.asleep)
        demo = "no-camera" in self._problems
        return CameraStatus(
            spec=spec, name="demo" if demo else "Acme Webcam", state=CameraState.ok, demo=demo
        )

    def _numbers(self) -> Numbers:
        count = self._drawn
        steps = {
            "track": Spread(p50=7.1, p99=12.0),
            "cover": Spread(p50=0.4, p99=1.0),
            "swap": Spread(p50=9.5 + count % 3, p99=15.0),
        }
        return Numbers(
            fps=0.0 if self._asleep else 29.7,
            latency_ms=Spread(p50=24.0 + count % 5, p99=38.0),
            steps=steps | {"blend": Spread(p50=1.2, p99=2.0)},
            frames=count,
            faces=Faces(swapped=count),
            drops=0,
            verdicts={"frame": count},
            reasons={},
            errors={},
            memory_mb=300.0,
        )

    def _note(self, *what: object) -> None:
        self.calls.append(" ".join(map(str, what)))

    def _looked(self, _: int) -> None:
        self._changed()

    def _changed(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _paint(self) -> None:
        while not self._over.wait(1 / self._frames):
            if self._asleep:
                continue
            self._drawn += 1
            try:
                self.driver.offer(drawing(self._drawn, (60, 60, 60)))
                self.result.offer(drawing(self._drawn, (120, 40, 160)))
            except Closed:
                return


def _folder_of(config: ConfigFile) -> Path:
    return config.path.parent if config.path else Path("nowhere")


def _models_of(config: ConfigFile) -> Path | None:
    return config.path.parent / "models" if config.path else None


def _persona(
    name: str,
    *,
    title: str | None = None,
    kind: str = "photo",
    consent: Consent | None = None,
    shipped: bool = False,
) -> PersonaInfo:
    return PersonaInfo(
        name=name.lower(),
        title=title or name.title(),
        kind=kind,
        consent=consent.value if consent else None,
        shipped=shipped,
        ready=True,
        photos=1,
        processors=_able(),
    )


def _able() -> tuple[str, ...]:
    return tuple(one.name for one in suitable(Material((Path("picture.jpg"),))))


def _configured(
    known: PersonaInfo, processor: str | None, options: Mapping[str, Any] | None, at_work: str | None
) -> PersonaInfo:
    """Return the persona as the real library would keep it."""
    record = Record(
        name=known.name,
        title=known.title,
        kind=PersonaKind.photo,
        created=datetime.now(UTC),
        processor=known.processor,
        options=known.options,
    )
    persona = Persona(record, Path(), Path("picture.jpg"))
    choice = chosen(persona, processor, options, at_work).model_dump()
    return known.model_copy(update={**choice, "processors": _able()})
