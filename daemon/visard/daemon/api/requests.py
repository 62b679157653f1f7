"""What clients ask for: the bodies of requests to the control API. A field that is not known is refused."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from visard.daemon.api.schema import Consent
from visard.daemon.config.file import whole
from visard.daemon.config.settings import Line, Mode

MAX_UPLOAD = 32 << 20
"""Bytes of a photo that is uploaded."""
Name = Annotated[Line, Field(max_length=200)]
FilePath = Annotated[Line, Field(max_length=4096)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonaRequest(_Body):
    """Which persona to put on, and how."""

    name: Name
    mode: Mode | None = None


class RevealRequest(_Body):
    """Show the real face, or stop showing it."""

    on: bool = Field(True, strict=True)


OptionValue = Annotated[
    bool | int | float | Annotated[str, Field(max_length=1000)] | None,
    Field(description="null: the default again"),
]


class ProcessorRequest(_Body):
    """What shall put a persona on; what is left out stays as it is."""

    processor: Name | None = Field(None, description="the name of a processor; auto or null: the best one")
    options: dict[Name, OptionValue] | None = Field(
        {}, description="options of the processor, which /processors lists; null: all defaults again"
    )


FaceNumber = Annotated[int, Field(ge=1, le=1000, strict=True), BeforeValidator(whole)]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class _Kept(ProcessorRequest):
    """What a new persona is called, and why its face may be worn."""

    name: Name | None = Field(None, description="null, or what no folder can be called: made of the title")
    title: Name | None = Field(None, description="what people see, in any script; null: the name")
    consent: Consent


class TrialPersona(_Kept):
    """Keep the face that was tried."""


class NewPersona(_Kept):
    """Photos of one face or a trained model of this machine, and why the face may be worn."""

    path: FilePath = Field(description="a photo, a clip that holds one, or a trained model")
    more: tuple[FilePath, ...] = Field((), max_length=20, description="further photos of the same face")
    face: FaceNumber | None = Field(None, description="which face of the photo, counted from the left")
    at: Seconds | None = Field(None, description="seconds into a clip; null: where the face is seen best")
    picture: FilePath | None = Field(
        None, description="a photo for a trained model, to be shown and animated"
    )


class Generate(_Body):
    """Draw a person who does not exist."""

    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True), BeforeValidator(whole)] | None = None
    name: Name | None = None


class EnrolRequest(_Body):
    """Where the driver is to be seen."""

    path: FilePath | None = Field(None, description="a photo or clip of this machine; null: the camera")


class FetchModel(_Body):
    """Fetch a model."""

    accept_licence: bool = Field(False, strict=True, description="its licence was read and accepted")


class ImportModel(FetchModel):
    """Import a model from a file, or models from a folder, of this machine."""

    path: FilePath
    name: Name | None = Field(None, description="which model it is, where what it holds fits several")


class PersonaChange(ProcessorRequest):
    """A persona's new name or title, whether it is hidden or tuned, and what shall put it on."""

    name: Name = Field("", description="the title changes too; the old name goes on to work")
    title: Name = Field("", description="what people see, in any script")
    hidden: bool = Field(False, strict=True)
    tuned: bool = Field(True, strict=True, description="whether it looks as it was tuned, or as before")


class TuneRequest(_Body):
    """Whom a persona is tuned for, and for how long at most."""

    driver: Literal["everybody", "camera"] = Field("everybody", description="camera: who sits there now")
    minutes: Annotated[float, Field(ge=0.5, le=60, allow_inf_nan=False)] = 3.0
    keep_clip: bool = Field(False, strict=True, description="keep what the camera sees; else it is no file")


class PhotoChange(_Body):
    """Photos of this machine to be added to a persona, and numbers of its own to be removed first."""

    add: tuple[FilePath, ...] = Field((), max_length=20)
    remove: tuple[FaceNumber, ...] = Field((), max_length=20)
    first: FaceNumber | None = Field(None, description="the number, after that, of the one to be shown")
    face: FaceNumber | None = Field(None, description="which face of the first added photo")
    at: Seconds | None = Field(None, description="seconds into a clip; null: where the face is seen best")


class Move(_Body):
    """Where a persona goes in the library."""

    before: Name | None = Field(None, description="the persona after it; null: last")


class FaceChoice(_Body):
    """Which face of a photo is meant."""

    face: FaceNumber = Field(description="counted from the left")
    photo: FaceNumber = 1
