"""``one_shot``: the published swappers that need photos of a person and no training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from visard.engines import Array, Engine, close, load
from visard.models import align
from visard.models.face import Face, Image
from visard.models.five_points import crop_matrix
from visard.models.portrait import examine
from visard.models.processor import FrameWorker, Kind, Material, Patch, Pending, ProcessorFailed, Report
from visard.models.sample_faces import sample_faces
from visard.models.store import open_store
from visard.models.swap.dfm.crop_steps import shown
from visard.models.swap.one_shot import graphs
from visard.models.swap.one_shot.family import LARGEST, Member, find_member, here
from visard.models.swap.one_shot.identity import Floats, Identity, source_of
from visard.models.swap.one_shot.masks import boxed, face_mask, toned
from visard.models.swap.one_shot.options import ColourTransfer, MaskKind, OneShotOptions

_COPIES = 2
"""How often an engine has the weights in memory."""
_ROOM = 1
"""Pixels around what shows of a crop, for scaling it."""
_LOOKS = 5
"""Looks at a driver whose mean is the driver's own identity."""
_QUALITY, _WITHOUT = 70, 5
"""How good it looks, and how much that counts where no network is here."""


class OneShotNetwork:
    """The graph of a frame on its engine, bytes in and bytes out. One thread."""

    def __init__(self, engine: Engine, member: Member) -> None:
        self._engine = engine
        self.member = member

    def side(self, boost: int) -> int:
        """Return the pixels of a crop so many times as large as the network's, or of the largest one."""
        return self.member.side * max(1, min(boost, LARGEST // self.member.side))

    def __call__(self, crop: Image, source: Floats) -> Image:
        """Swap the face of a BGR crop whose side is a multiple of the network's."""
        boost = crop.shape[0] // self.member.side
        parts = [np.array(self._run(part[None], source)) for part in apart(crop, boost)]
        return together(parts, boost)

    def _run(self, *arrays: Array) -> Array:
        made: Array = self._engine(*arrays)[0][0]
        return made

    def close(self) -> None:
        """Stop looking for better engines."""
        close(self._engine)


def apart(crop: Image, boost: int) -> Sequence[Image]:
    """Return every ``boost``-th pixel of a crop, from each of the places where one can begin."""
    return [np.ascontiguousarray(crop[y::boost, x::boost]) for y in range(boost) for x in range(boost)]


def together(parts: Sequence[Image], boost: int) -> Image:
    """Return what ``apart`` took apart."""
    if boost == 1:
        return parts[0]
    side = parts[0].shape[0] * boost
    whole = np.empty((side, side, 3), np.uint8)
    for number, part in enumerate(parts):
        whole[number // boost :: boost, number % boost :: boost] = part
    return whole


class DriverIdentity:
    """Who the drivers are, each the mean of a few looks."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._looks: dict[int, list[Floats]] = {}

    def __call__(self, picture: Image, face: Face) -> Floats:
        """Return the source that this driver makes."""
        looks = self._looks.setdefault(face.id, [])
        if len(looks) < _LOOKS:
            looks.append(self._identity.embedding(picture, face.landmarks))
        return self._identity.source(np.mean(looks, axis=0, dtype=np.float32))

    def forget(self) -> None:
        """Drop them."""
        self._looks.clear()

    def close(self) -> None:
        """Stop looking for better engines."""
        self._identity.close()


class OneShotSwap:
    """One person on any driver; frames are made on a thread of their own."""

    def __init__(
        self,
        network: OneShotNetwork,
        source: Floats,
        driver: DriverIdentity | None,
        size: int,
        options: OneShotOptions,
    ) -> None:
        """``driver``: None where the source is a picture, which nothing can be mixed into."""
        self.bytes = size
        self._network: OneShotNetwork | None = network
        self._source, self._driver, self._options = source, driver, options
        self._worker = FrameWorker("one_shot")

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Pending:
        """Begin with all faces of a frame, one after the other; ``relight``: with colour transfer."""
        options = self._options
        return self._worker.submit(lambda: [self._patch(picture, face, relight, options) for face in faces])

    def adjust(self, options: OneShotOptions) -> bool:
        """Go on with other options of the same model."""
        same = options.model == self._options.model
        if same:
            self._options = options
        return same

    def forget(self) -> None:
        """Drop who the drivers are."""
        if self._driver is not None:
            self._driver.forget()

    def close(self) -> None:
        """Swap no more; the memory goes when the frame that is being made is done."""
        self._worker.close(self._release)

    def _release(self) -> None:
        for part in (self._network, self._driver):
            if part is not None:
                part.close()
        self._network = self._driver = None

    def _patch(self, picture: Image, face: Face, relight: bool, options: OneShotOptions) -> Patch:
        if self._network is None:
            raise ProcessorFailed("this persona was closed")
        side = self._network.side(options.pixel_boost)
        matrix = crop_matrix(face.landmarks, self._network.member.template, side)
        crop = align.crop(picture, matrix, side)
        image = self._network(crop, self._mixed(picture, face, options.weight))
        hull = face_mask(matrix, face.landmarks, side, options.erode, options.blur)
        boxes = options.mask is MaskKind.box
        part, corner = (np.s_[:, :], (0, 0)) if boxes else shown(hull, _ROOM)
        image, hull = image[part], hull[part]
        if relight and options.colour_transfer is ColourTransfer.mean_deviation:
            image = toned(image, crop[part], hull)
        if boxes:
            return boxed(image, matrix, picture.shape[1::-1], options.erode, options.blur)
        back = align.compose(align.invert(matrix), np.array([[1, 0, corner[0]], [0, 1, corner[1]]]))
        return Patch(image, hull, back.astype(np.float32))

    def _mixed(self, picture: Image, face: Face, weight: float) -> Floats:
        """Return the source with a share of the driver's own, which may be less than none."""
        if abs(weight) < 1e-6 or self._driver is None:
            return self._source
        own = self._driver(picture, face)
        return np.asarray(self._source * (1 - weight) + own * weight, np.float32)


class OneShot:
    """The swapper: needs photos, and a network from the store."""

    name = "one_shot"
    summary = "networks such as inswapper, from photos alone; wants a GPU, and models from the store"
    kind: Kind = "swap"
    accepts = frozenset({"photo"})
    Options = OneShotOptions

    @property
    def quality(self) -> int:
        """How good it looks; less than what ships where nothing is in the store."""
        return _QUALITY if here(open_store()) else _WITHOUT

    def check(self, material: Material) -> tuple[str, ...]:
        """Examine the photos."""
        return tuple(dict.fromkeys(w for photo in material.photos for w in examine(photo).warnings))

    def check_models(self, options: OneShotOptions) -> None:
        """Raise ModelMissing with the commands that get what is not here."""
        find_member(options.model, open_store())

    def prepare(self, material: Material, options: OneShotOptions, report: Report) -> OneShotSwap:
        """Ask who the photos show, and start on the engine that is ready; better ones take over.

        Raises ModelMissing with the commands that get what is not here, PortraitError, and ModelRefused.
        """
        store = open_store()
        member = find_member(options.model, store)
        report(0.0, "reading the photos")
        portraits = [examine(photo) for photo in material.photos]
        report(0.2, "opening the identity network")
        identity = None if member.picture else Identity(store, member)
        source = source_of(member, portraits, identity)
        report(0.4, "writing the model for engines")
        path = graphs.step(store, member)
        report(0.7, "opening the model")
        network = OneShotNetwork(_opened(path, samples(member, source), report), member)
        driver = DriverIdentity(identity) if identity else None
        swap = OneShotSwap(network, source, driver, _COPIES * path.stat().st_size, options)
        try:
            report(1.0, "ready")
        except BaseException:
            swap.close()
            raise
        return swap


def _opened(path: Path, tried: list[tuple[Array, ...]], report: Report) -> Engine:
    return load(
        path,
        threads=psutil.cpu_count(logical=False) or 1,
        samples=tried,
        wait=False,
        isolated=True,
        report=lambda progress: report(0.7 + 0.2 * progress.done, "opening the model"),
    )


def samples(member: Member, source: Floats) -> list[tuple[Array, ...]]:
    """Return what the network is given when it puts the person on the people we ship."""
    return [
        (
            align.crop(picture, crop_matrix(face.landmarks, member.template, member.side), member.side)[None],
            source,
        )
        for picture, face in sample_faces()
    ]


processor = OneShot()
