"""What lies over the skin in a photo, or is not in it: hair, glasses, teeth, parts beyond its edge.

Each step looks for what it replaces and leaves a texture in which there is nothing of it as it is.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.face import Image
from visard.models.geometry.canonical import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_RING_LEFT,
    EYE_RING_RIGHT,
    LIPS_INNER,
    LIPS_OUTER,
)
from visard.models.geometry.uv import edge_distance, inside, polygons, reduced, texels
from visard.models.photo import measures
from visard.models.swap.mesh.glasses import find_frame
from visard.models.swap.mesh.light import Skin, skin_area, smoothstep, trust
from visard.models.swap.mesh.shading import as_bytes, blurred, step

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

MASK_SIDE = 96
"""Side of the texture that hair is looked for on."""
_LINE, _SURE_LINE = 0.09, 0.16
"""How much a line differs from its surroundings, as a share: to be part of a frame, and to begin one."""


def filled(texture: Image, gone: Floats, known: Floats) -> Image:
    """Replace texels by what is around them, smoothly, and with grain.

    ``gone`` says how much of each is replaced, ``known`` which may be taken, float32 [side, side] 0..1.
    """
    weight = known * (1 - gone)
    weighted = np.asarray(np.dstack([texture * weight[..., None], weight]), np.float32)
    mean = weighted[..., :3].sum((0, 1)) / max(float(weight.sum()), 1e-3)
    smooth = _spread(weighted, mean, (8, 16, 32, 64, 128))
    return _blended(texture, smooth + _grain(texture, weight), gone)


def _spread(weighted: Floats, start: Floats, parts: tuple[int, ...]) -> Floats:
    """Continue what is known into what is not, [side, side, 3], ever nearer, where there is something near.

    ``weighted`` is that times its weight, and the weight, [side, side, 4]; ``start`` is what is taken far
    from all of it; the means are over the side by each of ``parts``.
    """
    known = start
    for part in parts:
        soft = blurred(weighted, len(weighted) / part)
        share = np.clip(4 * soft[..., 3:], 0, 1)
        near = soft[..., :3] / np.maximum(soft[..., 3:], 1e-4)
        known = np.asarray(known * (1 - share) + share * near, np.float32)
    return known


def _blended(texture: Image, other: npt.NDArray[np.floating], share: Floats) -> Image:
    return as_bytes(texture * (1 - share[..., None]) + other * share[..., None])


def _grain(texture: Image, known: Floats) -> Floats:
    """Noise as strong as the skin's own, float32 [side, side, 1]."""
    grey = cv2.cvtColor(texture, cv2.COLOR_BGR2GRAY)
    fine = np.abs(grey - blurred(grey, 1.5))[(known > 0.5) & (inside(len(grey)) > 0)]
    strength = 2.4 * float(np.median(fine)) if fine.size else 0.0
    noise = np.random.default_rng(0).standard_normal(texture.shape[:2])
    return np.asarray(strength * blurred(noise, 0.8)[..., None], np.float32)


@cache
def hair_area(side: int) -> Floats:
    """Where hair may hang into the face: forehead and temples, float32 [side, side], 0..1."""
    points = texels(side)
    rows = np.arange(side, dtype=np.float32)[:, None]
    forehead = smoothstep(float(points[[105, 334], 1].mean()) - rows, side * 0.01, side * 0.05)
    beside = smoothstep(0.14 - edge_distance(side), 0, 0.05) * smoothstep(
        float(points[[61, 291], 1].mean()) - rows, 0, side * 0.1
    )
    return np.asarray(np.maximum(np.broadcast_to(forehead, (side, side)), beside), np.float32)


def hair(colours: Image, skin: Skin) -> Floats:
    """How likely each texel of a square texture is hair over skin, 0..1."""
    return smoothstep(-skin.off(colours), 0.28, 0.5) * hair_area(colours.shape[0])


