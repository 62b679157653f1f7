"""Scores shipped personas with and without their tuned correction, on clips that nobody tuned on.

usage: tuned.py RECOGNISER --clips CLIP... [--personas NAME...] [--frames N] [--own] [--sheets FOLDER]

RECOGNISER is an ONNX network for 150 px faces in dlib's alignment (RGB 0..255, NCHW), whose distances are
below 1 for one person; it is never trained on. ``--own`` tunes each persona on each clip first and judges the
last third of it.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from visard.daemon.media.video import VideoReader
from visard.daemon.personas.entries import SHIPPED
from visard.daemon.personas.record import Persona, read
from visard.models.align import crop, similarity
from visard.models.face import Image, Landmarks
from visard.models.five_points import ARCFACE, FIVE_POINTS
from visard.models.picture_file import shrink
from visard.models.portrait import Portrait, examine
from visard.models.swap.mesh.correction import Correction
from visard.models.swap.mesh.texture import Texture
from visard.models.track.tracker import Tracker
from visard.models.train.tune.fit import Settings
from visard.models.train.tune.tuner import tune
from visard.models.train.tune.verdict import Judge, sheet, swaps
from visard.models.train.tune.views import Frame

AT = np.asarray((ARCFACE - [56, 51.6]) * 1.477 + [75, 46], np.float32)
"""Eyes, nose and corners of the mouth in dlib's 150 px: the eyes are a third of it apart."""
COLUMNS = ("SFace persona", "SFace driver", "dlib persona", "dlib driver", "expr_r", "jitter", "Cr", "Cb")
Row = npt.NDArray[np.float64]
Look = Callable[[Image, Landmarks], npt.NDArray[np.float32]]


def frames_of(clip: Path, count: int) -> list[Frame]:
    """Follow the face in frames that are spread over a clip."""
    with VideoReader(clip) as reader:
        every = max((reader.length or count) // count, 1)
        pictures = [
            (shrink(image, 854).copy(), now) for k, (image, now) in enumerate(reader) if k % every == 0
        ]
    tracker = Tracker(max_faces=1)
    return [(image, face) for image, now in pictures for face in tracker.update(image, now).faces]


def recogniser(path: Path) -> Look:
    """Return what turns a face into what the network sees in it."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    network = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    name = network.get_inputs()[0].name

    def look(image: Image, landmarks: Landmarks) -> npt.NDArray[np.float32]:
        face = crop(image, similarity(landmarks[FIVE_POINTS, :2], AT), 150)[:, :, ::-1]
        values = np.ascontiguousarray(face.transpose(2, 0, 1)[None], np.float32)
        return np.asarray(network.run(None, {name: values})[0], np.float32).ravel()

    return look


def scored(photo: Portrait, look: Look, plain: Texture, texture: Texture, frames: Sequence[Frame]) -> Row:
    """Return one row of the table, as COLUMNS says."""
    scores = Judge([photo], plain)(texture, frames)
    persona, tracker, rows = look(photo.image, photo.face.landmarks), Tracker(max_faces=1), []
    for number, ((image, driver), swapped) in enumerate(zip(frames, swaps(texture, frames), strict=True)):
        left, top, right, bottom = (max(int(side), 0) for side in driver.box)
        colour = cv2.cvtColor(swapped[top:bottom, left:right], cv2.COLOR_BGR2YCrCb)[..., 1:].mean((0, 1))
        for face in tracker.update(swapped, number / 30).faces:
            now = look(swapped, face.landmarks)
            off = [np.linalg.norm(now - other) for other in (persona, look(image, driver.landmarks))]
            rows.append((1 - off[0], 1 - off[1], *colour))
    by_other = np.mean(rows, axis=0)
    return np.array(
        [scores.persona, scores.driver, *by_other[:2], scores.expression, scores.jitter, *by_other[2:]]
    )


def compared(name: str, clip: Path, frames: list[Frame], look: Look, given: argparse.Namespace) -> Row:
    """Return the rows without and with the correction, [2, 8]."""
    persona = read(SHIPPED / name, shipped=True)
    assert isinstance(persona, Persona), persona
    photo = examine(persona.photos[0])
    plain = Texture.of(photo)
    if given.own:
        correction = tune([photo], {clip.name: frames}, lambda *_: None, Settings()).correction
        frames = frames[len(frames) - len(frames) // 3 :]
    else:
        correction = Correction.load(persona.material.tuned) if persona.material.tuned else None
    tuned = plain.corrected(correction) if correction else plain
    if given.sheets:
        shown = [list(swaps(texture, frames)) for texture in (plain, tuned)]
        chosen = range(0, len(frames), max(len(frames) // 6, 1))
        picked = [[each[k] for k in chosen] for each in shown]
        picture = sheet(photo.image, [frames[k] for k in chosen], *picked)
        cv2.imwrite(str(given.sheets / f"{clip.stem}-{name}.png"), picture)
    return np.stack([scored(photo, look, plain, texture, frames) for texture in (plain, tuned)])


def show(name: str, rows: Sequence[Row]) -> None:
    """Print one line of a Markdown table: before -> after, of colour the difference alone."""
    before, after = np.mean(rows, axis=0)
    cells = [f"{a:.3f} -> {b:.3f}" for a, b in zip(before[:6], after[:6], strict=True)]
    cells += [f"{b - a:+.2f}" for a, b in zip(before[6:], after[6:], strict=True)]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recogniser", type=Path)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--personas", nargs="+", default=sorted(folder.name for folder in SHIPPED.iterdir()))
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--sheets", type=Path)
    given = parser.parse_args()
    look, table = recogniser(given.recogniser), {}
    print("| clip, persona | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for clip in given.clips:
        frames = frames_of(clip, given.frames)
        for name in given.personas:
            table[clip, name] = compared(name, clip, frames, look, given)
            show(f"{clip.stem}, {name}", [table[clip, name]])
    for clip in given.clips:
        show(f"{clip.stem}, all", [row for (c, _), row in table.items() if c == clip])
    show("all", list(table.values()))


if __name__ == "__main__":
    main()
