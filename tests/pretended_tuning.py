"""A child process that pretends to tune, as ``PRETEND`` in its environment says: it needs no PyTorch."""

import errno
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from visard.daemon.errors import FaceUnusable, VisardError
from visard.daemon.pipeline.tuning_worker import CLIP, CORRECTION
from visard.engines.child_process import Answer, end_with_parent, receive, send, serve
from visard.models.swap.mesh.correction import Correction

SCORES = {"persona": 0.5, "driver": 0.2, "expression": 0.9, "jitter": 1.0, "shape": 0.1}


def main() -> None:
    serve(_work)


def _work(head: dict[str, Any], _bodies: list[bytes], answer: IO[bytes]) -> Answer:
    how, scratch = os.environ.get("PRETEND", ""), Path(head["scratch"])
    send(answer, {"done": 0.1, "step": "talk and look around", "stage": 1})
    if head["driver"] == "camera":
        _watch(head, scratch, answer)
    else:
        end_with_parent()
    send(answer, {"preview": True}, _picture(".jpg"))
    send(answer, {"done": 0.5, "step": "learning", "stage": 3})
    while how == "hang":
        time.sleep(0.05)
    if how == "crash":
        os.abort()
    if how == "bug":
        raise KeyError("a bug")
    if how == "full":
        raise VisardError(os.strerror(errno.ENOSPC))
    after = {**SCORES, "persona": 0.7}
    refused = "it trembles" if how == "refused" else None
    correction = Correction(np.full((468, 3), 0.1, np.float32), np.zeros((48, 48), np.float32))
    sha256 = None if refused else correction.save(scratch / CORRECTION).sha256
    head = {"over": True, "refused": refused, "before": SCORES, "after": after, "sha256": sha256}
    return head, _picture(".png")


def _watch(head: dict[str, Any], scratch: Path, answer: IO[bytes]) -> None:
    """Count the pictures; the clip holds how many there were."""
    times = []
    while (message := receive(sys.stdin.buffer)) is not None and message[1]:
        assert cv2.imdecode(np.frombuffer(message[1][0], np.uint8), cv2.IMREAD_COLOR) is not None
        times.append(message[0]["time"])
        if head["keep"]:
            (scratch / CLIP).write_text(" ".join(map(str, times)))
    if os.environ.get("PRETEND") == "nobody":
        raise FaceUnusable("the camera shows a face in 0 of the frames that were looked at and 24 are needed")
    if head["keep"]:
        send(answer, {"clip": True})


def _picture(kind: str) -> bytes:
    return cv2.imencode(kind, np.zeros((30, 40, 3), np.uint8))[1].tobytes()
