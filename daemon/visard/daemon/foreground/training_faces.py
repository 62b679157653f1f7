"""Faces of a persona for training, made from its photo: by a swap over a driver's faces, or by animation."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.errors import FaceSetError
from visard.daemon.foreground.convert import convert
from visard.daemon.foreground.extract import Choice, extract_faces
from visard.daemon.foreground.jobs import Reporter, Writing
from visard.daemon.media.frame import Format, Frame
from visard.daemon.personas.prepare import PreparedPersona, prepare
from visard.daemon.personas.record import Persona
from visard.daemon.pipeline.compositor import Compositor
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.engines.file_access import make_private
from visard.models.face import Face, Image, Sighting
from visard.models.picture_file import read_picture
from visard.models.swap.dfm.options import FaceType
from visard.models.track.recogniser import Recogniser
from visard.models.train.faces.extraction_log import ExtractionLog, PeopleChosen, SetHead
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.folders import PRUNED, move_faces
from visard.models.train.faces.measures import measure
from visard.models.train.faces.options import ExtractOptions
from visard.models.train.faces.record import SIDECAR, FaceRecord, load_record, save_face

Told = Callable[[float, str], None]
"""Called with the share that is done, 0 to 1, and words."""


@dataclass(frozen=True, slots=True)
class TrainingSets:
    """Two sets of faces, and how many each has."""

    persona: Path
    driver: Path
    persona_faces: int
    driver_faces: int


def make_pairs(
    persona: Persona, driver: Path, folder: Path, options: ExtractOptions, told: Told
) -> TrainingSets:
    """Swap the persona onto every face of a driver: picture i of both sets then shows the same moment.

    ``driver`` is a film, a picture or a set of faces; what is in ``folder`` already is not made again. Raises
    FaceSetError, SourceUnavailable, PersonaError and what preparing the persona raises.
    """
    sets = folder / "persona", folder / "driver"
    _take_in(driver, sets[1], options, told)
    faces = FaceSet(sets[1])
    _begin(sets[0], faces.face_type, int(faces.index.rows["resolution"][0]))
    made = prepare(persona, Mode.swap)
    try:
        swap = _CropSwap(made)
        failed = []
        for number, name in enumerate(faces.names):
            told(number / len(faces), f"{number:,} of {len(faces):,} pairs")
            if not (sets[0] / name).exists() and not swap(faces.path(number), sets[0] / name):
                failed.append(faces.path(number))
    finally:
        made.prepared.close()
    if failed:
        move_faces(failed, sets[1] / PRUNED)
    counts = len(FaceSet(sets[0])), len(faces) - len(failed)
    if counts[0] != counts[1]:
        raise FaceSetError(
            f"{sets[0]} has {counts[0]} faces and {sets[1]} {counts[1]}, so that they are no pairs; "
            f"remove {sets[0]} and make them again"
        )
    return TrainingSets(*sets, *counts)


def make_animated(
    persona: Persona, driver: Path, folder: Path, options: ExtractOptions, told: Told
) -> TrainingSets:
    """Let a driver's film move the persona's photo, and take the faces of both; they are no pairs.

    Raises as ``make_pairs`` does, and SinkError.
    """
    if driver.is_dir():
        raise FaceSetError(f"{driver} is a folder; only a film can move a portrait")
    sets = folder / "persona", folder / "driver"
    make_private(folder)
    _take_in(driver, sets[1], options, told)
    made = prepare(persona, Mode.animate, processor="puppet")
    try:
        with TemporaryDirectory(dir=folder, prefix=".") as place:
            film = Path(place) / f"{persona.name}.mp4"
            reporter = Reporter(lambda done, total: told(done / max(total or 1, done, 1), "animating"))
            convert(driver, film, made, Settings(), reporter, writing=Writing(quality=95))
            extract_faces([film], sets[0], options, Choice(), told)
    finally:
        made.prepared.close()
    return TrainingSets(*sets, *(len(FaceSet(each)) for each in sets))


def _take_in(driver: Path, target: Path, options: ExtractOptions, told: Told) -> None:
    """Bring a driver's faces into a folder of their own: the set stays as it is, of a film they are taken."""
    if driver.resolve() == target.resolve():
        return
    if not driver.is_dir() or not len(FaceSet(driver)):
        if not extract_faces([driver], target, options, Choice(), told).complete:
            raise KeyboardInterrupt
        return
    faces = FaceSet(driver)
    for number in range(len(faces)):
        source = faces.path(number)
        record = load_record(source)
        if record is None:
            raise FaceSetError(
                f"{source} is a face of DeepFaceLab's, with too few landmarks to swap; extract the film"
            )
        if not number:
            _begin(target, faces.face_type, record.resolution)
        for path in (source.with_suffix(SIDECAR), source):
            if path.exists() and not (target / path.name).exists():
                shutil.copy2(path, target / path.name)


def _begin(folder: Path, face_type: FaceType, resolution: int) -> None:
    """Make a folder a set."""
    make_private(folder)
    log = ExtractionLog.load(folder)
    if log.head is None:
        log.write(SetHead(face_type=face_type, resolution=resolution))
        log.write(PeopleChosen(chosen=1, count=1))


class _CropSwap:
    """Puts a persona on aligned faces: a crop is a picture with a face whose landmarks are known."""

    def __init__(self, persona: PreparedPersona) -> None:
        self._recipe, self._switches = Recipe(persona), Switches(Settings())
        self._name = persona.name
        self._recogniser = Recogniser()
        self._compositor: Compositor | None = None
        self._count = 0

    def __call__(self, source: Path, target: Path) -> bool:
        """Swap one face of a set and keep it; False: it cannot be swapped."""
        record = load_record(source)
        assert record is not None, "a set that was taken in has records"
        picture = self._swapped(read_picture(source), record)
        if picture is not None:
            save_face(target, picture, self._recorded(record, picture), 97)
        return picture is not None

    def _swapped(self, picture: Image, record: FaceRecord) -> Image | None:
        side = picture.shape[0]
        self._compositor = self._compositor or Compositor(Format(side, side, 30, live=False), Stats(), 60)
        face = Face(1, record.points, np.array(record.expression, np.float32))
        frame = Frame(self._count, self._count / 30, picture)
        self._count += 1
        done = self._compositor(frame, Sighting((face,)), self._recipe, self._switches, frame.captured)
        swapped = done.look is not None and face.id in done.look.swapped
        return done.picture if swapped else None

    def _recorded(self, record: FaceRecord, picture: Image) -> FaceRecord:
        measured = measure(picture, record.points[:, :2], record.face_type)
        embedding = self._recogniser(picture, record.points)
        return record.model_copy(
            update={
                "source": f"{self._name} on {record.source}"[:400],
                "blur": round(measured.blur, 3),
                "brightness": round(measured.brightness, 4),
                "side_light": round(measured.side_light, 3),
                "embedding": [round(float(value), 5) for value in embedding],
                "fingerprint": measured.fingerprint.tobytes().hex(),
            }
        )
