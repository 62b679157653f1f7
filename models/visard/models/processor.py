"""What turns a frame into another face. Swappers and animators are one kind of plugin: a Processor.

A Processor makes of a persona's Material, once, a Prepared; a Prepared is given every frame with the faces
in it and hands back a Pending, whose result is a Patch for each face. A module of ``models.swap`` or
``models.animate`` that exposes ``processor`` is found by itself.
"""

import atexit
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal, Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from visard.engines.errors import VisardError
from visard.engines.plugins import Registry
from visard.models.errors import ProcessorUnknown
from visard.models.face import Face, Image

Kind = Literal["swap", "animate"]

PHOTO = "photo"
"""The kind of material that is a picture; others are the endings of trained models."""

ASK = "ask"
"""In an option's ``json_schema_extra``: only the person knows, so ask when the material is added."""

Report = Callable[[float, str], None]
"""Told how much of the preparation is done, 0 to 1, and what is being done; raises to cancel it."""


class ProcessorFailed(VisardError):
    """A prepared processor gave no answer, or was closed."""

    code = "processor-failed"


class NoOptions(BaseModel):
    """The options of a processor that has none. Options are frozen, with ranges and a description each."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Tuned:
    """The file of a tuned correction."""

    path: Path
    sha256: str
    """Of its content."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a persona is made of."""

    photos: tuple[Path, ...] = ()
    """Pictures of one face, the first shows it best."""
    model: Path | None = None
    """A trained model, in the format that its name ends with."""
    tuned: Tuned | None = None
    """What was learned about how these photos look on others."""

    @property
    def kinds(self) -> frozenset[str]:
        """What there is, in the words of ``Processor.accepts``: ``photo``, and a model's ending."""
        kinds = {PHOTO} if self.photos else set()
        return frozenset(kinds | ({self.model.suffix.lower().removeprefix(".")} if self.model else set()))


@dataclass(frozen=True, slots=True)
class Under:
    """The driver's own pixels, moved to fit below a patch. Equal to the frame along its border."""

    image: Image
    x: int
    """Column of its left edge in the frame; it lies wholly inside."""
    y: int


@dataclass(frozen=True, slots=True)
class Patch:
    """A picture of a face, ready to be blended into the frame: of a swapper its crop, of an animator all."""

    image: Image
    mask: npt.NDArray[np.uint8]
    """How much of the patch shows, uint8 [height, width], 0..255."""
    matrix: npt.NDArray[np.float32]
    """Affine map from patch pixels to frame pixels, float32 [2, 3]; a pure translation is blended fastest."""
    under: Under | None = None
    """What takes the frame's place below the patch; None: the frame as it is."""
    interpolation: int = cv2.INTER_LINEAR
    """OpenCV's flag for how the image is scaled into the frame; the mask is always bilinear."""
    doubt: float = 0.0
    """How little it can look right, 0..1, as on a head turned far: so much of the face is blurred over it."""

    @classmethod
    def whole(cls, image: Image) -> "Patch":
        """Return a picture that takes the place of the whole frame, whatever its size."""
        mask = np.broadcast_to(np.uint8(255), image.shape[:2])
        return cls(image, mask, np.eye(2, 3, dtype=np.float32))


class Pending(Protocol):
    """The patches of one frame, perhaps still being made."""

    def result(self, timeout: float) -> Iterable[Patch]:
        """Wait up to ``timeout`` seconds; return a patch for each face, in the order they were given.

        Each is valid until the next one is taken. Blend it into the picture first: what is below the next
        face may be taken from there. Raises TimeoutError when a device does not answer, and, here or while
        patches are taken, whatever went wrong.
        """
        ...


class Prepared(Protocol):
    """A processor ready for one persona. It owns memory, and keeps state per ``face.id``; one thread."""

    bytes: int
    """Memory that ``close`` gives back, as well as that can be told."""

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Pending:
        """Begin with all faces of a frame at once, without waiting for a device.

        ``picture`` is BGR, and stays as it is but for patches that the caller blends into it; an animator
        gets one face. With ``relight`` a swapper matches the scene's light and colour by its own means.
        """
        ...

    def adjust(self, options: Any) -> bool:
        """Go on with other options from the next frame on; False: it has to be prepared anew for them."""
        ...

    def forget(self) -> None:
        """Drop what was learned about the drivers: after a calibration or with a new source."""
        ...

    def close(self) -> None:
        """Give the memory back, from any thread and as often as wanted; ``submit`` raises from then on."""
        ...


