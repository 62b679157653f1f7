"""How quick the daemon is: start, answer, switch, sleep, wake, stop; as a table.

Usage: python tests/bench/service.py. The demo driver plays; nothing leaves but into a counting sink.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from visard.daemon.api.client import Client
from visard.daemon.api.schema import CameraState
from visard.daemon.config.file import ConfigFile
from visard.daemon.errors import DaemonAbsent
from visard.daemon.personas.library import Library
from visard.daemon.service import live
from visard.daemon.service.service import Service
from visard.daemon.sources._select import SourceSelector
from visard.models.face import Image

IDLE = 30
"""Seconds over which a sleeping daemon's processor time is taken."""


def until(true: Callable[[], object], limit: float = 60) -> float:
    """Return the seconds until something is true."""
    start = time.perf_counter()
    while not true():
        assert time.perf_counter() - start < limit, "it never came"
        time.sleep(0.002)
    return time.perf_counter() - start


def say(what: str, value: str) -> None:
    print(f"{what:<52} {value}", flush=True)


class Count:
    """A sink that notes when pictures came."""

    where = "nowhere"

    def __init__(self) -> None:
        self.pictures = 0

    def write(self, image: Image) -> None:
        self.pictures += 1

    def close(self) -> None:
        """Nothing is held."""


def inside(home: Path) -> None:
    """Measure what needs a look inside."""
    sink = Count()
    live.find_sink = lambda _: type("Kind", (), {"open": lambda *_: sink})()
    (home / "personas").mkdir()
    service = Service(
        ConfigFile(home / "config.toml"), Library(home / "personas"), SourceSelector(home / "last-camera")
    )
    start = time.perf_counter()
    service.start()
    until(lambda: service.status().guard.verdict == "frame")
    say("start to the first swapped frame", f"{time.perf_counter() - start:.2f} s")
    service.switch_persona("walter")
    say(
        "switch to a persona that is not prepared",
        f"{until(lambda: service.status().persona == 'walter'):.2f} s",
    )
    until(lambda: all(persona.ready for persona in service.personas()))
    controller = service._controller
    frames = []
    for name in ("marco", "nico", "clara", "hanna") * 5:
        before = sink.pictures
        service.switch_persona(name)
        until(lambda count=before: sink.pictures > count)
        frames.append(sink.pictures - before)
    say("switch to a prepared one, frames until it may be seen", f"{max(frames)} at most")
    wakes = []
    for _ in range(5):
        controller._read_by(0)
        until(lambda: service.status().camera.state is CameraState.asleep)
        time.sleep(1)
        frames_before = service.status().numbers.verdicts.get("frame", 0)
        controller._read_by(1)
        wakes.append(until(lambda n=frames_before: service.status().numbers.verdicts["frame"] > n))
    say("wake: somebody reads until the first swapped frame", f"{statistics.median(wakes):.2f} s")
    say("memory with six personas prepared", f"{service.status().numbers.memory_mb:.0f} MB")
    start = time.perf_counter()
    service.stop()
    say("stop of the service", f"{time.perf_counter() - start:.2f} s")


@contextmanager
def daemon(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon of its own."""
    os.environ["VISARD_HOME"] = str(home)
    program = Path(sys.executable).with_name("visard")
    process = subprocess.Popen([program, "daemon"], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers() -> bool:
    """Whether the daemon does."""
    try:
        with Client() as client:
            client.status()
    except DaemonAbsent:
        return False
    return True


def ask(home: Path, path: str) -> socket.socket:
    """Ask the daemon for a path."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(home / "run/visard.sock"))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: visard\r\n\r\n".encode())
    return connection


def outside(home: Path) -> None:
    """Measure what others see of the process."""
    with daemon(home) as process:
        say("start of the process to its first answer", f"{until(answers):.2f} s")
        with Client() as client:
            until(lambda: all(persona.ready for persona in client.personas()))
            until(lambda: client.status().camera.state is CameraState.asleep)
            taken = []
            for _ in range(200):
                begin = time.perf_counter()
                client.status()
                taken.append(time.perf_counter() - begin)
            say(
                "GET /status",
                f"{statistics.median(taken) * 1000:.1f} ms, 99 % {sorted(taken)[197] * 1000:.1f} ms",
            )
        times = psutil.Process(process.pid).cpu_times
        before = sum(times()[:2])
        time.sleep(IDLE)
        say("processor while nobody watches", f"{(sum(times()[:2]) - before) / IDLE * 100:.2f} % of one core")
        readers = [ask(home, path) for path in ("/events", "/preview", "/preview")]  # they never read
        time.sleep(1)
        begin = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        for reader in readers:
            reader.close()
        say(
            "SIGTERM to the end of the process",
            f"{time.perf_counter() - begin:.2f} s, status {process.returncode}",
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        outside(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        inside(Path(folder))
    os._exit(0)
