"""``mesh``: the persona's face texture on the driver's landmark mesh. One photo, no training.

Expression, gaze and speech are the driver's, because the mesh is. The face's own pixels are moved by the
constant difference between the two neutral shapes, the outline with them, fading to nothing around the head.
The texture is relit by the scene; the inside of the mouth, a fringe and glasses stay the driver's.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from visard.models.buffers import Buffers
from visard.models.face import Face, Image, Landmarks
from visard.models.geometry.canonical import LIPS_INNER, canonical
from visard.models.geometry.pose import Pose, facing, fit_pose
from visard.models.geometry.raster import Raster, resample, resample_colours
from visard.models.portrait import examine
from visard.models.processor import Done, Kind, Material, NoOptions, Patch, ProcessorFailed, Report, Under
from visard.models.swap.mesh.correction import Correction
from visard.models.swap.mesh.driver import ALPHA_SIDE, DriverState
from visard.models.swap.mesh.eyes import (
    EYES,
    INNER_LIPS,
    LID_SKIN,
    LIDS,
    Iris,
    Lids,
    blend_toned,
    brow_motion,
    closed,
    draw_iris,
    gaze,
    meet,
)
from visard.models.swap.mesh.light import smoothstep
from visard.models.swap.mesh.mouth import apart, lip_flesh, touching
from visard.models.swap.mesh.repair import MASK_SIDE
from visard.models.swap.mesh.texture import SIDES, Texture
from visard.models.swap.mesh.window import FrameWindow, around_outline, rim_of

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

_DRAWN = 128
"""Side of the drawn lookup; it is linear inside triangles, so more shows nothing."""
_MOVED = 64
"""Side of the drawn displacement, which is smoother still."""
_LIKENESS = 1.15
"""How much of the shape difference is applied; a little more than all of it reads as more alike."""
_BUFFERS = 8_000_000
"""About the bytes of its buffers with a face of 400 pixels."""


class MeshSwap:
    """One persona on any driver; one thread."""

    def __init__(self, texture: Texture) -> None:
        self.bytes = sum(level.nbytes for level in texture.levels.values()) + _BUFFERS
        self._closed = False
        self._texture = texture
        self._grey: Texture | None = None
        self._drivers: dict[int, DriverState] = {}
        self._seen: set[int] = set()
        self._scratch = Buffers()
        self._shone: tuple[int, Floats] | None = None
        triangles = canonical().triangles
        self._lookup = Raster(triangles, _DRAWN, _DRAWN)
        self._shift = Raster(np.concatenate([triangles, around_outline()]), _MOVED, _MOVED)

    def forget(self) -> None:
        """Drop what was learned about the drivers."""
        self._drivers.clear()

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Done:
        """Swap each face, one buffer for all: about 5 ms for a face of 400 pixels on one thread."""
        if self._closed:
            raise ProcessorFailed("this persona was closed")
        self._seen = {face.id for face in faces}
        return Done(self(picture, face, relight=relight) for face in faces)

    def adjust(self, options: NoOptions) -> bool:  # noqa: ARG002
        """There is nothing to adjust."""
        return True

    def close(self) -> None:
        """Swap no more; the memory goes with the last reference."""
        self._closed = True

    def __call__(self, image: Image, face: Face, *, relight: bool = True) -> Patch:
        """Swap one face; about 5 ms for a face of 400 pixels on one thread."""
        driver = self._driver(face.id)
        points = face.landmarks[:468]
        pose = fit_pose(face.landmarks)
        own = driver.shape(face, pose)
        moved = self._move(own, face, pose, driver.lids)
        rim = rim_of(points)
        inner = FrameWindow.around(moved, image)
        outer = FrameWindow.around(np.concatenate([moved, rim]), image)
        alpha, gain = driver.surface(image, face, pose)
        if not relight:
            gain = np.ones_like(gain)
        persona = self._shown(driver)
        texture = self._lit(persona, gain if relight else None, float(np.ptp(points[:, 0])))
        under = self._under(image, face, moved, rim, outer)
        painted, mask = self._paint(texture, alpha, moved, pose, inner)
        scene = under[inner.y - outer.y :, inner.x - outer.x :][: inner.height, : inner.width]
        self._eyes(painted, scene, face, moved, inner, gain, persona.irises)
        self._close(painted, scene, moved, closed(points, own, pose.scale), inner)
        self._close_lips(painted, scene, moved, inner)
        self._keep(mask, moved, inner)
        below = Under(under, outer.x, outer.y)
        return Patch(painted, mask, inner.matrix, below, doubt=driver.doubt(pose))

    def _driver(self, number: int) -> DriverState:
        """What is known of a driver; one who is new may be the one who was lost, with the same glasses."""
        if number not in self._drivers:
            if len(self._drivers) >= 16:
                self._drivers.pop(next(iter(self._drivers)))
            lost = next(
                (known for face, known in reversed(self._drivers.items()) if face not in self._seen), None
            )
            self._drivers[number] = DriverState(self._texture.own, lost)
        return self._drivers[number]

    def _move(self, own: Landmarks, face: Face, pose: Pose, lids: Lids) -> Landmarks:
        """The driver's mesh in the persona's shape, [468, 3] in pixels; ``own`` is the driver's neutral."""
        persona = self._texture.shape
        shift = np.clip(_LIKENESS * (persona - own)[:468], -1.5, 1.5)
        if self._texture.offset is not None:
            shift += self._texture.offset
        moved = face.landmarks[:468] + pose.turn(shift + brow_motion(pose.upright(face.landmarks), own))
        meet(moved, face.landmarks, LIDS, lids.ratio(face.landmarks, own, persona, pose.scale))
        meet(moved, face.landmarks, INNER_LIPS, apart(face.landmarks[LIPS_INNER, :2]))
        return moved

    def _shown(self, driver: DriverState) -> Texture:
        """The texture, without its colour where the driver's camera knows none."""
        if not driver.monochrome:
            return self._texture
        self._grey = self._grey or self._texture.monochrome()
        return self._grey

    def _lit(self, persona: Texture, gain: Floats | None, across: float) -> Image:
        """The persona's texture nearest to the face's width in pixels, in the scene's light."""
        side = next((s for s in reversed(SIDES) if s >= across), SIDES[0])
        texture = persona.levels[side]
        if gain is None:
            return texture
        lit = self._scratch.bytes("lit", side, side, 3)
        if self._shone is None or self._shone[0] != side or self._shone[1] is not gain:
            wide = self._scratch.floats("gain", side, side, 3)
            cv2.resize(gain, (side, side), dst=wide, interpolation=cv2.INTER_LINEAR)
            cv2.multiply(texture, wide, dst=lit, dtype=cv2.CV_8U)
            self._shone = side, gain
        return lit

    def _under(
        self, image: Image, face: Face, moved: Landmarks, rim: Landmarks, window: FrameWindow
    ) -> Image:
        """The driver's own pixels moved into the persona's shape, but for what is in front of the face."""
        points = face.landmarks[:468]
        corners = np.concatenate([moved, rim])
        values = np.zeros((len(corners), 3), np.float32)
        values[:468, :2] = points[:, :2] - moved[:, :2]
        if face.occlusion is not None:
            values[:468] *= 1 - face.occlusion.at(points[:, :2])[:, None]
        drawn = self._shift(window.scaled(corners, _MOVED), values)
        source = window.wider(math.ceil(float(np.abs(values).max())) + 2, image)
        columns, rows = (self._scratch.floats(name, window.height, window.width) for name in ("x", "y"))
        cv2.resize(drawn[..., 0], (window.width, window.height), dst=columns)
        cv2.resize(drawn[..., 1], (window.width, window.height), dst=rows)
        columns += np.arange(window.x - source.x, window.x - source.x + window.width, dtype=np.float32)
        rows += np.arange(window.y - source.y, window.y - source.y + window.height, dtype=np.float32)[:, None]
        under = self._scratch.bytes("under", window.height, window.width, 3)
        resample_colours(source.of(image), columns, rows, under, self._scratch)
        return under

    def _paint(
        self, texture: Image, alpha: Mask, moved: Landmarks, pose: Pose, window: FrameWindow
    ) -> tuple[Image, Mask]:
        """Draw the texture and its mask over the moved mesh."""
        side = texture.shape[0]
        values = np.empty((468, 3), np.float32)
        values[:, :2] = lip_flesh()
        values[:, 2] = smoothstep(facing(pose), 0.0, 0.3)
        drawn = self._lookup(window.scaled(moved, _DRAWN), values, background=-0.1)
        plane = np.ascontiguousarray(drawn[..., :2])
        shown = resample(alpha, plane * ALPHA_SIDE - np.float32(0.5), border=cv2.BORDER_CONSTANT)
        mask = cv2.erode(cv2.multiply(shown, np.maximum(drawn[..., 2], 0), dtype=cv2.CV_8U), _SQUARE)
        size = window.width, window.height
        shown = self._scratch.bytes("mask", *size[::-1])
        cv2.resize(mask, size, dst=shown)
        lookup = self._scratch.floats("map", *size[::-1], 2)
        cv2.resize(plane * side - np.float32(0.5), size, dst=lookup)
        painted = self._scratch.bytes("face", *size[::-1], 3)
        resample_colours(texture, lookup, None, painted, self._scratch)
        return painted, shown

    def _eyes(
        self,
        painted: Image,
        scene: Image,
        face: Face,
        moved: Landmarks,
        window: FrameWindow,
        gain: Floats,
        irises: tuple[Iris, Iris],
    ) -> None:
        """Draw the irises at the driver's gaze."""
        rings = [moved[ring, :2] - window.corner for ring, _ in EYES]
        opened = self._area("opened", window, rings, (255, 255), _softness(moved))
        for (ring, centre), iris in zip(EYES, irises, strict=True):
            middle, radius = gaze(face.landmarks, moved, ring, centre)
            u, v = (canonical().uv[ring].mean(0) * MASK_SIDE).astype(int)
            draw_iris(painted, scene, opened, iris, middle - window.corner, radius, gain[v, u])

    def _close(
        self, painted: Image, scene: Image, moved: Landmarks, shut: list[float], window: FrameWindow
    ) -> None:
        """Put the driver's lids, in the texture's tone, where eyes close: no photo of open eyes has them."""
        for number, (loop, share) in enumerate(zip(LID_SKIN, shut, strict=True)):
            if share > 0.02:
                skin = [moved[loop, :2] - window.corner]
                lids = self._area(f"lid {number}", window, skin, (255 * share,), 3 * _softness(moved))
                blend_toned(painted, scene, lids)

    def _close_lips(self, painted: Image, scene: Image, moved: Landmarks, window: FrameWindow) -> None:
        """Let the driver's line between closed lips through, in the texture's tone."""
        lips = moved[LIPS_INNER, :2] - window.corner
        width = float(np.linalg.norm(lips[0] - lips[10]))
        shut = touching(lips)
        if shut > 0.02:
            band = self._area("line", window, [lips], (255 * shut,), 0.03 * width, edge=0.06 * width)
            blend_toned(painted, scene, band)

    def _keep(self, mask: Mask, moved: Landmarks, window: FrameWindow) -> None:
        """Leave the inside of the mouth to the driver."""
        soft, lips = _softness(moved), moved[LIPS_INNER, :2] - window.corner
        mouth = self._area("mouth", window, [lips], (255,), soft)
        part = _reach([lips], soft)
        if mask[part].size:
            mask[part] = cv2.multiply(mask[part], cv2.bitwise_not(mouth[part]), scale=1 / 255)

    def _area(
        self,
        name: str,
        window: FrameWindow,
        loops: list[Floats],
        levels: Sequence[float],
        soft: float,
        edge: float = 0.0,
    ) -> Mask:
        """Soft areas inside loops of window pixels, each at its level 0..255, ``edge`` pixels larger."""
        area = self._scratch.bytes(name, window.height, window.width)
        area.fill(0)
        for loop, level in zip(loops, levels, strict=True):
            corners = np.round(loop * 16).astype(np.int32)
            cv2.fillPoly(area, [corners], round(level), shift=4)
            if edge:
                cv2.polylines(area, [corners], True, round(level), max(round(2 * edge), 1), shift=4)
        part = _reach(loops, soft)
        if area[part].size:
            area[part] = cv2.GaussianBlur(area[part], (0, 0), soft, borderType=cv2.BORDER_ISOLATED)
        return area


