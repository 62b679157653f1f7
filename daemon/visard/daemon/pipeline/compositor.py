"""Puts the persona on one frame: swaps or animates, blends, and says what was done for the guard."""

import logging
from dataclasses import replace

import cv2
import numpy as np

from visard.daemon.config.settings import Colour, Mode, Who
from visard.daemon.guard.gate import Composed
from visard.daemon.guard.rules import FaceEvidence
from visard.daemon.media.frame import Format, Frame
from visard.daemon.media.letterbox import letterbox
from visard.daemon.pipeline.blend import Blender
from visard.daemon.pipeline.face_selection import Choice, choose
from visard.daemon.pipeline.neutral_reference import NeutralReference
from visard.daemon.pipeline.recipe import Recipe
from visard.daemon.pipeline.stats import Stats
from visard.daemon.pipeline.view import draw_landmarks, viewed
from visard.models.animate import Animation
from visard.models.face import Face, Image, Sighting
from visard.models.swap import Swap

log = logging.getLogger(__name__)


class Compositor:
    """Makes the picture of each frame; keeps who was chosen and what the blender learned. One thread."""

    def __init__(self, format: Format, stats: Stats) -> None:  # noqa: A002
        self.reference = NeutralReference()
        self._format = format
        self._stats = stats
        self._blend = Blender()
        self._choice: Choice | None = None
        self._former: tuple[Recipe, Compositor] | None = None

    def forget(self, recipe: Recipe) -> None:
        """Drop what was learned about the drivers: after calibration or with a new scene."""
        self._blend.forget()
        self.reference.calibrate()
        if recipe.swap is not None:
            recipe.swap.forget()

    def cut(self) -> None:
        """Choose anew: another scene of a film begins."""
        self._choice = None

    def __call__(self, frame: Frame, sighting: Sighting | None, recipe: Recipe, now: float) -> Composed:
        """Return the picture made of ``frame``, whose image may be changed; ``sighting`` None: not looked."""
        look, picture = None, frame.image
        if sighting is not None and recipe.covers and not recipe.reveal:
            look, picture = self._fade(frame, sighting, recipe, now)
        with frame.span("view"):
            if recipe.settings.landmarks and sighting is not None and recipe.mode is Mode.swap:
                draw_landmarks(picture, sighting.faces)
            animated = look is not None and recipe.mode is Mode.animate
            return Composed(frame, viewed(picture, recipe.settings), look, animated)

    def _fade(
        self, frame: Frame, sighting: Sighting, recipe: Recipe, now: float
    ) -> tuple[FaceEvidence, Image]:
        """Put the recipe on, and while it replaces another in the same mode, both, mixed."""
        fade = recipe.fade
        share = 1.0 if fade is None or fade.old.mode is not recipe.mode else fade.share(now)
        if fade is None or share >= 1 or not fade.old.covers:
            self._former = None
            return self._put_on(frame, sighting, recipe, now)
        with frame.span("fade"):
            copy = Frame(frame.index, frame.captured, frame.image.copy())
            old, old_picture = self._before(fade.old)._put_on(copy, sighting, fade.old, now)
        look, picture = self._put_on(frame, sighting, recipe, now)
        both = replace(look, swapped=look.swapped & old.swapped, failed=look.failed or old.failed)
        return both, np.asarray(cv2.addWeighted(picture, share, old_picture, 1 - share, 0), np.uint8)

    def _before(self, old: Recipe) -> "Compositor":
        """Return what puts the recipe on that is being replaced."""
        if self._former is None or self._former[0] is not old:
            self._former = old, Compositor(self._format, self._stats)
        return self._former[1]

    def _put_on(
        self, frame: Frame, sighting: Sighting, recipe: Recipe, now: float
    ) -> tuple[FaceEvidence, Image]:
        animate = recipe.mode is Mode.animate
        who = Who.largest if animate and recipe.settings.who is Who.all else recipe.settings.who
        wanted, self._choice = choose(
            self._choice, who, sighting, self._format.width, self._format.height, now
        )
        faces = [face for face in sighting.faces if wanted is None or face.id in wanted]
        if recipe.mode is Mode.animate and recipe.animation is not None:
            done, picture = self._animate(frame, faces, recipe.animation)
        else:
            done, picture = self._swap(frame, faces, recipe), frame.image
        return FaceEvidence(sighting, wanted, frozenset(done), failed=len(done) < len(faces)), picture

    def _swap(self, frame: Frame, faces: list[Face], recipe: Recipe) -> list[int]:
        """Swap each face in place; return the ids of those that went well."""
        done = []
        for face in faces:
            try:
                if recipe.swap is not None:
                    self._swap_one(frame, face, recipe.swap, recipe)
                    done.append(face.id)
            except Exception as error:  # one bad frame must not end the call
                self._report("swap", error)
        return done

    def _swap_one(self, frame: Frame, face: Face, swap: Swap, recipe: Recipe) -> None:
        with frame.span("swap"):
            patch = swap(frame.image, face, relight=recipe.settings.colour is Colour.scene)
        with frame.span("blend"):
            self._blend(frame.image, patch, face, recipe.settings)

    def _animate(self, frame: Frame, faces: list[Face], animation: Animation) -> tuple[list[int], Image]:
        """Move the portrait by the one driver; without one the picture is empty and never goes out."""
        try:
            for face in faces:
                with frame.span("animate"):
                    self.reference.update(animation, face)
                    moved = animation(face)
                with frame.span("blend"):
                    return [face.id], letterbox(moved, self._format.width, self._format.height)
        except Exception as error:  # one bad frame must not end the call
            self._report("animate", error)
        return [], np.zeros_like(frame.image)

    def _report(self, step: str, error: Exception) -> None:
        if self._stats.failed(step, error):
            log.error("%s failed, the guard stands in: %s: %s", step, type(error).__name__, error)
