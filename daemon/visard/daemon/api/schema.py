"""What the daemon and its clients say to each other: the answers of the control API, and nothing heavy.

=======  ==================================  ==============================================================
method   path                                what
=======  ==================================  ==============================================================
GET      /status                             Status, the whole snapshot
GET      /events                             server-sent events: status, progress, alert
POST     /persona                            put one on: Wear -> Status
POST     /persona/next, /previous            -> Status
POST     /pause, /resume                     -> Status
POST     /reveal                             show the real face: Reveal (default: on) -> Status
POST     /calibrate                          take the next frame as the neutral reference -> Status
GET      /personas                           list of PersonaInfo
POST     /personas                           add photos or a trained model: NewPersona -> PersonaInfo
POST     /personas/generate                  Generate -> Job
GET      /personas/{name}                    PersonaInfo
PATCH    /personas/{name}                    name, hidden, tuned, processor: PersonaChange -> PersonaInfo
DELETE   /personas/{name}                    into the bin, or for good with ?forever=true
POST     /personas/{name}/move               before another one, or last: Move -> list of PersonaInfo
POST     /personas/{name}/restore            out of the bin -> PersonaInfo
GET      /personas/{name}/thumbnail          JPEG
GET      /personas/{name}/photos/{number}    JPEG of one of its photos, the first being 1
PATCH    /personas/{name}/photos             add, remove or put first: PhotoChange -> PersonaInfo
POST     /personas/{name}/tune               find what makes it more alike: TuneRequest -> Job
GET      /personas/{name}/tuning             Tuning: what came of it
GET      /personas/{name}/tuning/preview     JPEG of a first look, while it goes on
GET      /personas/{name}/tuning/comparison  PNG of before and after
GET      /bin                                list of RemovedInfo
DELETE   /bin                                delete for good what is in the bin
POST     /trials                             the bytes of a picture: find its faces -> Trial
POST     /trials/camera                      the same with what the camera sees -> Trial
GET      /trials/{trial}                     Trial
DELETE   /trials/{trial}                     forget it
POST     /trials/{trial}/photos              one more photo of the face: bytes -> Trial
POST     /trials/{trial}/face                which face is meant: FaceChoice -> Trial
GET      /trials/{trial}/photos/{number}     JPEG of a photo, upright
GET      /trials/{trial}/picture             JPEG: the photo, and the demo driver with the face
POST     /trials/{trial}/persona             keep it: TrialPersona -> PersonaInfo
GET      /enrolment                          EnrolmentInfo: whether the driver is enrolled
POST     /enrolment                          learn what the driver looks like: EnrolRequest -> Job
DELETE   /enrolment                          forget what the driver looks like
GET      /processors                         list of ProcessorInfo: what can put a persona on, and its options
DELETE   /jobs/{job}                         give up preparing, tuning, or work on a model -> Status
GET      /models                             list of ModelInfo: what can be fetched or imported
POST     /models/import                      a file or folder of this machine: ImportModel -> Job
POST     /models/{name}/file                 a file of a model, sent as the body -> Job
GET      /models/{name}                      ModelInfo
DELETE   /models/{name}                      delete its files -> ModelInfo; ?forget=true: its pin too
POST     /models/{name}/fetch                from where it is published: FetchModel -> Job
POST     /models/{name}/verify               read its files again -> Job
GET      /trainings                          list of TrainingInfo: face models in training
GET      /trainings/{name}                   TrainingInfo
GET      /trainings/{name}/preview           PNG: what it has learned
GET      /settings                           Config
PATCH    /settings                           some fields of Config -> Config
DELETE   /settings/{key}                     back to its default -> Config
GET      /cameras                            list of CameraInfo
GET      /engines                            EnginesInfo: backends, what serves, what is compiled
GET      /preview                            MJPEG of what goes out
POST     /preview                            Link to the preview page, good for one visit
POST     /shutdown                           end the daemon
=======  ==================================  ==============================================================

An error is ``{"error": {"code": ..., "message": ...}}`` with the status from the one table of errors.
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from visard.daemon.api.engines import EngineInfo
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode


class State(StrEnum):
    """How Visard is, at a glance; the first that is true."""

    revealed = "revealed"
    """The real face is shown, on request."""
    problem = "problem"
    """A blocking problem; ``problems`` says what, and how to fix it."""
    paused = "paused"
    sleeping = "sleeping"
    """Nobody watches, so the camera is off."""
    starting = "starting"
    live = "live"


class Consent(StrEnum):
    """Why this face may be worn."""

    self = "self"
    permission = "permission"
    generated = "generated"
    public_domain = "public-domain"


class CameraState(StrEnum):
    """How the camera is."""

    ok = "ok"
    opening = "opening"
    asleep = "asleep"
    """Released, because nobody watches or Visard is paused."""
    missing = "missing"
    """Gone, busy or never there; Visard keeps trying."""


class Fact(BaseModel):
    """Something that is told; it does not change."""

    model_config = ConfigDict(frozen=True)


class Problem(Fact):
    """Something that needs the person, and what they can do."""

    code: str
    message: str
    fix: str | None = None
    """A line for a shell, when one can help."""
    blocking: bool = True
    """Whether it keeps the persona from being seen; else it is only good to know."""


class CameraInfo(Fact):
    """A camera of this machine."""

    id: str
    """Stable over restarts and plugs; what the setting ``camera`` takes."""
    name: str
    path: str
    busy: bool
    chosen: bool


class CameraStatus(Fact):
    """Where pictures come from."""

    spec: str
    """The setting: ``auto``, an id or a source."""
    name: str | None = None
    """What is open now."""
    state: CameraState
    message: str = ""
    demo: bool = False
    """The demo driver stands in, since there is no camera."""


class OutputStatus(Fact):
    """Where pictures go."""

    where: str | None = None
    ok: bool
    message: str = ""
    width: int
    height: int
    fps: float
    watchers: int | None = None
    """How many programs read the virtual camera; None where nobody can tell."""


class Faces(Fact):
    """What became of faces."""

    swapped: int = 0
    covered: int = 0
    """Blurred where they are, or not in the picture that went out instead."""
    shown: int = 0
    """Shown by choice."""

    def words(self, *, zeros: bool = False) -> str:
        """Say it: "1 face swapped, 2 covered"; ``zeros``: also what became of none."""
        kinds = [(kind, count) for kind, count in self if count or zeros]
        said = [f"{count} {kind}" for kind, count in kinds[1:]]
        for kind, count in kinds[:1]:
            said.insert(0, f"{count} face{'' if count == 1 else 's'} {kind}")
        return ", ".join(said) or "no face in view"


class GuardStatus(Fact):
    """The guard's last verdict, its reason, and what became of the faces in the last frame of the camera."""

    verdict: str
    why: str = ""
    faces: Faces = Faces()


