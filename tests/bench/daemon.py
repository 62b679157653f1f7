"""How long ``visard daemon`` takes to answer, and to end while readers take nothing."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
REQUEST = "GET {} HTTP/1.1\r\nHost: visard\r\n\r\n"


def connect(place: Path, path: str) -> socket.socket:
    """Ask for a path, as soon as somebody listens."""
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(place))
        except OSError:
            connection.close()
            time.sleep(0.005)
        else:
            connection.sendall(REQUEST.format(path).encode())
            return connection


def measure(home: Path, warm: float) -> tuple[float, float]:
    """Return the seconds to the first answer and to the end of a daemon that ran ``warm`` seconds between."""
    place = home / "run/visard.sock"
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "visard.daemon", "daemon"])
    first = connect(place, "/status")
    first.recv(1000)
    answered = time.perf_counter() - begin
    time.sleep(warm)
    readers = [connect(place, path) for path in ("/events", "/preview", "/preview")]
    time.sleep(0.5)
    begin = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.wait()
    gone = time.perf_counter() - begin
    for reader in (first, *readers):
        reader.close()
    return answered, gone


def main() -> None:
    """Print medians and the worst."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VISARD_HOME"] = folder
        for warm in (0.0, 5.0):
            answers, ends = zip(*(measure(Path(folder), warm) for _ in range(ROUNDS)), strict=True)
            for name, times in (("first answer", answers), (f"end after {warm:g} s", ends)):
                print(f"{name:16} median {statistics.median(times):.2f} s, worst {max(times):.2f} s")


if __name__ == "__main__":
    main()
