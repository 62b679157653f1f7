"""The route that imports models from this machine."""

from pathlib import Path

from fastapi import APIRouter, status

from visard.daemon.api.requests import ImportModel
from visard.daemon.api.schema import Job
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN_MODEL

router = APIRouter(prefix="/models", tags=["models"])


@router.post("/import", status_code=status.HTTP_202_ACCEPTED, responses={**UNKNOWN_MODEL, **CONFLICT})
def import_(service: ServiceDep, body: ImportModel) -> Job:
    """Import what models a file or folder holds; 409 holds a licence that has to be accepted first."""
    return service.models.import_(Path(body.path), body.name, body.accept_licence)
