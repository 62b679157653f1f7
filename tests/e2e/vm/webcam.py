"""Runs in the guest: Visard's camera source on vivid, which emulates webcams; findings go to a file."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from visard.daemon.errors import SourceError
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Source
from visard.daemon.sources import find_source
from visard.daemon.sources._cameras import list_cameras

SMALL = Format(640, 360, 30)
OTHER_PROGRAM = """
from visard.daemon.errors import SourceError
from visard.daemon.sources import find_source
try:
    find_source("camera:0").open("camera:0")
except SourceError as error:
    print(type(error).__name__, error)
"""


def open_camera(spec: str) -> Source:
    return find_source(spec).open(spec, SMALL)


def outcome(spec: str) -> list[Any]:
    """Return the shape of a picture, or the error's name and text."""
    try:
        source = open_camera(spec)
    except SourceError as error:
        return [type(error).__name__, str(error)]
    shape = source.read().shape
    source.close()
    time.sleep(1)  # its thread lets go of the device
    return list(shape)


def end_of_reading(source: Source, happening: threading.Thread) -> list[str]:
    happening.start()
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            source.read()
    except SourceError as error:
        return [type(error).__name__, str(error)]
    return ["none", "reading went on for 30 s"]


def unplug() -> None:
    device = Path("/sys/class/video4linux/video0/device").resolve().name
    Path("/sys/bus/platform/drivers/vivid/unbind").write_text(device)


def main(out: Path) -> None:
    subprocess.run(["modprobe", "vivid", "n_devs=2", "node_types=0x1,0x1", "input_types=0,0"], check=True)
    found: dict[str, Any] = {"cameras": [asdict(camera) for camera in list_cameras()]}
    source = open_camera("camera")
    found["format"] = asdict(source.format)
    pictures = [source.read() for _ in range(20)]
    cv2.imwrite(str(out / "vivid.png"), pictures[-1])
    found["moving"] = bool((pictures[0] != pictures[-1]).any())
    found["busy"] = [camera.busy for camera in list_cameras()]
    other = subprocess.run([sys.executable, "-c", OTHER_PROGRAM], capture_output=True, text=True, check=True)
    found["other"] = other.stdout
    found["closed"] = end_of_reading(source, threading.Thread(target=source.close))
    time.sleep(1)
    found["busy after"] = [camera.busy for camera in list_cameras()]
    stable = found["cameras"][1]["stable_id"]
    found["specs"] = {spec: outcome(spec) for spec in ("camera:1", "camera:VIVID", "/dev/video1", "camera:7")}
    found["by stable id"] = outcome(f"camera:{stable}")
    source = open_camera("camera:0")
    found["unplugged"] = end_of_reading(source, threading.Thread(target=unplug, daemon=True))
    source.close()
    found["afterwards"] = outcome("camera:0")
    (out / "webcam.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