_SQUARE = np.ones((3, 3), np.uint8)


def _reach(loops: list[Floats], soft: float) -> tuple[slice, slice]:
    """The part of a window in which loops show once they are blurred."""
    x, y, w, h = cv2.boundingRect(np.concatenate(loops).astype(np.float32))
    margin = int(4 * soft) + 2
    left, top = max(x - margin, 0), max(y - margin, 0)
    return slice(top, max(y + h + margin, top)), slice(left, max(x + w + margin, left))


def _softness(moved: Landmarks) -> float:
    """Blur of edges inside the face, in pixels."""
    return max(0.7, float(np.ptp(moved[:, 0])) * 0.005)


class Mesh:
    """The swapper: needs one photo, takes several of the same person, and no network of its own."""

    name = "mesh"
    summary = "the persona's texture on the driver's face mesh; one photo, runs on any CPU"
    kind: Kind = "swap"
    accepts = frozenset({"photo"})
    quality = 40
    Options = NoOptions

    def check(self, material: Material) -> tuple[str, ...]:
        """Examine the photos."""
        return tuple(dict.fromkeys(text for photo in material.photos for text in examine(photo).warnings))

    def prepare(self, material: Material, options: NoOptions, report: Report) -> MeshSwap:  # noqa: ARG002
        """Unroll the photos; about 0.3 s each."""
        portraits = []
        for number, photo in enumerate(material.photos):
            report(0.6 * number / len(material.photos), f"reading {photo.name}")
            portraits.append(examine(photo))
        report(0.6, "unrolling the face")
        texture = Texture.of(*portraits)
        return MeshSwap(texture.corrected(Correction.load(material.tuned)) if material.tuned else texture)


processor = Mesh()
