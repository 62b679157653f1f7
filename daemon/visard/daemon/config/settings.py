"""Everything about the picture that a person can change while it runs."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

CONTROL = r"[\x00-\x1f\x7f]"
"""Characters that no name of a device or file should have, and that no system call may be given."""


def _line(text: str) -> str:
    if re.search(CONTROL, text):
        raise PydanticCustomError("control", "Input should be text without control characters")
    return text


Line = Annotated[str, AfterValidator(_line), Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]*$"})]
"""Text without control characters."""


NO_OCCLUDER = "none"
"""Instead of an occluder's name: nothing is looked for in front of faces."""
NO_ENHANCER = "none"
"""Instead of an enhancer's name: swapped faces stay as they are."""


def _occluders() -> list[str]:
    from visard.models.occluder import occluders

    return [NO_OCCLUDER, *sorted(occluders.all())]


def _enhancers() -> list[str]:
    from visard.models.enhancer import enhancers

    return [NO_ENHANCER, *sorted(enhancers.all())]


def _one_of(kind: str, names: Callable[[], list[str]]) -> tuple[AfterValidator, FieldInfo]:
    """Return what lets a field take these names alone, which are asked for when they are needed."""

    def check(name: str) -> str:
        if name not in (known := names()):
            raise PydanticCustomError(kind, "Input should be one of: {known}", {"known": ", ".join(known)})
        return name

    def tell(schema: dict[str, Any]) -> None:
        schema["enum"] = names()

    return AfterValidator(check), Field(json_schema_extra=tell)


class Mode(StrEnum):
    """How the persona is put on."""

    swap = "swap"
    """The persona's face inside the driver's frame."""
    animate = "animate"
    """The persona's portrait, moved by the driver."""


class Colour(StrEnum):
    """How the swapped face takes on the scene's colour."""

    scene = "scene"
    """The swapper's own: light and shade of the driver's scene."""
    none = "none"
    mean_deviation = "mean-deviation"
    covariance = "covariance"
    histogram = "histogram"


class Who(StrEnum):
    """Which faces are swapped."""

    all = "all"
    largest = "largest"
    centre = "centre"


class WhenLost(StrEnum):
    """What goes out when the face has been lost for longer than the guard holds the last good frame."""

    blur = "blur"
    card = "card"


class Settings(BaseModel):
    """Blend and view settings; immutable, replaced whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opacity: float = Field(1.0, ge=0, le=1, description="how much of the swapped face shows")
    mask_grow: float = Field(0.0, ge=-0.3, le=0.3, description="grow or shrink the mask, share of the face")
    mask_blur: float = Field(0.0, ge=0, le=0.3, description="extra softness of the seam, share of the face")
    colour: Colour = Field(Colour.scene, description="colour transfer")
    keep_mouth: bool = Field(False, description="keep the driver's own mouth and what is around it")
    sharpen: float = Field(0.0, ge=0, le=1, description="sharpen the swapped face")
    occluder: Annotated[str, *_one_of("occluder", _occluders)] = Field(
        "fast",
        max_length=100,
        description="what finds hands and other things in front of faces, so that they stay there: "
        "none, or a name that 'visard occluders' lists",
    )
    enhancer: Annotated[str, *_one_of("enhancer", _enhancers)] = Field(
        NO_ENHANCER,
        max_length=100,
        description="what restores detail of swapped faces: none, or a name that 'visard enhancers' lists",
    )
    enhance_every: int = Field(
        0, ge=0, le=60, description="frames between two looks of the enhancer; 0: as fast as it can"
    )
    enhance_weight: float = Field(
        0.5, ge=0, le=1, description="how true the enhancer codeformer stays to what it is given"
    )
    who: Who = Field(Who.all, description="which faces are swapped")
    max_faces: int = Field(4, ge=1, le=16, description="how many faces are swapped; others are blurred")
    bystanders: bool = Field(
        False, description="let people be seen who were not chosen, and are not enrolled"
    )
    when_lost: WhenLost = Field(WhenLost.blur, description="what goes out when the face is lost")
    rotate: int = Field(
        0, ge=0, le=270, multiple_of=90, description="turn the camera's picture clockwise, degrees"
    )
    mirror: bool = Field(False, description="mirror the output")
    zoom: float = Field(1.0, ge=1, le=4, description="zoom into the output")
    pan_x: float = Field(0.0, ge=-1, le=1, description="move the zoomed view, -1 left to 1 right")
    pan_y: float = Field(0.0, ge=-1, le=1, description="move the zoomed view, -1 up to 1 down")
    landmarks: bool = Field(False, description="draw the landmarks over the output")


def reveals(settings: Settings) -> bool:
    """Whether so little of the persona is left that the driver may be recognised; several weak ones add up.

    Measured: at the limit the driver's likeness (SFace) is up to 0.15 above the default's, at twice 0.34.
    """
    return sum(weaknesses(settings).values()) > 1 + 1e-6


def concealing(settings: Settings) -> dict[str, float]:
    """Return the values nearest to these settings that do not reveal: only what must be changed."""
    if not reveals(settings):
        return {}
    weak, values, usual = weaknesses(settings), settings.model_dump(), Settings().model_dump()
    excess = sum(weak.values())
    return {name: usual[name] + (values[name] - usual[name]) / excess for name in weak}


def weaknesses(settings: Settings) -> dict[str, float]:
    """Return the settings that weaken what hides the driver, and how far each; 1 is the limit of all."""
    shares = {
        "opacity": (1 - settings.opacity) / 0.2,
        "mask_grow": max(-settings.mask_grow, 0) / 0.05,
        "mask_blur": settings.mask_blur / 0.05,
    }
    return {name: share for name, share in shares.items() if share}
