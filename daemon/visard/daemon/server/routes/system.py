"""Routes for how the daemon works: settings, cameras, engines, its end."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, status
from pydantic import WithJsonSchema

from visard.daemon.api.engines import EnginesInfo
from visard.daemon.api.schema import CameraInfo, ProcessorInfo, Status
from visard.daemon.config.file import Config
from visard.daemon.server.current import ServiceDep
from visard.daemon.server.deps import ApiDep
from visard.daemon.server.responses import CONFLICT, REFERENCE, UNKNOWN

router = APIRouter(tags=["system"])


def some_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a body with any fields of a model's schema; null is the default again."""
    fields = {
        name: {"anyOf": [{k: v for k, v in field.items() if k != "default"}, {"type": "null"}]}
        for name, field in schema["properties"].items()
    }
    return {"type": "object", "properties": fields, "additionalProperties": False}


Changes = Annotated[dict[str, Any], WithJsonSchema(some_of(Config.model_json_schema(ref_template=REFERENCE)))]
Key = Annotated[str, Path(json_schema_extra={"enum": list(Config.model_fields)})]


@router.get("/settings")
def settings(service: ServiceDep) -> Config:
    """Return everything that is remembered."""
    return service.config()


@router.patch("/settings", responses=UNKNOWN)
def change(service: ServiceDep, body: Changes, reveal: bool = False) -> Config:
    """Change some settings, all or none; null takes one back to its default.

    Those under which the driver may be recognised need ``reveal``, and last until something hides them.
    """
    return service.change(body, reveal=reveal)


@router.delete("/settings/{key}")
def unset(service: ServiceDep, key: Key) -> Config:
    """Take a setting back to its default."""
    return service.change({key: None})


@router.get("/cameras")
def cameras(service: ServiceDep) -> list[CameraInfo]:
    """List the cameras of this machine."""
    return service.cameras()


@router.get("/processors")
def processors(service: ServiceDep) -> list[ProcessorInfo]:
    """List what can put a persona on, with its options."""
    return service.processors()


@router.delete("/jobs/{job}", responses=CONFLICT)
def cancel(service: ServiceDep, job: int) -> Status:
    """Give up preparing the persona that somebody waits for, tuning one, or work on a model."""
    service.cancel(job)
    return service.status()


@router.get("/engines")
def engines(service: ServiceDep) -> EnginesInfo:
    """Tell what runs networks here, what serves, and what is compiled and kept."""
    return service.engines()


@router.post("/shutdown", status_code=status.HTTP_202_ACCEPTED)
async def shutdown(api: ApiDep) -> None:
    """End the daemon."""
    api.end()
