"""Routes that tidy the library of personas up; the preview page has them too."""

from fastapi import APIRouter, status

from visard.daemon.api.requests import Move, PersonaChange
from visard.daemon.api.schema import PersonaInfo
from visard.daemon.api.trials import RemovedInfo
from visard.daemon.personas.record import AUTO
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.responses import CONFLICT, UNKNOWN

router = APIRouter(tags=["library"])


@router.patch("/personas/{name}", responses={**UNKNOWN, **CONFLICT})
def change(service: ServiceDep, name: str, body: PersonaChange) -> PersonaInfo:
    """Choose what puts a persona on, hide it, put its tuned look on, and give it another name or title."""
    given = body.model_fields_set
    if given & {"processor", "options"}:
        processor = (body.processor or AUTO) if "processor" in given else None
        service.configure_persona(name, processor, body.options)
    if "hidden" in given:
        service.hide_persona(name, body.hidden)
    if "tuned" in given:
        service.put_tuned(name, body.tuned)
    if given & {"name", "title"}:
        new, title = (
            value if key in given else None for key, value in (("name", body.name), ("title", body.title))
        )
        return service.rename_persona(name, new, title)
    return service.persona(name)


@router.delete("/personas/{name}", status_code=status.HTTP_204_NO_CONTENT, responses={**UNKNOWN, **CONFLICT})
def remove(service: ServiceDep, name: str, forever: bool = False) -> None:
    """Move a persona to the bin, or delete it for good."""
    service.remove_persona(name, forever=forever)


@router.post("/personas/{name}/move", responses={**UNKNOWN, **CONFLICT})
def move(service: ServiceDep, name: str, body: Move) -> list[PersonaInfo]:
    """Put a persona before another one, or last."""
    service.move_persona(name, body.before)
    return service.personas()


@router.post("/personas/{name}/restore", responses={**UNKNOWN, **CONFLICT})
def restore(service: ServiceDep, name: str) -> PersonaInfo:
    """Bring a persona, or a photo of one, back from the bin."""
    return service.restore_persona(name)


@router.get("/bin")
def removed(service: ServiceDep) -> list[RemovedInfo]:
    """List what lies in the bin, the newest last."""
    return service.removed()


@router.delete("/bin", status_code=status.HTTP_204_NO_CONTENT, responses=CONFLICT)
def empty(service: ServiceDep) -> None:
    """Delete for good what lies in the bin."""
    service.empty_bin()
