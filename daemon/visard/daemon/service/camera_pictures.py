"""What the camera sees, for what looks at the driver themselves: enrolment, and photos of the person here."""

import time
from collections.abc import Iterator

import cv2
import numpy as np

from visard.daemon.errors import SourceUnavailable, VisardError
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.pipeline.capture import Presence
from visard.daemon.pipeline.photos import best_frame, settled
from visard.daemon.service.controller import Controller
from visard.models.face import Image

_OPENING = 3
"""Waits for the camera's first picture, of some seconds each."""


def check_awake(controller: Controller, refusal: type[VisardError]) -> None:
    """Raise ``refusal`` where a pause keeps the camera off."""
    if not controller.idle.demand.foreground and controller.switches.paused:
        raise refusal("Visard is paused, so the camera is off; resume it first")


def camera_pictures(
    controller: Controller, driver: JpegStream, refusal: type[VisardError]
) -> Iterator[tuple[Image, float]]:
    """Yield what the camera sees, BGR, and when in seconds; see ``camera_jpegs``."""
    for jpeg, now in camera_jpegs(controller, driver, refusal):
        yield np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8), now


def camera_jpegs(
    controller: Controller, driver: JpegStream, refusal: type[VisardError]
) -> Iterator[tuple[bytes, float]]:
    """Yield what the camera sees as JPEG, and when in seconds; looking at it switches it on.

    Raises ``refusal`` without a camera.
    """
    number, empty = driver.number(), 0
    with driver.subscribe():
        while True:
            taken = driver.after(number)
            if controller.selector.demo or controller.selector.name == "demo":
                raise refusal("the demo driver plays; plug in a camera, or choose one")
            if taken is not None:
                number, empty = taken[0], 0
                yield taken[1], time.monotonic()
            elif (empty := empty + 1) >= _OPENING or _lost(controller):
                why = controller.live.capture.why or "nothing came for some seconds"
                raise refusal(f"the camera gives no picture: {why}")


def camera_photo(controller: Controller, driver: JpegStream) -> Image:
    """Return the best picture of about a second, BGR; it goes nowhere else.

    Raises SourceUnavailable without a camera, and FaceUnusable where nobody is in view.
    """
    check_awake(controller, SourceUnavailable)
    return best_frame(settled(camera_pictures(controller, driver, SourceUnavailable)))


def _lost(controller: Controller) -> bool:
    return controller.live.capture.presence is not Presence.opening
