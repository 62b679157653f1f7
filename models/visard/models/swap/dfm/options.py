"""The options of a trained face: DeepFaceLive's settings, with its names, ranges and defaults.

Left out are what this program has for all faces: detector, opacity, delay and stream; and the compression of
colours, which DeepFaceLive applies to the whole frame, far from any face. Its post-gamma hands over green
and blue swapped; here each slider moves the channel that it names.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from visard.models.processor import ASK


class FaceType(StrEnum):
    """How much of the head a model was trained on; the file does not tell."""

    half = "half"
    mid_full = "mid_full"
    full = "full"
    whole_face = "whole_face"
    head = "head"


CROPS = {
    FaceType.half: (1.0, 0.0),
    FaceType.mid_full: (1 + 2 * 2**0.5 * 0.0675, 0.0),
    FaceType.full: (1 + 2 * 2**0.5 * 0.2109375, 0.0),
    FaceType.whole_face: (2.2, -0.08),
    FaceType.head: (1 + 2 * 2**0.5 * 0.70, -0.5),
}
"""Coverage and shift down: DeepFaceLab's, but for whole_face, where DeepFaceLive's is 3 % larger."""


class MaskMode(StrEnum):
    """How masks become one."""

    product = "product"
    minimum = "minimum"


class ColourTransfer(StrEnum):
    """How the result's colours are made the crop's."""

    none = "none"
    rct = "rct"


class Interpolation(StrEnum):
    """How the result is scaled back into the frame."""

    bilinear = "bilinear"
    bicubic = "bicubic"
    lanczos4 = "lanczos4"


Gamma = Annotated[float, Field(ge=0.01, le=4)]


class DfmOptions(BaseModel):
    """All may change while it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    face_type: FaceType = Field(
        FaceType.whole_face,
        description="how much of the head the model was trained on; the file does not tell",
        json_schema_extra={ASK: True},
    )
    coverage: float | None = Field(
        None,
        ge=0.1,
        le=8,
        description="size of the crop, 1: the square around the mean face; none: the face type's",
    )
    x_offset: float = Field(0, ge=-10, le=10, description="moves the crop right, in sides of the mean face")
    y_offset: float = Field(0, ge=-10, le=10, description="moves the crop down, in sides of the mean face")
    resolution: int = Field(224, ge=16, le=1024, multiple_of=16, description="side of the crop in pixels")
    exclude_moving_parts: bool = Field(
        True, description="align by nose and cheeks alone, so that the crop does not follow the expression"
    )
    head_mode: bool = Field(False, description="for head models in DeepFaceLive's way: larger, higher, aside")
    freeze_z: bool = Field(False, description="the crop stays upright when the head rolls")
    morph_factor: float = Field(
        0.75, ge=0, le=1, description="AMP models: from the driver's identity, 0, to the celebrity's, 1"
    )
    presharpen: float = Field(0, ge=0, le=10, description="sharpens the crop before the network")
    pre_gamma_red: Gamma = Field(1, description="gamma of red before the network; above 1 is brighter")
    pre_gamma_green: Gamma = Field(1, description="gamma of green before the network")
    pre_gamma_blue: Gamma = Field(1, description="gamma of blue before the network")
    post_gamma_red: Gamma = Field(1, description="gamma of red after the network")
    post_gamma_green: Gamma = Field(1, description="gamma of green after the network")
    post_gamma_blue: Gamma = Field(1, description="gamma of blue after the network")
    two_pass: bool = Field(
        False, description="gives the result to the network once more; takes twice as long"
    )
    face_x_offset: float = Field(0, ge=-0.5, le=0.5, description="moves the result right, in crops")
    face_y_offset: float = Field(0, ge=-0.5, le=0.5, description="moves the result down, in crops")
    face_scale: float = Field(1, ge=0.5, le=1.5, description="size of the result")
    mask_source: bool = Field(True, description="use the network's mask of the driver's face")
    mask_celeb: bool = Field(True, description="use the network's mask of the celebrity's face")
    mask_landmarks: bool = Field(False, description="use the hull of the driver's landmarks")
    mask_mode: MaskMode = Field(MaskMode.product, description="how these masks become one")
    erode: int = Field(
        5, ge=-400, le=400, description="shrinks the mask, below 0 grows it; half pixels of the crop"
    )
    blur: int = Field(25, ge=0, le=400, description="softens the mask's edge; quarter pixels of the crop")
    colour_transfer: ColourTransfer = Field(
        ColourTransfer.rct, description="gives the result the mean and spread of the crop's colours"
    )
    interpolation: Interpolation = Field(
        Interpolation.bilinear, description="how the result is scaled back into the frame"
    )
