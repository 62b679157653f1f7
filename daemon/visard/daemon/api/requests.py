"""What clients ask for: the bodies of requests to the control API. A field that is not known is refused."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from visard.daemon.api.schema import Consent
from visard.daemon.config.file import whole
from visard.daemon.config.settings import Line, Mode

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


class NewPersona(ProcessorRequest):
    """A photo or a trained model of this machine, and why its face may be worn."""

    path: FilePath
    name: Name
    consent: Consent
    title: Name | None = None
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


class PersonaChange(ProcessorRequest):
    """A persona's new name, and what shall put it on."""

    name: Name = ""
