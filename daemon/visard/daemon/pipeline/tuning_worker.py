"""The child process that tunes a persona, which whoever started it speaks to in ``service.tunings``.

Pictures of the driver come through the pipe and are kept nowhere but in its memory, unless they shall be.
"""

import errno
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import cv2
import numpy as np

from visard.daemon.personas.library import Library
from visard.daemon.pipeline.tuning import (
    Drivers,
    Timed,
    camera_driver,
    everybody,
    first_look,
    followed,
    kept,
    tune,
)
from visard.engines.child_process import Answer, end_with_parent, receive, send, serve
from visard.engines.errors import VisardError
from visard.models.face import Image

if TYPE_CHECKING:
    from visard.models.train.tune.tuner import Outcome

CLIP, CORRECTION = "driver.mp4", "correction.npz"
"""What it writes where it is told to write."""
STAGES = (0.0, 0.3, 0.45, 1.0)
"""How much is done before each stage and at the end: looking at drivers, a first look, tuning itself."""
_EVERY = 0.1
"""Seconds between reports."""


def main() -> None:
    """Tune what standard input asks for."""
    serve(_work)


def _work(head: dict[str, Any], _bodies: list[bytes], answer: IO[bytes]) -> Answer:
    tell, scratch = _Teller(answer), Path(head["scratch"])
    persona = Library().get(head["persona"])
    steps: Mapping[str, Any] = {"minutes": head["minutes"], "steps": head["steps"]}
    try:
        drivers = _drivers(head, scratch, tell)
        if head["driver"] == "camera" and head["keep"]:
            send(answer, {"clip": True})
        tell.stage = 2
        send(answer, {"preview": True}, _encoded(first_look(persona, drivers, tell), ".jpg"))
        tell.stage = 3
        return _told(tune(persona, drivers, tell, **steps), scratch)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise VisardError(f"tuning {persona.name} needs room on the disk, which is full") from error


def _drivers(head: Mapping[str, Any], scratch: Path, tell: "_Teller") -> Drivers:
    if head["driver"] != "camera":
        end_with_parent()
        return everybody(tell)
    pictures = _received(sys.stdin.buffer)
    found = followed(camera_driver(kept(pictures, scratch / CLIP) if head["keep"] else pictures), tell)
    end_with_parent()
    return found


def _received(pipe: IO[bytes]) -> Timed:
    """Yield the pictures that come, until there are no more."""
    while (message := receive(pipe)) is not None and message[1]:
        head, (jpeg,) = message
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        yield np.asarray(image, np.uint8), head["time"]


def _told(outcome: "Outcome", scratch: Path) -> Answer:
    verdict = outcome.verdict
    saved = outcome.correction.save(scratch / CORRECTION) if outcome.correction else None
    head = {
        "over": True,
        "refused": verdict.refused,
        "before": asdict(verdict.before),
        "after": asdict(verdict.after),
        "sha256": saved.sha256 if saved else None,
    }
    return head, _encoded(outcome.picture, ".png")


class _Teller:
    """Tells the parent how much is done, but not more often than anybody looks."""

    def __init__(self, answer: IO[bytes]) -> None:
        self.stage = 1
        self._answer, self._next = answer, 0.0

    def __call__(self, share: float, text: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            low, high = STAGES[self.stage - 1 : self.stage + 1]
            step = text.partition(",")[0]  # the parent itself tells how much time is left, of all stages
            send(self._answer, {"done": low + (high - low) * share, "step": step, "stage": self.stage})


def _encoded(picture: Image, kind: str) -> bytes:
    return cv2.imencode(kind, picture)[1].tobytes()
