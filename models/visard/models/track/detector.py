"""MediaPipe's face detectors: short range for a face at a desk, full range for small and far ones."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.bundled import network
from visard.models.face import Image
from visard.models.track.crop import Region

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face the detector found: its score 0..1, box (left, top, right, bottom) and 6 keypoints in pixels."""

    score: float
    box: Floats
    keypoints: Floats

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the box in pixels."""
        left, top, right, bottom = map(float, self.box)
        return (left + right) / 2, (top + bottom) / 2

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        left, top, right, bottom = map(float, self.box)
        return max(right - left, bottom - top)

    def moved(self, x: float, y: float) -> "Detection":
        """Return it in a picture that begins ``x`` pixels to the left and ``y`` above."""
        shift = np.array([x, y, x, y], np.float32)
        return Detection(self.score, self.box + shift, self.keypoints + shift[:2])

    @property
    def region(self) -> Region:
        """Where the landmarker should look, turned upright by the eyes (keypoints 0 and 1)."""
        (ax, ay), (bx, by) = self.keypoints[0], self.keypoints[1]
        return Region(*self.centre, self.size * 1.5, float(np.arctan2(by - ay, bx - ax)))


def _anchors(side: int, strides: tuple[tuple[int, int], ...]) -> Floats:
    """Anchor centres, float32 [n, 2] in 0..1; ``strides`` holds (stride, anchors per cell)."""
    layers = []
    for stride, count in strides:
        cells = side // stride
        y, x = np.mgrid[:cells, :cells]
        centres = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
        layers.append(np.repeat(centres, count, 0))
    return np.concatenate(layers).astype(np.float32)


class Detector:
    """One SSD network: picture in, detections out, best first."""

    def __init__(self, name: str, side: int, strides: tuple[tuple[int, int], ...], wait: bool) -> None:
        self._engine = network(name, wait=wait)
        self._side = side
        self._anchors = _anchors(side, strides)

    @classmethod
    def short_range(cls, *, wait: bool = True) -> "Detector":
        """Faces within about two metres of a webcam; 1.4 ms."""
        return cls("mp_face_detector_short", 128, ((8, 2), (16, 6)), wait)

    @classmethod
    def full_range(cls, *, wait: bool = True) -> "Detector":
        """Small and far faces; 4.8 ms."""
        return cls("mp_face_detection_full_range", 192, ((4, 1),), wait)

    def __call__(self, image: Image, *, threshold: float = 0.5, turns: int = 0) -> list[Detection]:
        """Find faces of any number; overlapping ones are merged.

        The networks know faces up to about 45 degrees from upright: ``turns`` quarters to the left first.
        """
        square, scale, left, top = _letterbox(image, self._side)
        if turns:
            square = np.ascontiguousarray(np.rot90(square, turns))
        tensor = cv2.cvtColor(square, cv2.COLOR_BGR2RGB).astype(np.float32)[None] * (2 / 255) - 1
        boxes, scores = sorted(self._engine(tensor), key=lambda a: -a.shape[-1])
        confidence = 1 / (1 + np.exp(-np.clip(scores[0, :, 0], -50, 50)))
        keep = np.flatnonzero(confidence > threshold)
        if not keep.size:
            return []
        raw = boxes[0, keep] / self._side
        anchors = self._anchors[keep]
        centre, extent = raw[:, :2] + anchors, raw[:, 2:4]
        points = np.concatenate([centre - extent / 2, centre + extent / 2, *_keypoints(raw, anchors)], 1)
        upright = _turned_back(points.reshape(-1, 8, 2), turns)
        pixels = (upright * self._side - (left, top)).astype(np.float64) / scale
        return _merge(confidence[keep], pixels)


def _keypoints(raw: Floats, anchors: Floats) -> list[Floats]:
    return [raw[:, i : i + 2] + anchors for i in range(4, 16, 2)]


def _turned_back(points: Floats, turns: int) -> Floats:
    """Points [n, 8, 2] of a turned picture, 0..1, in the upright one; the first two span the box."""
    for _ in range(turns):
        points = np.stack([1 - points[..., 1], points[..., 0]], -1)
    low, high = points[:, :2].min(1, keepdims=True), points[:, :2].max(1, keepdims=True)
    return np.concatenate([low, high, points[:, 2:]], 1)


def _letterbox(image: Image, side: int) -> tuple[Image, float, int, int]:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 0.3 and min(size) > 1:  # a mean of four pixels does, and reading them takes half of the time
        double = 2 * size[0], 2 * size[1]
        image = np.asarray(cv2.resize(image, double, interpolation=cv2.INTER_NEAREST), np.uint8)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 0.4 else cv2.INTER_LINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = small
    return square, scale, left, top


def _merge(scores: Floats, points: npt.NDArray[np.float64]) -> list[Detection]:
    """Non-maximum suppression by weighted mean, as MediaPipe's graph does it."""
    order = list(np.argsort(-scores))
    found = []
    while order:
        best = order[0]
        overlaps = _overlap(points[best, :2], points[order][:, :2])
        group = [i for i, o in zip(order, overlaps, strict=True) if o > 0.3 or i == best]
        mean = np.average(points[group], axis=0, weights=scores[group]).astype(np.float32)
        found.append(Detection(float(scores[best]), mean[:2].reshape(4), mean[2:]))
        order = [i for i in order if i not in group]
    return found


def _overlap(box: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Intersection over union of one box [2, 2] with others [n, 2, 2]."""
    low, high = np.maximum(box[0], others[:, 0]), np.minimum(box[1], others[:, 1])
    common = np.prod(np.clip(high - low, 0, None), 1)
    areas = np.prod(others[:, 1] - others[:, 0], 1)
    return np.asarray(common / np.maximum(areas + np.prod(box[1] - box[0]) - common, 1e-6))
