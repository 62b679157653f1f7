"""What the API's own description says about answers that are not plain JSON."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.responses import Response, StreamingResponse

from visard.daemon.api.schema import ErrorBody
from visard.daemon.server import responses

Answers = dict[int | str, dict[str, Any]]

REFERENCE = "#/components/schemas/{model}"


def _error(description: str) -> dict[str, Any]:
    # Said in full, for a route whose success is a picture would have its errors described as pictures too.
    schema = {"$ref": REFERENCE.format(model=ErrorBody.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


UNKNOWN: Answers = {404: _error("There is no such persona.")}
CONFLICT: Answers = {409: _error("Refused as things are; the message says why.")}
ANYWHERE: Answers = {
    422: _error("The request is not what this takes."),
    "default": _error("Any other answer that is not a success."),
}


class Documented(FastAPI):
    """An application whose description knows the form of its errors."""

    def openapi(self) -> dict[str, Any]:
        """Return the description."""
        told = super().openapi()
        _, errors = models_json_schema([(ErrorBody, "serialization")], ref_template=REFERENCE)
        told["components"]["schemas"].update(errors["$defs"])
        return told


class JpegResponse(Response):
    """A picture."""

    media_type = "image/jpeg"


class MjpegResponse(StreamingResponse):
    """Pictures that replace each other."""

    media_type = responses.MEDIA_TYPE
