"""The options of the First Order Motion Model: Avatarify's habits are the defaults where it has one."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from visard.models.animate._animation import MotionKind


class Checkpoint(StrEnum):
    """The models that are published; faces are what vox and vox-adv were trained on."""

    vox = "vox"
    vox_adv = "vox-adv"
    taichi = "taichi"
    taichi_adv = "taichi-adv"
    fashion = "fashion"
    mgif = "mgif"
    bair = "bair"
    nemo = "nemo"

    @property
    def model(self) -> str:
        """Return what the store calls it."""
        return f"fomm_{self.value.replace('-', '_')}"


class DriverCrop(StrEnum):
    """Which part of the frame drives."""

    face = "face"
    frame = "frame"


class PortraitCrop(StrEnum):
    """Which part of the portrait moves."""

    head = "head"
    whole = "whole"


class FommOptions(BaseModel):
    """How a portrait is moved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: Checkpoint = Field(Checkpoint.vox_adv, description="which published model moves it")
    motion: MotionKind = Field(
        MotionKind.relative, description="relative: the motion since calibration; absolute: where things are"
    )
    adaptive_scale: bool = Field(
        True, description="relative motion is scaled by how large the portrait's face is beside the driver's"
    )
    align_corners: bool = Field(
        True, description="sampling as in training; off as on most machines that Avatarify ran on"
    )
    driver_crop: DriverCrop = Field(
        DriverCrop.face, description="face: a square around the face at calibration; frame: the middle"
    )
    coverage: float = Field(
        1.9, ge=1.2, le=4, description="side of the squares around faces, in lengths of the face"
    )
    crop_share: float = Field(
        0.9, ge=0.1, le=1, description="side of the middle square, a share of the frame's shorter side"
    )
    x_offset: float = Field(0, ge=-0.5, le=0.5, description="move the driver's square aside, in its sides")
    y_offset: float = Field(0, ge=-0.5, le=0.5, description="move the driver's square down, in its sides")
    portrait_crop: PortraitCrop = Field(
        PortraitCrop.head, description="head: a square that is put back; whole: all, squeezed to a square"
    )
