"""Real people: what stands in for a lost face cannot be recognised, and faults leak nothing."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import Mask, recipe
from leftovers import no_thread_left

from visard.daemon.guard.blur import blurred
from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoReader
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.sources._replay import PictureReplay
from visard.models.face import CHIN, IRIS_LEFT, IRIS_RIGHT, MOUTH_LEFT, MOUTH_RIGHT, NOSE_TIP, Sighting
from visard.models.processor import Patch
from visard.models.track.tracker import Tracker

SAME_PERSON = 0.363
"""Cosine above which SFace calls two pictures one person, as its authors give it."""

ARCFACE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
                    (70.7299, 92.2041)], np.float32)  # fmt: skip


@pytest.fixture(params=["d0.mp4", "d3.mp4", "generated_man.mp4"])
def clip(request, shared: Path):
    path = shared / "data" / "clips" / request.param
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    return path


@pytest.fixture(scope="module")
def identify(shared: Path):
    """Return a function from a picture and its landmarks to SFace's 128 numbers."""
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(str(shared / "data" / "models" / "sface_2021dec_fp16w.onnx"))

    def embed(image, landmarks):
        five = landmarks[[IRIS_LEFT, IRIS_RIGHT, NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT], :2]
        matrix, _ = cv2.estimateAffinePartial2D(five, ARCFACE, method=cv2.LMEDS)
        crop = cv2.cvtColor(cv2.warpAffine(image, matrix, (112, 112)), cv2.COLOR_BGR2RGB)
        tensor = crop.astype(np.float32).transpose(2, 0, 1)[None]
        numbers = session.run(None, {session.get_inputs()[0].name: tensor})[0].ravel()
        return numbers / np.linalg.norm(numbers)

    return embed


def pictures(clip: Path, count: int, every: int = 1) -> Iterator[np.ndarray]:
    with VideoReader(clip) as reader:
        yield from (image for image, _ in islice(reader, 0, count * every, every))


def around(image, face, margin=1.25):
    """Cut the frame down to the face, as when somebody sits very near."""
    (x, y), half = face.centre, face.size * margin / 2
    cut = np.maximum(np.round([y - half, y + half, x - half, x + half]), 0).astype(int)
    return np.ascontiguousarray(image[cut[0] : cut[1], cut[2] : cut[3]])


@pytest.fixture(scope="module")
def tracker():
    one = Tracker(4)
    one.update(np.zeros((90, 160, 3), np.uint8), 0.0)  # its thread is there before any test begins
    return one


def look(tracker, image):
    tracker.forget()
    return max(tracker.update(image, 0.0).faces, key=lambda face: face.size, default=None)


def test_a_blurred_frame_is_past_recognition(clip, identify, tracker):
    judged = 0
    for image in pictures(clip, 6, 10):
        face = look(tracker, image)
        if face is None:
            continue
        judged += 1
        for view in (image, around(image, face)):
            seen = look(tracker, view)
            if seen is not None:
                hidden = blurred(view)
                assert identify(view, seen.landmarks) @ identify(hidden, seen.landmarks) < SAME_PERSON
        assert look(tracker, blurred(image)) is None
    assert judged >= 4


class Painter(Mask):
    """A swapper that paints the face over; ``fails`` tells for which calls it does not."""

    def __init__(self, fails=lambda _: False):
        super().__init__()
        self._fails = fails

    def _cover(self, image, face):
        self.calls += 1
        if self._fails(self.calls):
            raise RuntimeError("no memory left on the device")
        left, top, right, bottom = (round(v) for v in face.box)
        size = bottom - top, right - left
        matrix = np.array([[1, 0, left], [0, 1, top]], np.float32)
        return Patch(np.full((*size, 3), 128, np.uint8), np.full(size, 255, np.uint8), matrix)


class Blinking(Tracker):
    """The real tracker, which now and then sees nothing."""

    def __init__(self, blind=range(0)):
        super().__init__(4)
        self._blind = blind
        self._calls = 0

    def update(self, image, now):
        self._calls += 1
        seen = super().update(image, now)
        return Sighting(()) if self._calls - 1 in self._blind else seen


def detail(image, face):
    """The face's fine structure: what identifies it, whatever the light is."""
    points = face.landmarks[:, :2]
    half = float(np.linalg.norm(points[CHIN] - points[NOSE_TIP])) * 0.6
    x, y = points[NOSE_TIP]
    box = [max(round(float(v)), 0) for v in (y - half, y + half, x - half, x + half)]
    grey = cv2.cvtColor(image[box[0] : box[1], box[2] : box[3]], cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 6)
    return (fine - fine.mean()).ravel()


def alike(a, b, face):
    """Correlation of two pictures' fine structure in the face's region, -1..1."""
    x, y = detail(a, face), detail(b, face)
    return float(x @ y / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-6))


FAULTS = {
    "none": (Painter, Blinking),
    "blind for a second": (Painter, lambda: Blinking(range(15, 38))),
    "blind from the start": (Painter, lambda: Blinking(range(20))),
    "swap fails now and then": (lambda: Painter(lambda n: n % 7 == 0), Blinking),
    "swap always fails": (lambda: Painter(lambda _: True), Blinking),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_faults_leak_nothing(clip, fault, tracker):
    swap, tracking = FAULTS[fault]
    images = list(pictures(clip, 50))
    tracker.forget()
    truth = [tracker.update(image, 100 + number / 25).faces for number, image in enumerate(images)]
    written = []

    class Sink:
        where = "list"

        def write(self, image):
            written.append(image.copy())

        def close(self):
            pass

    height, width = images[0].shape[:2]
    source = PictureReplay([image.copy() for image in images], Format(width, height, 25))
    with Pipeline(source, [Sink()], recipe(swap()), lambda _: tracking()) as pipeline:
        assert pipeline.wait(120)
    assert no_thread_left()
    assert len(written) == len(images)
    judged = [
        (image, out, faces[0]) for image, out, faces in zip(images, written, truth, strict=True) if faces
    ]
    assert len(judged) > 40
    assert min(alike(image, image + 1, face) for image, _, face in judged) > 0.8, "the judge can see"
    leaks = [n for n, (image, out, face) in enumerate(judged) if alike(image, out, face) > 0.4]
    assert leaks == []
