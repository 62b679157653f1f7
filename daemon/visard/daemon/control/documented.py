"""What the API's own description says about answers that are not plain JSON."""

from typing import Any

from starlette.responses import Response, StreamingResponse

from visard.daemon.control import mjpeg
from visard.daemon.protocol import ErrorBody

Answers = dict[int | str, dict[str, Any]]

UNKNOWN: Answers = {404: {"model": ErrorBody, "description": "There is no such persona."}}
CONFLICT: Answers = {409: {"model": ErrorBody, "description": "Refused as things are; the message says why."}}
ANYWHERE: Answers = {
    422: {"model": ErrorBody, "description": "The request is not what this takes."},
    "default": {"model": ErrorBody, "description": "Any other answer that is not a success."},
}


class Jpeg(Response):
    """A picture."""

    media_type = "image/jpeg"


class Video(StreamingResponse):
    """Pictures that replace each other."""

    media_type = mjpeg.MEDIA_TYPE
