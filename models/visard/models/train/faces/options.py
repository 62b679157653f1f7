"""What a person decides about an extraction."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from visard.models.swap.dfm.options import FaceType


class DropReason(StrEnum):
    """Why a face is not taken."""

    small = "small"
    turned = "turned"
    cut = "cut"
    blurred = "blurred"
    occluded = "occluded"
    duplicate = "duplicate"

    @property
    def words(self) -> str:
        """What people read."""
        return _WORDS[self]


_WORDS = {
    DropReason.small: "too few pixels",
    DropReason.turned: "turned too far",
    DropReason.cut: "cut by the edge",
    DropReason.blurred: "blurred",
    DropReason.occluded: "hidden",
    DropReason.duplicate: "like another one",
}


class ExtractOptions(BaseModel):
    """How faces are cut out, and which are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    face_type: FaceType = Field(FaceType.whole_face, description="how much of the head a picture shows")
    resolution: int = Field(512, ge=64, le=2048, description="side of the pictures in pixels")
    format: Literal["jpg", "png"] = Field("jpg", description="of the pictures")
    quality: int = Field(97, ge=90, le=100, description="of JPEGs")
    every: int = Field(1, ge=1, description="looks at every n-th frame of a film")
    fps: float | None = Field(None, gt=0, le=1000, description="looks at so many frames a second instead")
    min_size: float = Field(64, ge=0, description="pixels that a face has at least in its frame")
    max_yaw: float = Field(75, ge=0, le=180, description="degrees that a face is turned aside at most")
    max_pitch: float = Field(45, ge=0, le=180, description="degrees that it is turned up or down at most")
    max_blur: float = Field(0.55, description="0 sharp, 0.5 soft, 0.6 lost; what is softer is left out")
    max_occlusion: float = Field(0.3, ge=0, le=1, description="share of a face that may be hidden")
    duplicates: bool = Field(False, description="keeps faces that look like one that is there")
