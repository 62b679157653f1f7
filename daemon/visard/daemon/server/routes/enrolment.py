"""Routes for who the driver is."""

from pathlib import Path

from fastapi import APIRouter, status

from visard.daemon.api.requests import EnrolRequest
from visard.daemon.api.schema import EnrolmentInfo, Job
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT

router = APIRouter(prefix="/enrolment", tags=["enrolment"])


@router.get("")
def show(service: ServiceDep) -> EnrolmentInfo:
    """Tell whether the driver is enrolled."""
    return service.enrolment()


@router.post("", status_code=status.HTTP_202_ACCEPTED, responses=CONFLICT)
def enrol(service: ServiceDep, body: EnrolRequest | None = None) -> Job:
    """Learn what the driver looks like, in the background."""
    path = (body or EnrolRequest()).path
    return service.enrol(None if path is None else Path(path))


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, responses=CONFLICT)
def forget(service: ServiceDep) -> None:
    """Forget what the driver looks like."""
    service.forget_enrolment()
