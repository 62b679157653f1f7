"""A second swapper, dropped in as somebody else's would be: it covers the face with one colour."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from visard.models.face import Face, Image
from visard.models.processor import Done, Material, Patch, Report, swappers


class Shade(StrEnum):
    """Which colour."""

    red = "red"
    green = "green"


class TintOptions(BaseModel):
    """One option of every type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: float = Field(0.75, ge=0, le=1, description="how bright the colour is")
    shade: Shade = Field(Shade.red, description="which colour")
    steps: int = Field(32, ge=16, le=64, multiple_of=16, description="steps of the colour")
    soft: bool = Field(False, description="soften the edge")
    size: float | None = Field(None, ge=0.5, le=2, description="size of the patch; none: the face's")


class PreparedTint:
    """One persona, ready."""

    bytes = 1000

    def __init__(self, options: TintOptions) -> None:
        self.options = options

    def submit(self, picture: Image, faces: Sequence[Face], *, relight: bool = True) -> Done:
        return Done([self._patch(face) for face in faces])

    def _patch(self, face: Face) -> Patch:
        left, top, right, bottom = face.box
        patch = np.zeros((round(bottom - top) + 5, round(right - left) + 5, 3), np.uint8)
        patch[..., 2 if self.options.shade is Shade.red else 1] = round(255 * self.options.strength)
        matrix = np.array([[1, 0, round(left) - 2], [0, 1, round(top) - 2]], np.float32)
        return Patch(patch, np.full(patch.shape[:2], 255, np.uint8), matrix)

    def adjust(self, options: TintOptions) -> bool:
        self.options = options
        return True

    def forget(self) -> None:
        pass

    def close(self) -> None:
        pass


class Tint:
    """The swapper."""

    name = "tint"
    summary = "covers the face with one colour"
    kind = "swap"
    accepts = frozenset({"photo", "tint"})
    quality = 1
    Options = TintOptions

    def check(self, material: Material) -> tuple[str, ...]:
        return ("it looks like nobody",) if material.model else ()

    def prepare(self, material: Material, options: TintOptions, report: Report) -> PreparedTint:
        report(0.5, "mixing")
        return PreparedTint(options)


def drop_in(monkeypatch: pytest.MonkeyPatch) -> Tint:
    """Have the registry find it."""
    tint = Tint()
    monkeypatch.setitem(swappers.all(), tint.name, tint)  # type: ignore[arg-type]
    return tint
