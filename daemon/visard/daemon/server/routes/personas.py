"""Routes for the library of personas."""

from fastapi import APIRouter, Response, status

from visard.daemon.api.requests import Generate, NewPersona, PersonaChange
from visard.daemon.api.schema import Job, PersonaInfo
from visard.daemon.personas.record import AUTO
from visard.daemon.server.deps import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN, JpegResponse

router = APIRouter(prefix="/personas", tags=["personas"])


@router.get("")
def list_(service: ServiceDep) -> list[PersonaInfo]:
    """List the library."""
    return service.personas()


@router.post("", status_code=status.HTTP_201_CREATED, responses=CONFLICT)
def add(service: ServiceDep, body: NewPersona) -> PersonaInfo:
    """Make a persona from a photo or a trained model of this machine."""
    return service.add_persona(body)


@router.post("/generate", status_code=status.HTTP_202_ACCEPTED, responses=CONFLICT)
def generate(service: ServiceDep, body: Generate | None = None) -> Job:
    """Draw a person who does not exist, in the background."""
    wanted = body or Generate()
    return service.generate_persona(wanted.seed, wanted.name)


@router.get("/{name}", responses=UNKNOWN)
def show(service: ServiceDep, name: str) -> PersonaInfo:
    """Tell about one persona."""
    return service.persona(name)


@router.patch("/{name}", responses={**UNKNOWN, **CONFLICT})
def change(service: ServiceDep, name: str, body: PersonaChange) -> PersonaInfo:
    """Choose what puts a persona on, with which options, and give it another name."""
    given = body.model_fields_set
    if given & {"processor", "options"}:
        processor = (body.processor or AUTO) if "processor" in given else None
        service.configure_persona(name, processor, body.options)
    return service.rename_persona(name, body.name) if "name" in given else service.persona(name)


@router.delete("/{name}", status_code=status.HTTP_204_NO_CONTENT, responses={**UNKNOWN, **CONFLICT})
def remove(service: ServiceDep, name: str, forever: bool = False) -> None:
    """Move a persona to the bin, or delete it for good."""
    service.remove_persona(name, forever=forever)


@router.post("/{name}/restore", responses={**UNKNOWN, **CONFLICT})
def restore(service: ServiceDep, name: str) -> PersonaInfo:
    """Bring a persona back from the bin."""
    return service.restore_persona(name)


@router.get("/{name}/thumbnail", response_class=JpegResponse, responses={**UNKNOWN, **CONFLICT})
def thumbnail(service: ServiceDep, name: str) -> Response:
    """Return a JPEG of at most 256 pixels."""
    return JpegResponse(service.thumbnail(name))
