"""Guest: web pages in Chromium, and the little server that they come from and talk to."""

import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import cv2
import numpy as np
from pattern import Image

HERE = Path(__file__).parent
LIMIT = 180.0
"""Seconds until a page's first picture; emulation is up to 270 times slower than a real machine."""
PATIENCE = 20.0
"""Seconds that a page waits for another's note before it asks again."""
TYPES = {".html": "text/html", ".js": "text/javascript"}
SWITCHES = (
    "headless=new no-sandbox disable-gpu disable-dev-shm-usage use-fake-ui-for-media-stream no-first-run"
    " disable-extensions disable-background-networking disable-component-update disable-sync mute-audio"
    " autoplay-policy=no-user-gesture-required"
    " disable-features=WebRtcHideLocalIpsWithMdns"  # calls need an address that somebody can look up
)


class Site:
    """Serves the pages of this folder; they post pictures and leave notes for each other."""

    def __init__(self) -> None:
        self._pictures: dict[str, queue.Queue[bytes]] = {"near": queue.Queue(), "far": queue.Queue()}
        self._enough: set[str] = set()
        self._notes: dict[str, bytes] = {}
        self._left = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> "Site":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def address(self, page: str, **query: object) -> str:
        """Return where a page is."""
        return f"http://127.0.0.1:{self._server.server_port}/{page}?{urlencode(query)}"

    def pictures(self, name: str = "near", limit: float = LIMIT) -> Iterator[Image]:
        """Yield what pages post under a name, BGR; raises RuntimeError when nothing comes for so long."""
        try:
            while png := self._pictures[name].get(timeout=limit):
                yield cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(np.uint8)
        except queue.Empty:
            raise RuntimeError("the page posts no picture") from None
        finally:
            self._enough.add(name)
        raise RuntimeError("the page failed; the console says why")

    def take(self, path: str, body: bytes) -> int:
        """Take what a page posts; return the answer's status."""
        kind, _, name = path.removeprefix("/").partition("/")
        if kind == "picture":
            self._pictures[name].put(body)
            return 205 if name in self._enough else 204
        if kind == "note":
            with self._left:
                self._notes[path] = body
                self._left.notify_all()
        else:
            print("page:", body.decode(), flush=True)
            if kind == "error":
                for waiting in self._pictures.values():
                    waiting.put(b"")
        return 204

    def give(self, path: str) -> tuple[bytes, str] | None:
        """Return a page or a note and its type; a note that is not there yet is waited for."""
        if path.startswith("/note/"):
            with self._left:
                there = self._left.wait_for(lambda: path in self._notes, PATIENCE)
                return (self._notes[path], "application/json") if there else None
        file = HERE / Path(path).name
        return (file.read_bytes(), TYPES[file.suffix]) if file.suffix in TYPES else None


@contextmanager
def browser(address: str, user: str | None = None) -> Iterator[None]:
    """Have Chromium show a page while the block runs; its own words are part of a failure."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        raise RuntimeError("no Chromium here")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, tempfile.TemporaryFile() as log:
        shutil.chown(profile, user or "root")
        process = subprocess.Popen(
            [program, *(f"--{switch}" for switch in SWITCHES.split()), f"--user-data-dir={profile}", address],
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=user,
            env=os.environ | {"HOME": profile},
        )
        try:
            yield
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(
                f"{error}; {program} says: {log.read()[-2000:].decode(errors='replace')}"
            ) from error
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = site.give(self.path.partition("?")[0])
            body, kind = found or (b"", "text/plain")
            self.send_response(200 if found else 204)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(site.take(self.path, body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    return Page
