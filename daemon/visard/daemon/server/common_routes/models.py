"""Routes for the models that can be fetched; the preview page has them too."""

from fastapi import APIRouter, status

from visard.daemon.api.models import ModelInfo
from visard.daemon.api.requests import FetchModel
from visard.daemon.api.schema import Job
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN_MODEL

router = APIRouter(prefix="/models", tags=["models"])


@router.get("", responses=CONFLICT)
def list_(service: ServiceDep) -> list[ModelInfo]:
    """List every model that can be fetched or imported."""
    return service.models.all()


@router.get("/{name}", responses={**UNKNOWN_MODEL, **CONFLICT})
def show(service: ServiceDep, name: str) -> ModelInfo:
    """Tell about one model."""
    return service.models.get(name)


@router.post("/{name}/fetch", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN_MODEL, **CONFLICT})
def fetch(service: ServiceDep, name: str, body: FetchModel | None = None) -> Job:
    """Fetch a model in the background; 409 holds the licence that has to be accepted first."""
    return service.models.fetch(name, body is not None and body.accept_licence)


@router.post("/{name}/verify", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN_MODEL, **CONFLICT})
def verify(service: ServiceDep, name: str) -> Job:
    """Read a model's files again in the background; the job fails when they are not as they were."""
    return service.models.verify(name)


@router.delete("/{name}", responses={**UNKNOWN_MODEL, **CONFLICT})
def remove(service: ServiceDep, name: str, forget: bool = False) -> ModelInfo:
    """Delete a model's files; ``forget``: the pinned hash and the accepted licence too."""
    return service.models.remove(name, forget=forget)
