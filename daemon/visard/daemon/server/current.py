"""The service that an application is for, as its routes get it."""

from typing import Annotated

from fastapi import Depends, Request

from visard.daemon.service.service import Service


async def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceDep = Annotated[Service, Depends(_service)]
