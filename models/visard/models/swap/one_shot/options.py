"""The options of one-shot swappers."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from visard.models.swap.one_shot.family import AUTO, MemberName


class MaskKind(StrEnum):
    """What of the crop shows."""

    face = "face"
    """The hull of the landmarks."""
    box = "box"
    """All of it but a soft edge, as insightface pastes it."""


class ColourTransfer(StrEnum):
    """How the result's colours are made the crop's."""

    none = "none"
    mean_deviation = "mean_deviation"


class OneShotOptions(BaseModel):
    """All but the model may change while it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: MemberName = Field(AUTO, description="which network; auto: the first in this list that is here")
    strength: float = Field(
        0.5,
        ge=0,
        le=1,
        description="how strongly it is the persona: below 0.5 some of the driver is mixed in, above it is "
        "exaggerated",
    )
    pixel_boost: int = Field(
        1,
        ge=1,
        le=8,
        description="sides of crops are so many times as large, up to 1024 pixels; takes its square as long",
    )
    mask: MaskKind = Field(
        MaskKind.face, description="what shows: the hull of the landmarks, or the whole crop"
    )
    erode: float = Field(1, ge=0, le=4, description="how far the mask is shrunk; 1 is the usual")
    blur: float = Field(1, ge=0, le=4, description="how soft its edge is; 1 is the usual")
    colour_transfer: ColourTransfer = Field(
        ColourTransfer.mean_deviation,
        description="gives the result the mean and spread of the crop's colours",
    )

    @property
    def weight(self) -> float:
        """Return how much of the driver's own source is mixed in: .35 to -.35."""
        return 0.35 - 0.7 * self.strength
