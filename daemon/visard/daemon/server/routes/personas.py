"""Routes for the library of personas."""

from pathlib import Path

from fastapi import APIRouter, Response, status

from visard.daemon.api.schema import Generate, Job, NewPersona, PersonaInfo, Rename
from visard.daemon.server.deps import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN, JpegResponse

router = APIRouter(prefix="/personas", tags=["personas"])


@router.get("")
def list_(service: ServiceDep) -> list[PersonaInfo]:
    """List the library."""
    return service.personas()


@router.post("", status_code=status.HTTP_201_CREATED, responses=CONFLICT)
def add(service: ServiceDep, body: NewPersona) -> PersonaInfo:
    """Make a persona from a photo of this machine."""
    return service.add_persona(Path(body.path), body.name, body.consent, body.title)


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
def rename(service: ServiceDep, name: str, body: Rename) -> PersonaInfo:
    """Give a persona another name."""
    return service.rename_persona(name, body.name)


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
