"""Routes for face models in training, to look at them; the preview page has them too."""

from fastapi import APIRouter, Response

from visard.daemon.api.trainings import TrainingInfo
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import UNKNOWN_TRAINING, PngResponse

router = APIRouter(prefix="/trainings", tags=["trainings"])


@router.get("")
def list_(service: ServiceDep) -> list[TrainingInfo]:
    """List the face models in training, by whichever process, those that run first."""
    return service.trainings.all()


@router.get("/{name}", responses=UNKNOWN_TRAINING)
def show(service: ServiceDep, name: str) -> TrainingInfo:
    """Tell about one of them."""
    return service.trainings.get(name)


@router.get("/{name}/preview", response_class=PngResponse, responses=UNKNOWN_TRAINING)
def preview(service: ServiceDep, name: str) -> Response:
    """Return its newest preview: faces of both, what is learned of each, and the swap."""
    return PngResponse(service.trainings.preview(name))