class Spread(Fact):
    """Milliseconds."""

    p50: float
    p99: float


class Numbers(Fact):
    """Measured over the last seconds; counts since the start."""

    fps: float
    latency_ms: Spread
    steps: dict[str, Spread]
    frames: int
    faces: Faces = Faces()
    """Of all frames together."""
    drops: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    errors: dict[str, int]
    memory_mb: float


class Job(Fact):
    """Work in the background."""

    id: int
    title: str
    step: str = ""
    """What is being done now."""
    persona: str | None = None
    model: str | None = None
    """The model that it fetches, imports or checks."""
    tunes: str | None = None
    """The persona that it tunes."""
    cancellable: bool = False
    """It is no preparation of a persona and can be given up all the same."""
    progress: float | None = Field(None, description="0 to 1; null when nobody knows")
    stage: int | None = Field(None, description="which of its stages it is in, the first being 1")
    stages: int | None = None
    seconds_left: int | None = None
    done: bool = False
    error: str | None = None


class Likeness(Fact):
    """Mean cosines by a network that recognises faces; 1 is the same picture."""

    persona: float
    """To the persona's photos."""
    driver: float
    """To the driver in the same picture."""


class Tuning(Fact):
    """The newest tuning of a persona since the daemon began; its job tells how far it is."""

    persona: str
    job: int
    driver: str
    """``everybody``, or ``camera``: whoever sat before it."""
    over: bool = False
    preview: bool = False
    """A picture of a first look is there."""
    comparison: bool = False
    """A picture of before and after is there."""
    refused: str | None = None
    """Why the persona looks best as it was, and stays so."""
    error: str | None = None
    """Why it came to no end; the persona is as it was."""
    before: Likeness | None = None
    after: Likeness | None = None
    clip: str | None = None
    """Where the driver's clip is, which was to be kept."""


