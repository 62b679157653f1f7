"""The options of LivePortrait; names and defaults are those of its authors' command line."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from visard.models.animate._animation import MotionKind


class Region(StrEnum):
    """What of the driver's motion moves the portrait."""

    all = "all"
    exp = "exp"
    pose = "pose"
    lip = "lip"
    eyes = "eyes"


class DrivingOption(StrEnum):
    """How large relative motion is: fit to the portrait's face, or as the driver's is."""

    expression_friendly = "expression-friendly"
    pose_friendly = "pose-friendly"


class Output(StrEnum):
    """What is shown: the whole portrait with its moved part, or that part alone."""

    paste_back = "paste-back"
    square = "square"


class LivePortraitOptions(BaseModel):
    """How a portrait is moved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    motion: MotionKind = Field(
        MotionKind.relative, description="relative: the motion since calibration; absolute: where things are"
    )
    animation_region: Region = Field(
        Region.all, description="what moves: all, expression, pose, lips or eyes"
    )
    driving_option: DrivingOption = Field(
        DrivingOption.expression_friendly,
        description="how large relative motion is; a portrait, its own reference, moves alike with both",
    )
    driving_multiplier: float = Field(1, ge=0, le=2, description="how much larger motion becomes")
    stitching: bool = Field(True, description="keep neck and shoulders in place")
    eye_retargeting: bool = Field(
        False,
        description="eyes open as the driver's; with relative motion nothing else moves but retargeted lips",
    )
    lip_retargeting: bool = Field(
        False,
        description="lips open as the driver's; with relative motion nothing else moves but retargeted eyes",
    )
    normalize_lip: bool = Field(False, description="close the portrait's open mouth before it moves")
    output: Output = Field(Output.paste_back, description="paste-back: the whole portrait; square: the head")
    source_scale: float = Field(
        2.3, ge=1.5, le=4, description="side of the square in the portrait, in lengths of the face"
    )
    source_vy: float = Field(
        -0.125, ge=-0.5, le=0.5, description="move that square down along the face, in its sides"
    )
    source_rotate: bool = Field(True, description="turn that square upright with the face")
    driving_scale: float = Field(
        2.2, ge=1.5, le=4, description="side of the driver's square, in lengths of the face"
    )
    driving_vy: float = Field(
        -0.1, ge=-0.5, le=0.5, description="move the driver's square down along the face, in its sides"
    )
