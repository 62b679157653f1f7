"""Routes that tune personas; the preview page has them too."""

from fastapi import APIRouter, Response, status

from visard.daemon.api.requests import TuneRequest
from visard.daemon.api.schema import Job, Tuning
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN, JpegResponse, PngResponse

router = APIRouter(prefix="/personas/{name}", tags=["tuning"])


@router.post("/tune", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN, **CONFLICT})
def tune(service: ServiceDep, name: str, body: TuneRequest | None = None) -> Job:
    """Begin to learn how a persona is recognised better on others; it stays as it is until that is done."""
    return service.tunings.start(name, body or TuneRequest())


@router.get("/tuning", responses=UNKNOWN)
def tuning(service: ServiceDep, name: str) -> Tuning:
    """Tell what came of it."""
    return service.tunings.get(name)


@router.get("/tuning/preview", response_class=JpegResponse, responses={**UNKNOWN, **CONFLICT})
def preview(service: ServiceDep, name: str) -> Response:
    """Return a first look: the photo, then of each frame the driver, before and after, below each other."""
    return JpegResponse(service.tunings.preview(name))


@router.get("/tuning/comparison", response_class=PngResponse, responses={**UNKNOWN, **CONFLICT})
def comparison(service: ServiceDep, name: str) -> Response:
    """Return the same of what came of it."""
    return PngResponse(service.tunings.comparison(name))
