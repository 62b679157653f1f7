"""Routes that control what goes out: persona, pause, reveal, calibration."""

from fastapi import APIRouter

from visard.daemon.api.requests import PersonaRequest, RevealRequest
from visard.daemon.api.schema import Status
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN

router = APIRouter(tags=["control"])


@router.get("/status")
def status(service: ServiceDep) -> Status:
    """Return the whole snapshot."""
    return service.status()


@router.post("/persona", responses={**UNKNOWN, **CONFLICT})
def switch_persona(service: ServiceDep, body: PersonaRequest) -> Status:
    """Put a persona on; one that is not prepared yet takes over when it is."""
    service.switch_persona(body.name, body.mode)
    return service.status()


@router.post("/persona/next")
def step_forward(service: ServiceDep) -> Status:
    """Put the next persona of the library on."""
    service.step(1)
    return service.status()


@router.post("/persona/previous")
def step_back(service: ServiceDep) -> Status:
    """Put the previous persona of the library on."""
    service.step(-1)
    return service.status()


@router.post("/pause")
def pause(service: ServiceDep) -> Status:
    """Show a card instead of the camera."""
    service.pause()
    return service.status()


@router.post("/resume")
def resume(service: ServiceDep) -> Status:
    """Go on after a pause."""
    service.resume()
    return service.status()


@router.post("/reveal")
def reveal(service: ServiceDep, body: RevealRequest | None = None) -> Status:
    """Show the real face, or stop showing it."""
    service.reveal((body or RevealRequest()).on)
    return service.status()


@router.post("/calibrate")
def calibrate(service: ServiceDep) -> Status:
    """Take the next frame as the neutral reference."""
    service.calibrate()
    return service.status()
