"""Guest: three programs that read a camera the way people's programs do, each giving a few BGR pictures."""

import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
from pattern import Image

LIMIT = 180.0
"""Seconds a consumer may take; emulation is up to 270 times slower than a real machine."""


def v4l2_ctl(device: str, width: int, height: int, count: int) -> list[Image]:
    """Stream by memory mapping, as most programs do."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "frames.i420"
        _run("v4l2-ctl", "-d", device, "--stream-mmap", f"--stream-count={count}", f"--stream-to={raw}")
        frames = np.fromfile(raw, np.uint8).reshape(-1, height * 3 // 2, width)
    return [cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420) for frame in frames]


def ffmpeg(device: str, width: int, height: int, count: int) -> list[Image]:
    """Read with ffmpeg's own reader."""
    command = f"ffmpeg -v error -f v4l2 -i {device} -frames:v {count} -pix_fmt bgr24 -f rawvideo -"
    return list(np.frombuffer(_run(*command.split()), np.uint8).reshape(-1, height, width, 3))


def chromium(label: str, count: int) -> list[Image]:
    """Open a page that asks for the camera called ``label`` and draws what it gets."""
    answers: queue.Queue[bytes] = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _page(answers))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        address = f"http://127.0.0.1:{server.server_port}/?label={quote(label)}&count={count}"
        log = Path(profile) / "browser.log"
        browser = _browser(address, profile, log)
        try:
            pictures = [_decoded(answers.get(timeout=LIMIT)) for _ in range(count)]
        except queue.Empty:
            raise RuntimeError(f"the page said nothing: {log.read_text(errors='replace')[-2000:]}") from None
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            server.shutdown()
    return pictures


def _decoded(png: bytes) -> Image:
    if not png:
        raise RuntimeError("the page failed; the console says why")
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def _browser(address: str, profile: str, log: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        raise RuntimeError("no Chromium here")
    switches = (
        "headless=new no-sandbox disable-gpu disable-dev-shm-usage use-fake-ui-for-media-stream no-first-run"
        " disable-extensions disable-background-networking disable-component-update disable-sync mute-audio"
        f" autoplay-policy=no-user-gesture-required user-data-dir={profile}"
    )
    with log.open("wb") as output:
        return subprocess.Popen(
            [program, *(f"--{switch}" for switch in switches.split()), address],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _page(answers: "queue.Queue[bytes]") -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = Path(__file__).with_name("watch.html").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            if self.path == "/picture":
                answers.put(body)
                return
            print("page:", body.decode(), flush=True)
            if self.path == "/error":
                answers.put(b"")

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    return Page


def _run(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()[-1000:]}")
    return done.stdout
