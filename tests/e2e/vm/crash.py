"""Guest: what readers of the virtual camera get while its writer dies and comes back; what udev makes of it.

Argument: the folder for ``crash.json``, which tells what each act found; the host judges.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from pattern import pattern

from visard.daemon.devices import keep_format, v4l2, v4l2loopback

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DEVICE = "/dev/video60"
WIDTH, HEIGHT = 320, 240
WATCH = 8.0
"""Seconds to look at a camera that nobody writes to."""

Found = dict[str, Any]


class Reader:
    """A program that never stops reading, and knows whose pictures it got when."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._file = os.open(DEVICE, os.O_RDONLY)
        self._on = True
        self._patterns = {n: _luma(n) for n in range(1, 9)}
        Thread(target=self._read, daemon=True).start()

    def during(self, seconds: float) -> list[int]:
        """Return the sessions of the pictures that come in that time."""
        begin = len(self.seen)
        time.sleep(seconds)
        return self.seen[begin:]

    def wait_for(self, session: int, patience: float = 120.0) -> bool:
        """Return whether a picture of that session came."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.seen[-1:] == [session]:
                return True
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """Let go of the device, at once: a last picture may never come."""
        self._on = False
        os.close(self._file)

    def _read(self) -> None:
        size = WIDTH * HEIGHT * 3 // 2
        while self._on:
            try:
                luma = np.frombuffer(os.read(self._file, size), np.uint8)[: WIDTH * HEIGHT]
            except OSError:
                return
            apart = {n: np.abs(luma.astype(int) - known).mean() for n, known in self._patterns.items()}
            self.seen.append(min(apart, key=apart.__getitem__))


def _luma(session: int) -> Any:
    import cv2

    return cv2.cvtColor(pattern(session, WIDTH, HEIGHT), cv2.COLOR_BGR2YUV_I420)[:HEIGHT].ravel().astype(int)


def set_up() -> Found:
    """Load the driver as the package does, with udev awake."""
    for name, target in (
        ("modprobe.conf", "/etc/modprobe.d/visard-camera.conf"),
        ("udev.rules", "/etc/udev/rules.d/65-visard-camera.rules"),
    ):
        Path(target).write_text((ROOT / "packaging/v4l2loopback" / name).read_text())
    _call("/lib/systemd/systemd-udevd", "--daemon")
    _call("modprobe", "v4l2loopback")
    _call("udevadm", "settle", "--timeout=60")
    said = _call("udevadm", "info", "--query=property", DEVICE).splitlines()
    told = [line for line in said if line.startswith("ID_V4L_CAPABILITIES=")]
    return {"told": told, "captures": v4l2.query(DEVICE).captures}


def without_bridge() -> Found:
    """Kill a writer under a reader, and let nothing help."""
    with _writer(1) as writer:
        reader = Reader()
        before = reader.wait_for(1)
        _kill(writer)
        reader.during(2)
        after = reader.during(WATCH)
        with _writer(2):
            back = reader.wait_for(2)
    reader.stop()
    return {"before": before, "after": len(after), "back": back}


def with_bridge() -> Found:
    """Kill a writer under a reader, and bridge the gap as the unit does."""
    with _writer(3) as writer:
        reader = Reader()
        reader.wait_for(3)
        _kill(writer)
        began = time.monotonic()
        _bridge("signal")
        took = time.monotonic() - began
        gap = reader.during(WATCH)
        with _writer(4):
            back = reader.wait_for(4)
            controls = _controls()
    reader.stop()
    return {"gap": gap, "took": took, "back": back, "controls": controls}


def unwatched() -> Found:
    """Kill a writer while nobody reads: what do programs find, and can another size follow?"""
    with _writer(5) as writer:
        _kill(writer)
    kept = v4l2.query(DEVICE).captures
    with _writer(6, 640, 480):
        size = v4l2.held_format(DEVICE)
    return {"kept": kept, "size": size, "ended": v4l2.query(DEVICE).captures}


def ended_well() -> Found:
    """After a clean end the bridge does nothing, and a reader gets nothing."""
    with _writer(7):
        reader = Reader()
        reader.wait_for(7)
    _bridge("success")
    reader.during(2)
    after = reader.during(WATCH / 2)
    reader.stop()
    return {"after": len(after)}


def _controls() -> dict[str, str]:
    said = _call("v4l2-ctl", "-d", DEVICE, "-C", "keep_format,sustain_framerate")
    return {
        name.strip(): value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())
    }


@contextmanager
def _writer(session: int, width: int = WIDTH, height: int = HEIGHT) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / "writer.py"), "pattern", str(session), str(width), str(height)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    assert writer.stdout.readline().startswith("READY"), "the writer did not start"
    try:
        yield writer
    finally:
        if writer.poll() is None:
            writer.terminate()
        writer.wait()


def _kill(writer: subprocess.Popen[str]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()


def _bridge(result: str) -> None:
    command = ["/usr/bin/python3", "-I", "-S", keep_format.__file__, v4l2loopback.LABEL]
    subprocess.run(command, check=True, env={"SERVICE_RESULT": result})


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


ACTS: tuple[Callable[[], Found], ...] = (set_up, without_bridge, with_bridge, unwatched, ended_well)


def main(out: Path) -> None:
    """Play every act; a failure of one is what it found."""
    found: dict[str, Found] = {}
    for act in ACTS:
        print("act", act.__name__, flush=True)
        try:
            found[act.__name__] = act()
        except Exception:
            found[act.__name__] = {"error": traceback.format_exc()}
        (out / "crash.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
