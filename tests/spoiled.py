"""Good portraits, spoiled: glasses drawn on, blurred, darkened, tinted, lit from a side, cut."""

import cv2
import numpy as np

from visard.models.face import Face, Image
from visard.models.geometry.canonical import EYE_RING_LEFT, EYE_RING_RIGHT
from visard.models.portrait import Portrait

Colour = tuple[int, int, int]


def _eyes(face: Face) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return the centres of both eyes, their width and the angle in degrees."""
    points = face.landmarks[:, :2]
    left, right = points[EYE_RING_LEFT], points[EYE_RING_RIGHT]
    width = float(np.linalg.norm(left[0] - left[8]) + np.linalg.norm(right[0] - right[8])) / 2
    across = right.mean(0) - left.mean(0)
    return left.mean(0), right.mean(0), width, float(np.degrees(np.arctan2(across[1], across[0])))


def with_glasses(
    portrait: Portrait, colour: Colour = (25, 20, 20), rim: float = 0.08, lens: float = 0.0
) -> Image:
    """``rim`` is the frame's thickness in eye widths, ``lens`` how dark the glass is, 0..1."""
    picture, face = portrait.image.copy(), portrait.face
    left, right, width, angle = _eyes(face)
    thick, size = max(1, round(rim * width)), (1.75 * width, (1.35 + 0.3 * lens) * width)
    glass = np.zeros(picture.shape[:2], np.float32)
    for centre in (left, right):
        box = (tuple(map(float, centre)), size, angle)
        cv2.ellipse(glass, box, lens, -1, cv2.LINE_AA)
        cv2.ellipse(picture, box, colour, thick, cv2.LINE_AA)
    picture = (picture * (1 - glass[..., None]) + 12 * glass[..., None]).astype(np.uint8)
    along = 0.87 * width * (right - left) / np.linalg.norm(right - left)
    ends = ((left + along, right - along), (left - along, face.landmarks[234, :2]))
    for begin, end in (*ends, (right + along, face.landmarks[454, :2])):
        where = (tuple(map(int, place)) for place in (begin, end))
        cv2.line(picture, *where, colour, thick, cv2.LINE_AA)
    return picture


def with_fringe(portrait: Portrait, colour: Colour = (30, 40, 55)) -> Image:
    """Straight hair from the hairline down to the brows."""
    picture, points, size = portrait.image.copy(), portrait.face.landmarks[:, :2], portrait.face.size
    numbers = np.random.default_rng(1)
    up = (points[10] - points[152]) / np.linalg.norm(points[10] - points[152])
    for along in np.linspace(0.08, 0.92, 160):
        place = points[127] * (1 - along) + points[356] * along
        low = place + up * size * (0.13 + 0.05 * numbers.random())
        high = place + up * size * (0.25 + 0.3 * (1 - (2 * along - 1) ** 2))
        shade = tuple(int(level * shine) for level in colour for shine in [numbers.uniform(0.6, 1.6)])
        where = (tuple(map(int, end)) for end in (low, high))
        cv2.line(picture, *where, shade, max(1, round(size / 150)), cv2.LINE_AA)
    return picture


def lit_from_the_right(image: Image, least: float) -> Image:
    """``least`` of the light reaches the left edge."""
    along = np.arange(image.shape[1]) / image.shape[1]
    gain = least + (1 - least) / (1 + np.exp(-14 * (along - 0.5)))
    return np.clip(image * gain[None, :, None], 0, 255).astype(np.uint8)


def brighter(image: Image, *factors: float) -> Image:
    """One factor, or one for blue, green and red."""
    return np.clip(image.astype(np.float32) * np.float32(factors) + 0.5, 0, 255).astype(np.uint8)


def grey(image: Image) -> Image:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def defocused(portrait: Portrait) -> Image:
    return cv2.GaussianBlur(portrait.image, (0, 0), portrait.face.size / 90)


def moved_while_taken(portrait: Portrait) -> Image:
    length = round(portrait.face.size / 22) | 1
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return cv2.filter2D(portrait.image, -1, kernel)


def drawing() -> Image:
    """A face of few colours, as a child draws it."""
    picture = np.full((600, 600, 3), (235, 220, 205), np.uint8)
    black = (20, 20, 20)
    cv2.ellipse(picture, (300, 300), (165, 210), 0, 0, 360, (190, 215, 250), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (300, 300), (165, 210), 0, 0, 360, black, 4, cv2.LINE_AA)
    for x in (232, 368):
        cv2.ellipse(picture, (x, 260), (38, 44), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, 260), (38, 44), 0, 0, 360, black, 3, cv2.LINE_AA)
        cv2.circle(picture, (x, 262), 17, (150, 90, 30), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 262), 7, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, 195), (48, 14), 0, 180, 360, (30, 40, 70), 9, cv2.LINE_AA)
    cv2.line(picture, (302, 285), (288, 345), (40, 60, 90), 3, cv2.LINE_AA)
    cv2.ellipse(picture, (300, 410), (58, 26), 0, 0, 180, (60, 60, 200), -1, cv2.LINE_AA)
    return picture