class EnrolmentInfo(Fact):
    """Whether the driver is enrolled."""

    enrolled: bool
    views: int = 0
    """Views that the driver is recognised by; with none, when they cannot be read, nobody is recognised."""


class PersonaInfo(Fact):
    """An entry of the library."""

    name: str
    title: str
    kind: str | None = None
    consent: str | None = None
    shipped: bool = False
    hidden: bool = False
    """Left out where personas are chosen, unless it is on."""
    tuned: bool | None = None
    """Whether it looks as it was tuned, or as before; null: it was never tuned."""
    photos: int = 0
    """How many it is made of."""
    ready: bool = False
    """Prepared in the present mode: switching to it takes no time."""
    warnings: tuple[str, ...] = ()
    """What looks less good than it could, because of its photos."""
    processor: str = "auto"
    """What puts it on: ``auto``, or one of ``processors``."""
    options: dict[str, dict[str, Any]] = {}
    """Options that were chosen, by processor."""
    processors: tuple[str, ...] = ()
    """What can put it on, the best-looking first."""
    damaged: str | None = None


class ProcessorInfo(Fact):
    """One way to put a persona on: a swapper or an animator."""

    name: str
    summary: str = ""
    kind: str | None = None
    """``swap`` or ``animate``."""
    accepts: tuple[str, ...] = ()
    """What it makes a persona of: ``photo``, or the ending of a trained model."""
    options: dict[str, Any] = {}
    """JSON schema of its options: each with type, range, default and description."""
    broken: str | None = None
    """Why it cannot be used here."""


class Status(Fact):
    """Everything about a running daemon at one moment."""

    version: str
    pid: int
    state: State
    persona: str | None
    processor: str | None = None
    """What puts it on."""
    wanted: str | None = None
    """The persona that is being prepared while ``persona`` goes on."""
    mode: Mode
    paused: bool
    revealed: bool
    """The driver may be recognised, by choice."""
    weak: bool = False
    """Revealed by weak settings alone: the persona is on, and the driver shows through."""
    enrolled: bool = False
    """The driver is known, and nobody else is given the persona."""
    watched: bool
    guard: GuardStatus
    camera: CameraStatus
    output: OutputStatus
    personas: tuple[PersonaInfo, ...]
    engines: tuple[EngineInfo, ...] = ()
    """The networks at work."""
    jobs: tuple[Job, ...] = ()
    tunings: tuple[Tuning, ...] = ()
    """The newest one of each persona that was tuned."""
    cannot_tune: str | None = None
    """Why nothing can be tuned here, and what helps."""
    problems: tuple[Problem, ...] = ()
    numbers: Numbers
    reference: int | None = None
    seeking: bool = False
    settings: Config


class Event(Fact):
    """One server-sent event: ``data`` is a Status, a Job or a Problem."""

    event: str
    data: dict[str, Any]


class Link(Fact):
    """Where the preview page is; the token in it is good for one visit."""

    url: str


class ErrorDetail(Fact):
    """A machine-readable code, and a sentence that says what to do."""

    code: str
    message: str


class ErrorBody(Fact):
    """The body of every answer that is not a success."""

    error: ErrorDetail
