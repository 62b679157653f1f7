"""Routes for what is worn and shown."""

from fastapi import APIRouter

from visard.daemon.api.schema import Reveal, Status, Wear
from visard.daemon.server.deps import Heart
from visard.daemon.server.openapi import CONFLICT, UNKNOWN

router = APIRouter(tags=["wearing"])


@router.get("/status")
def status(service: Heart) -> Status:
    """Return the whole snapshot."""
    return service.status()


@router.post("/persona", responses={**UNKNOWN, **CONFLICT})
def wear(service: Heart, body: Wear) -> Status:
    """Put a persona on; one that is not prepared yet takes over when it is."""
    service.wear(body.name, body.mode)
    return service.status()


@router.post("/persona/next")
def step_forward(service: Heart) -> Status:
    """Put the next persona of the library on."""
    service.step(1)
    return service.status()


@router.post("/persona/previous")
def step_back(service: Heart) -> Status:
    """Put the previous persona of the library on."""
    service.step(-1)
    return service.status()


@router.post("/pause")
def pause(service: Heart) -> Status:
    """Show a card instead of the camera."""
    service.pause()
    return service.status()


@router.post("/resume")
def resume(service: Heart) -> Status:
    """Go on after a pause."""
    service.resume()
    return service.status()


@router.post("/reveal")
def reveal(service: Heart, body: Reveal | None = None) -> Status:
    """Show the real face, or stop showing it."""
    service.reveal((body or Reveal()).on)
    return service.status()


@router.post("/calibrate")
def calibrate(service: Heart) -> Status:
    """Take the next frame as the neutral reference."""
    service.calibrate()
    return service.status()
