"""Routes for the library of personas."""

from fastapi import APIRouter, Response, status

from visard.daemon.api.requests import Generate, NewPersona, PhotoChange
from visard.daemon.api.schema import Job, PersonaInfo
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN, JpegResponse

router = APIRouter(prefix="/personas", tags=["personas"])


@router.get("")
def list_(service: ServiceDep) -> list[PersonaInfo]:
    """List the library."""
    return service.personas()


@router.post("", status_code=status.HTTP_201_CREATED, responses=CONFLICT)
def add(service: ServiceDep, body: NewPersona) -> PersonaInfo:
    """Make a persona from photos or a trained model of this machine."""
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


@router.get("/{name}/thumbnail", response_class=JpegResponse, responses={**UNKNOWN, **CONFLICT})
def thumbnail(service: ServiceDep, name: str) -> Response:
    """Return a JPEG of at most 256 pixels."""
    return JpegResponse(service.thumbnail(name))


@router.get("/{name}/photos/{number}", response_class=JpegResponse, responses={**UNKNOWN, **CONFLICT})
def photo(service: ServiceDep, name: str, number: int) -> Response:
    """Return one of its photos, the first being 1."""
    return JpegResponse(service.photo(name, number))


@router.patch("/{name}/photos", responses={**UNKNOWN, **CONFLICT})
def change_photos(service: ServiceDep, name: str, body: PhotoChange) -> PersonaInfo:
    """Remove photos of a persona into the bin, add others, and choose which one shows it."""
    return service.change_photos(name, body)
