"""Puts the persona on one frame: swaps or animates, blends, and says what was done for the guard."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import cv2
import numpy as np

from visard.daemon.config.settings import Colour, Mode, Settings, reveals
from visard.daemon.guard.blur import blur_face
from visard.daemon.guard.gate import Composed
from visard.daemon.guard.rules import GIVE_UP, FaceEvidence
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.letterbox import letterbox
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.pipeline.blend import Blender
from visard.daemon.pipeline.enhance import EnhanceStep
from visard.daemon.pipeline.face_selection import FaceSelector, Selection
from visard.daemon.pipeline.neutral_reference import NeutralReference
from visard.daemon.pipeline.occlude import OcclusionStep
from visard.daemon.pipeline.recipe import Fade, Recipe, Switches
from visard.daemon.pipeline.stats import Stats
from visard.daemon.pipeline.view import draw_landmarks, viewed
from visard.models.face import Face, Image, Sighting
from visard.models.processor import Animation, Patch, Prepared, ProcessorFailed

log = logging.getLogger(__name__)

_MIDDLE = [1, 6, 50, 280, 205, 425]
"""Landmarks that every swapped face covers: nose and cheeks."""
_HEAD = 0.95
"""Sizes of a face from its centre within which all of a head is."""
_LEAST = 0.4
"""Share of the mask there below which nothing was swapped, as when a network's mask comes out black."""


