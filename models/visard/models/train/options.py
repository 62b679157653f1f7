"""The options of training, with DeepFaceLab's names where it has them. Needs no PyTorch."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from visard.models.swap.dfm.options import FaceType
from visard.models.train.errors import OptionsRefused

FIXED = "fixed"
"""Marks, in a field's extra schema, one that cannot change after the first step, with the reason."""
_SHAPE: dict[str, JsonValue] = {FIXED: "it decides the shapes of the weights"}
_PICTURES: dict[str, JsonValue] = {FIXED: "what was learned belongs to faces cut out that way"}
_ARCHI = re.compile(r"(df|liae)(?:-([udtc]+))?|amp")


class Archi(NamedTuple):
    """A network's kind and its flags."""

    kind: str
    """``df``, ``liae`` or ``amp``."""
    flags: frozenset[str]
    """u: codes are normalised; d: pictures in four parts, at half the cost; t: more residual layers;
    c: ``x*cos(x)`` for leaky ReLU."""


class ColourTransferMode(StrEnum):
    """How a persona's picture takes over colours of a driver's while training."""

    none = "none"
    rct = "rct"
    lct = "lct"
    mkl = "mkl"
    idt = "idt"
    sot = "sot"


class Precision(StrEnum):
    """What convolutions are computed in; weights and losses are always fp32."""

    bf16 = "bf16"
    fp32 = "fp32"


class TrainOptions(BaseModel):
    """What and how to train; the fixed ones shape the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archi: str = Field(
        "liae-ud", description="df or liae with flags of u, d, t, c; or amp", json_schema_extra=_SHAPE
    )
    resolution: int = Field(
        128, ge=64, le=512, multiple_of=16, description="side of pictures in pixels", json_schema_extra=_SHAPE
    )
    face_type: FaceType = Field(
        FaceType.whole_face, description="how much of the head faces show", json_schema_extra=_PICTURES
    )
    ae_dims: int = Field(256, ge=8, le=1024, description="length of a face's code", json_schema_extra=_SHAPE)
    e_dims: int = Field(64, ge=4, le=256, description="channels of the encoder", json_schema_extra=_SHAPE)
    d_dims: int = Field(64, ge=4, le=256, description="channels of decoders", json_schema_extra=_SHAPE)
    d_mask_dims: int = Field(
        22, ge=2, le=256, description="channels of masks' decoders", json_schema_extra=_SHAPE
    )
    inter_dims: int = Field(
        1024, ge=16, le=2048, description="amp: channels between the codes", json_schema_extra=_SHAPE
    )
    morph_factor: float = Field(
        0.5, ge=0.1, le=0.5, description="amp: share of channels that a persona's picture takes as its own"
    )

    masked_training: bool = Field(True, description="learn pictures inside masks only")
    eyes_mouth_prio: bool = Field(False, description="eyes and mouth count more")
    uniform_yaw: bool = Field(False, description="profiles as often as frontal faces")
    blur_out_mask: bool = Field(False, description="blur what is around the mask")
    random_warp: bool = Field(True, description="warp what the network sees; off for the last steps")
    random_src_flip: bool = Field(False, description="mirror the persona at random")
    random_dst_flip: bool = Field(True, description="mirror the driver at random")
    random_hsv_power: float = Field(0.0, ge=0, le=0.3, description="shift colours at random, this far")
    ct_mode: ColourTransferMode = Field(
        ColourTransferMode.none, description="give persona pictures the colours of the driver's"
    )
    paired: bool = Field(
        False, description="picture i of both sets shows one moment: learn the swap itself from the pairs"
    )

    gan_power: float = Field(0.0, ge=0, le=5, description="how much a discriminator sharpens; for the end")
    gan_patch_size: int | None = Field(
        None, ge=3, le=512, description="pixels that it judges together; none: an eighth of the side"
    )
    gan_dims: int = Field(16, ge=4, le=128, description="channels of the discriminator")
    true_face_power: float = Field(0.0, ge=0, le=1, description="df: pull codes of both people together")
    face_style_power: float = Field(0.0, ge=0, le=100, description="learn the driver's skin colour")
    bg_style_power: float = Field(0.0, ge=0, le=100, description="learn the driver's surroundings")

    adabelief: bool = Field(
        True, description="AdaBelief, else AdamW", json_schema_extra={FIXED: "its state is of another kind"}
    )
    lr: float = Field(5e-5, gt=0, le=1e-2, description="learning rate")
    lr_by_width: bool = Field(False, description="layers of many inputs learn slower by that much")
    lr_decay: float = Field(0.0, ge=0, le=1, description="share of the steps, the last, in which lr falls")
    lr_dropout: bool = Field(False, description="change a random third of the weights each step; for the end")
    clipgrad: bool = Field(False, description="limit gradients, against collapse")
    batch_size: int = Field(8, ge=1, le=512, description="pictures of each person at a time, on each device")
    accumulation: int = Field(1, ge=1, le=64, description="batches to a step")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="how slowly the exported weights follow; 0: none")
    precision: Precision = Field(Precision.bf16, description="what convolutions are computed in")
    target_iter: int = Field(100_000, ge=1, description="the step to stop at")
    seed: int = Field(0, ge=0, lt=2**31, description="decides weights and order, and with them everything")

    @model_validator(mode="after")
    def _together(self) -> Self:
        kind, flags = parse_archi(self.archi)
        if (kind == "amp" or flags & {"d", "t"}) and self.resolution % 32:
            raise ValueError(f"resolution has to be a multiple of 32 with archi {self.archi}")
        if self.true_face_power and kind != "df":
            raise ValueError("true_face_power is for archi df only")
        if self.paired and (kind == "amp" or self.true_face_power or self._styled):
            raise ValueError("paired is for df and liae, without true_face_power and styles")
        return self

    @property
    def _styled(self) -> bool:
        return bool(self.face_style_power or self.bg_style_power)


def parse_archi(text: str) -> Archi:
    """Return kind and flags. Raises ValueError for what is none."""
    match = _ARCHI.fullmatch(text)
    flags = (match[2] or "") if match else ""
    if match is None or len(set(flags)) < len(flags):
        raise ValueError(f"archi {text!r} is none of df, liae (each with flags of u, d, t, c) and amp")
    return Archi(match[1] or "amp", frozenset(flags))


def make_options(values: Mapping[str, Any]) -> TrainOptions:
    """Return options, those not given by default. Raises OptionsRefused in one sentence."""
    try:
        return TrainOptions.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        raise OptionsRefused(f"{place}: {text}" if place else text) from None


def change(before: TrainOptions, **changes: object) -> TrainOptions:
    """Return options with changes. Raises OptionsRefused for those that cannot change any more."""
    after = make_options(before.model_dump() | changes)
    for name, reason in fixed().items():
        if getattr(before, name) != getattr(after, name):
            raise OptionsRefused(
                f"{name} is {getattr(before, name)} in this training and cannot become "
                f"{getattr(after, name)}, as {reason}; begin a new one with 'visard train new'"
            )
    return after


def fixed() -> dict[str, str]:
    """Return why fields cannot change, by their names."""
    extras = {name: field.json_schema_extra for name, field in TrainOptions.model_fields.items()}
    return {name: str(extra[FIXED]) for name, extra in extras.items() if isinstance(extra, dict)}
