"""Routes for faces that are tried before they are added; the preview page has them too."""

from typing import Annotated

from fastapi import APIRouter, Body, Response, status

from visard.daemon.api.requests import FaceChoice, TrialPersona
from visard.daemon.api.schema import PersonaInfo
from visard.daemon.api.trials import Trial
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN, JpegResponse

router = APIRouter(prefix="/trials", tags=["trials"])
Picture = Annotated[
    bytes,
    Body(media_type="application/octet-stream", description="what the file of a picture holds", min_length=1),
]


@router.post("", status_code=status.HTTP_201_CREATED, responses=CONFLICT)
def start(service: ServiceDep, body: Picture) -> Trial:
    """Find the faces of a picture; where it is clear which one is meant, begin to try it on."""
    return service.trials.start(body)


@router.post("/camera", status_code=status.HTTP_201_CREATED, responses=CONFLICT)
def camera(service: ServiceDep) -> Trial:
    """Do the same with the best picture that the camera sees within a second."""
    return service.try_camera()


@router.get("/{trial}", responses=UNKNOWN)
def show(service: ServiceDep, trial: str) -> Trial:
    """Tell how far a trial is."""
    return service.trials.get(trial)


@router.delete("/{trial}", status_code=status.HTTP_204_NO_CONTENT)
def drop(service: ServiceDep, trial: str) -> None:
    """Forget a trial, and what was uploaded for it."""
    service.trials.drop(trial)


@router.post("/{trial}/photos", responses={**UNKNOWN, **CONFLICT})
def add_photo(service: ServiceDep, trial: str, body: Picture) -> Trial:
    """Add one more photo of the same face."""
    return service.trials.add_photo(trial, body)


@router.post("/{trial}/face", responses={**UNKNOWN, **CONFLICT})
def choose(service: ServiceDep, trial: str, body: FaceChoice) -> Trial:
    """Say which face of a photo is meant, and try it on."""
    return service.trials.choose(trial, body)


@router.get("/{trial}/photos/{number}", response_class=JpegResponse, responses=UNKNOWN)
def photo(service: ServiceDep, trial: str, number: int) -> Response:
    """Return a photo of the trial, upright."""
    return JpegResponse(service.trials.photo(trial, number))


@router.get("/{trial}/picture", response_class=JpegResponse, responses={**UNKNOWN, **CONFLICT})
def picture(service: ServiceDep, trial: str) -> Response:
    """Return the photo, and beside it the demo driver with the face."""
    return JpegResponse(service.trials.picture(trial))


@router.post("/{trial}/persona", status_code=status.HTTP_201_CREATED, responses={**UNKNOWN, **CONFLICT})
def keep(service: ServiceDep, trial: str, body: TrialPersona) -> PersonaInfo:
    """Add the face to the library; then the trial is over."""
    return service.trials.keep(trial, body)