class Compositor:
    """Makes the picture of each frame; keeps what the blender learned. One thread."""

    def __init__(
        self,
        format: Format,  # noqa: A002
        stats: Stats,
        patience: float = GIVE_UP,
        *,
        wait: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        """``patience``: seconds after which a processor that does not answer has failed.

        ``wait``: faces are recognised before a frame goes on. ``size``: width and height of what is animated.
        """
        self.reference = NeutralReference()
        self._format = format
        self._size = size or (format.width, format.height)
        self._stats = stats
        self._patience = patience
        self._blend = Blender()
        self._select = FaceSelector(format, wait=wait)
        self._occlude = OcclusionStep(stats, wait=wait)
        self._enhance = EnhanceStep(stats, format.fps, patience, wait=not format.live)
        self._former: tuple[PreparedPersona, Compositor] | None = None

    def forget(self, recipe: Recipe, *, calibrate: bool) -> None:
        """Drop what was learned about the drivers: with a new scene, or to ``calibrate``."""
        self._blend.forget()
        self._occlude.forget()
        self._enhance.forget()
        self.reference.calibrate(chosen=calibrate)
        if recipe.persona is not None:
            recipe.persona.prepared.forget()

    def cut(self) -> None:
        """Choose anew: another scene of a film begins."""
        self._select.cut()

    def __call__(
        self, frame: Frame, sighting: Sighting | None, recipe: Recipe, switches: Switches, now: float
    ) -> Composed:
        """Return the picture made of ``frame``, whose image may be changed; ``sighting`` None: not looked."""
        look, picture, settings, animated = None, frame.image, switches.settings, False
        if sighting is not None and switches.reveal:
            look = FaceEvidence(sighting, None, frozenset(), shown=sighting.ids)
        elif sighting is not None and recipe.persona is not None and not switches.paused:
            selection = self._select(frame.image, sighting, switches, now, animate=recipe.animates)
            if not recipe.animates:
                with frame.span("occlude"):
                    faces = self._occlude(frame.image, selection.faces, settings.occluder)
                    selection = replace(selection, faces=faces)
            look, picture = self._fade(frame, sighting, selection, recipe.persona, recipe.fade, settings, now)
            animated = recipe.animates
        with frame.span("view"):
            if settings.landmarks and sighting is not None and not recipe.animates:
                draw_landmarks(picture, sighting.faces)
            return Composed(frame, viewed(picture, settings), look, animated)

    def _fade(
        self,
        frame: Frame,
        sighting: Sighting,
        selection: Selection,
        persona: PreparedPersona,
        fade: Fade | None,
        settings: Settings,
        now: float,
    ) -> tuple[FaceEvidence, Image]:
        """Put the persona on, and while it replaces another in the same mode, both, mixed."""
        share = 1.0 if fade is None or fade.old.mode is not persona.mode else fade.share(now)
        if fade is None or share >= 1:
            self._former = None
            return self._put_on(frame, sighting, selection, persona, settings)
        with frame.span("fade"):
            copy = Frame(frame.index, frame.captured, frame.image.copy())
            old, old_picture = self._before(fade.old)._put_on(copy, sighting, selection, fade.old, settings)
        look, picture = self._put_on(frame, sighting, selection, persona, settings)
        both = replace(look, swapped=look.swapped & old.swapped, failed=look.failed or old.failed)
        return both, np.asarray(cv2.addWeighted(picture, share, old_picture, 1 - share, 0), np.uint8)

    def _before(self, old: PreparedPersona) -> "Compositor":
        """Return what puts the persona on that is being replaced."""
        if self._former is None or self._former[0] is not old:
            self._former = old, Compositor(self._format, self._stats, self._patience, size=self._size)
        return self._former[1]

    def _put_on(
        self,
        frame: Frame,
        sighting: Sighting,
        selection: Selection,
        persona: PreparedPersona,
        settings: Settings,
    ) -> tuple[FaceEvidence, Image]:
        """Put the persona on the selected faces, and cover all others that may not be seen."""
        faces, picture = selection.faces, frame.image
        others, shown = sighting.ids - {face.id for face in faces}, selection.shown
        if persona.mode is Mode.animate:
            done, picture = self._animate(frame, faces, cast(Animation, persona.prepared), settings)
            covered, shown = others, frozenset()
        else:
            with frame.span("cover"):
                covered = _cover(picture, sighting, others - shown)
            done = self._swap(frame, faces, persona.prepared, settings)
            shown |= frozenset(done) if reveals(settings) else frozenset()
        swapped, failed = frozenset(done), len(done) < len(faces)
        return FaceEvidence(sighting, selection.wanted, swapped, failed, covered, shown), picture

    def _swap(self, frame: Frame, faces: Sequence[Face], prepared: Prepared, settings: Settings) -> list[int]:
        """Swap each face in place; return the ids of those that went well."""
        done: list[int] = []
        try:
            patches = self._patches("swap", frame, faces, prepared, settings)
            for face in faces:
                with frame.span("swap"):
                    patch = next(patches)
                if not _covers(patch, face, frame.image):
                    raise ProcessorFailed("the swapped face is empty: its mask leaves the driver's uncovered")
                with frame.span("blend"):
                    self._blend(frame.image, patch, face, settings)
                    if patch.doubt > 0:
                        blur_face(frame.image, face.centre, face.size, _HEAD * face.size, patch.doubt)
                self._enhance(frame, face, settings)
                done.append(face.id)
        except Exception as error:  # one bad frame must not end the call
            self._report("swap", error)
        return done

    def _animate(
        self, frame: Frame, faces: Sequence[Face], animation: Animation, settings: Settings
    ) -> tuple[list[int], Image]:
        """Move the portrait by the one driver; without one the picture is empty and never goes out."""
        try:
            for face in faces:
                self.reference.update(animation, face)
                moved = next(self._patches("animate", frame, (face,), animation, settings)).image
                with frame.span("blend"):
                    return [face.id], letterbox(moved, *self._size)
        except Exception as error:  # one bad frame must not end the call
            self._report("animate", error)
        return [], np.zeros_like(frame.image)

    def _patches(
        self, step: str, frame: Frame, faces: Sequence[Face], prepared: Prepared, settings: Settings
    ) -> Iterator[Patch]:
        """Hand all faces over at once; a device that does not answer has failed."""
        if not faces:
            return iter(())
        with frame.span(step):
            pending = prepared.submit(frame.image, faces, relight=settings.colour is Colour.scene)
            return iter(pending.result(self._patience))

    def _report(self, step: str, error: Exception) -> None:
        if self._stats.failed(step, error):
            log.error("%s failed, the guard stands in: %s: %s", step, type(error).__name__, error)


def _cover(image: Image, sighting: Sighting, ids: frozenset[int]) -> frozenset[int]:
    """Blur faces where they are; return which, since of some nobody may have said where they are."""
    seen = [face for face in sighting.faces if face.id in ids]
    circles = {face.id: (face.centre, face.size, _HEAD * face.size) for face in seen}
    circles |= {face.id: (face.centre, face.size, face.reach) for face in sighting.untracked}
    known = {face for face, circle in circles.items() if np.isfinite((*circle[0], *circle[1:])).all()}
    for face in ids & known:
        blur_face(image, *circles[face])
    return ids & known


def _covers(patch: Patch, face: Face, frame: Image) -> bool:
    """Whether a patch hides anything of the middle of a face, as far as that is inside the frame."""
    points = face.landmarks[_MIDDLE, :2]
    points = points[((points >= 0) & (points < frame.shape[1::-1])).all(1)]
    inverse = cv2.invertAffineTransform(patch.matrix)
    x, y = np.round(points @ inverse[:, :2].T + inverse[:, 2]).astype(int).T
    there = (x >= 0) & (y >= 0) & (x < patch.mask.shape[1]) & (y < patch.mask.shape[0])
    return int(patch.mask[y[there], x[there]].sum()) >= 255 * _LEAST * len(points)