class Animation(Prepared, Protocol):
    """What an animator prepares."""

    size: tuple[int, int]
    """Width and height of its pictures, pixels."""
    settles: int
    """Drivers from which it learns a neutral reference that nobody chose."""

    def calibrate(self, *, chosen: bool = True) -> None:
        """Take the next frame's driver as the neutral reference; without it the first serves as one.

        Not ``chosen``: a calmer one may be learned from those that follow.
        """
        ...

    def mismatch(self, driver: Face) -> float:
        """How far the driver's shape is from the portrait's: 0 is equal, about 0.1 is good (shown x100)."""
        ...


class Processor(Protocol):
    """One way to put a persona on."""

    name: str
    summary: str
    kind: Kind
    accepts: frozenset[str]
    """The kinds of material it can use, one of which it needs: see ``Material.kinds``."""
    Options: type[BaseModel]
    """Its options: fields with default, range and description; names as the field knows them."""

    @property
    def quality(self) -> int:
        """How good it looks, 0 to 100: ``auto`` takes the best that this machine is fast enough for."""
        ...

    def check(self, material: Material) -> tuple[str, ...]:
        """Look quickly whether material can be used, and return remarks for the person.

        Raises as ``prepare`` does.
        """
        ...

    def prepare(self, material: Material, options: Any, report: Report) -> Prepared:
        """Make everything that can be made once per persona; may compile and take minutes.

        Raises PortraitError, ModelRefused or another VisardError with what to do.
        """
        ...


@runtime_checkable
class UsesStore(Protocol):
    """A processor whose networks come from the store of models."""

    def check_models(self, options: Any) -> None:
        """Raise ModelMissing, with the commands that get what is not here; quick."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """A Pending that waits for nothing: patches that are there, or made as they are taken."""

    patches: Iterable[Patch]

    def result(self, timeout: float) -> Iterable[Patch]:  # noqa: ARG002
        """Return the patches."""
        return self.patches


_LAST = 2.0
"""Seconds that the program's end waits for frames that are being made."""
_at_work: "weakref.WeakKeyDictionary[Thread, SimpleQueue[Callable[[], None] | None]]" = (
    weakref.WeakKeyDictionary()
)


class FrameWorker:
    """Makes one frame after the other on a thread of its own, so that a device that hangs can be left."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._present: Future[Iterable[Patch]] | None = None
        self._closed = False
        thread = Thread(target=_serve, args=(self._work,), name=f"visard {name}", daemon=True)
        _at_work[thread] = self._work
        thread.start()
        weakref.finalize(self, self._work.put, None)  # the thread ends also when nobody closes it

    def submit(self, make: Callable[[], Iterable[Patch]]) -> Future[Iterable[Patch]]:
        """Begin to make a frame's patches; raises ProcessorFailed while the one before hangs."""
        if self._closed:
            raise ProcessorFailed("this persona was closed")
        if self._present is not None and not self._present.done():
            raise ProcessorFailed("the device does not answer")
        future = self._present = Future[Iterable[Patch]]()
        self._work.put(lambda: _fulfil(future, make))
        return future

    def close(self, after: Callable[[], None] = lambda: None) -> None:
        """Make no more, and call ``after`` once the frame that is being made is done."""
        if not self._closed:
            self._closed = True
            self._work.put(after)
            self._work.put(None)


def _serve(queue: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (work := queue.get()) is not None:
        work()


def _fulfil(future: Future[Iterable[Patch]], make: Callable[[], Iterable[Patch]]) -> None:
    try:
        future.set_result(make())
    except Exception as error:  # it is raised where somebody waits for the result
        future.set_exception(error)


def _end_all() -> None:
    """Let no thread be in a library when the interpreter ends: what returns to it then aborts the program."""
    threads = list(_at_work.items())
    for _, queue in threads:
        queue.put(None)
    deadline = time.monotonic() + _LAST
    for thread, _ in threads:  # a device that hangs is left
        thread.join(max(0.0, deadline - time.monotonic()))


atexit.register(_end_all)

swappers: Registry[Processor] = Registry("visard.models.swap", "processor")
animators: Registry[Processor] = Registry("visard.models.animate", "processor")


def processors() -> dict[str, Processor]:
    """Return every processor that can be used here, by name."""
    return {**swappers.all(), **animators.all()}


def find_processor(name: str) -> Processor:
    """Return one by name, or raise ProcessorUnknown naming those that exist."""
    found, broken = processors(), {**swappers.broken, **animators.broken}
    if name in broken:
        raise ProcessorUnknown(f"{name} cannot be used here: {broken[name]}")
    if name not in found:
        raise ProcessorUnknown(
            f"there is no processor {name!r}; choose auto or one of: {', '.join(sorted(found))}"
        )
    return found[name]