def without_hair(texture: Image) -> Image:
    """Replace fringe and background in the photo by skin: the mirrored side's where that is bare."""
    side = texture.shape[0]
    small = reduced(texture, MASK_SIDE)
    skin = Skin.fit(small)
    found = np.asarray(cv2.dilate(hair(small, skin), np.ones((5, 5), np.uint8)), np.float32)
    share = np.maximum(cv2.resize(blurred(found, 2), (side, side)), _strands(texture, skin))
    if share.mean() < 0.002:
        return texture
    sure = cv2.resize(trust(skin.off(small)), (side, side)) * (1 - share)
    model = skin.colours(side)
    bare = model * _tone(texture, model, np.asarray(sure * skin_area(side), np.float32))
    bare += np.clip(0.3 * (texture - blurred(texture, 2)), -4, 4)
    tone = np.clip(np.maximum(model, 1) / np.maximum(model[:, ::-1], 1), 0.5, 2)
    clean = smoothstep(1 - np.asarray(cv2.blur(share, (side // 32, side // 32)), np.float32), 0.8, 1)[:, ::-1]
    clean = blurred(clean * skin_area(side) * (edge_distance(side) > 0.05), side / 100)[..., None]
    bare = bare * (1 - clean) + texture[:, ::-1] * tone * clean
    return _blended(texture, bare, share)


def _tone(texture: Image, other: Floats, known: Floats) -> Floats:
    """What ``other`` is multiplied by to meet a texture where that is ``known``, and around there."""
    ratio = np.log((texture + np.float32(6)) / (np.maximum(other, 0) + np.float32(6)))
    weighted = np.dstack([ratio * known[..., None], known])
    tone = _spread(np.asarray(weighted, np.float32), np.zeros(3, np.float32), (6, 12, 24, 48))
    return np.asarray(np.exp(np.clip(tone, -0.7, 0.7)), np.float32)


def _strands(texture: Image, skin: Skin) -> Floats:
    """Where strands lie over a forehead, down to the brows; nothing where there is no fringe."""
    work = measures.SIDE
    small = reduced(texture, work)
    share = step(measures.streaks(small), 0.6 * measures.STREAKS, 0.8 * measures.STREAKS)
    if share == 0:
        return np.zeros(texture.shape[:2], np.float32)
    rows = np.arange(work, dtype=np.float32)[:, None]
    forehead = rows < texels(work)[[8, 52, 282], 1].mean()
    eyes_and_brows = [EYE_RING_LEFT, EYE_RING_RIGHT, BROW_LEFT, BROW_RIGHT]
    logs = np.log(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32) + 8)
    striped = smoothstep(blurred(np.abs(cv2.Sobel(logs, cv2.CV_32F, 1, 0, ksize=3) / 8), 2), 0.012, 0.022)
    other = smoothstep(np.asarray(np.abs(skin.off(small)), np.float32), 0.12, 0.25)
    found = np.maximum(striped, other) * (forehead & (polygons(work, eyes_and_brows, 2) == 0))
    apart = cv2.distanceTransform(255 - polygons(work, eyes_and_brows), cv2.DIST_L2, 5)
    clear = smoothstep(np.asarray(apart, np.float32), 1, 9)  # brows end softly, in no outline of skin
    found = cv2.dilate(found, _disc(3)) * (forehead * clear)
    return np.asarray(share * cv2.resize(blurred(found, 1.5), texture.shape[:2]), np.float32)


def without_glasses(texture: Image) -> Image:
    """Return the texture with a frame painted over; unchanged without one, or with dark lenses."""
    side = texture.shape[0]
    small = reduced(texture, measures.SIDE)
    if measures.lens_darkness(small) > measures.DARK_LENS:
        return texture
    frame = cv2.dilate(find_frame(small), _disc(1)).astype(np.float32) / 255
    if measures.bridge(small) >= measures.BRIDGE:
        frame = np.maximum(frame, _frame(small))
    if not frame.any():
        return texture
    gone = np.clip(1.5 * cv2.resize(blurred(frame, 1), (side, side)), 0, 1)
    skin = skin_area(side) * (edge_distance(side) > 0.03)
    return filled(texture, np.asarray(gone, np.float32), np.asarray(skin, np.float32))


def _frame(texture: Image) -> Floats:
    """Where a frame is on a texture of ``measures.SIDE``, 0 or 1."""
    thin, thick = measures.thin_lines(texture), measures.thin_lines(texture, 17, light=False)
    lines = np.maximum(thin, 0.5 * thick) * _around_eyes()  # sockets are dark and wide too
    faint = min(1.0, 2.5 * measures.bridge(texture))  # thin rims of metal are no clearer than their bridge
    count, pieces, boxes, _ = cv2.connectedComponentsWithStats((lines > faint * _SURE_LINE).astype(np.uint8))
    wide = boxes[:, cv2.CC_STAT_WIDTH] > 0.05 * measures.SIDE
    sure = np.isin(pieces, 1 + np.flatnonzero(wide[1:count])).astype(np.uint8)
    near = cv2.dilate(sure, _disc(3)) > 0
    frame = cv2.dilate((near & (lines > faint * _LINE)).astype(np.uint8), _disc(2))
    return np.asarray(frame * _around_eyes(), np.float32)


def _disc(radius: int) -> Mask:
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


@cache
def _around_eyes() -> npt.NDArray[np.bool_]:
    """Where frames sit, [256, 256]: from the brows to half the cheeks, but on eyes, brows and nose tip."""
    side, points = measures.SIDE, texels(measures.SIDE)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    nose = np.abs(x - side / 2) < 0.1 * side
    lowest = np.where(nose, points[195, 1], points[[4, 205, 425], 1].mean())
    band = (y > points[[105, 334], 1].min() - 6) & (y < lowest) & (inside(side) > 0)
    features = polygons(side, [EYE_RING_LEFT, EYE_RING_RIGHT], 2) | polygons(side, [BROW_LEFT, BROW_RIGHT], 2)
    return np.asarray(band & (features == 0), np.bool_)


def without_teeth(texture: Image, gap: float) -> Image:
    """Paint lips over what an open mouth shows; ``gap`` is the lips' distance over the mouth's width."""
    if gap < 0.02:
        return texture
    side = texture.shape[0]
    mouth = polygons(side, [LIPS_INNER], side // 200) > 0
    lips = (polygons(side, [LIPS_OUTER]) > 0) & ~mouth
    return filled(texture, blurred(mouth, side / 400), lips.astype(np.float32))
