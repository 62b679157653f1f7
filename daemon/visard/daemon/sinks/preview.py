"""A page on this computer that shows what goes out, for a browser."""

import json
import os
import socket
import time
from collections import deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.jpeg_stream import JpegStream
from visard.daemon.media.slot import Closed
from visard.models.face import Image

HOST = "127.0.0.1"
_TIMEOUT = 5.0
"""Seconds a reader may take for one picture, and a picture for a reader."""
_BOUNDARY = "visard-frame"


class _PageServer(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # a reader that has gone quiet must not hold up the end
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, format: Format) -> None:  # noqa: A002
        super().__init__((HOST, port), _Handler)
        self.format = format
        self.newest = JpegStream()
        self.timestamps: deque[float] = deque(maxlen=31)
        self.port: int = self.server_address[1]
        self.names = {name + end for name in (HOST, "localhost") for end in ("", f":{self.port}")}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: readers come and go."""

    def rate(self) -> float:
        """Return pictures a second over the last second or so, 0 when none came lately."""
        timestamps = list(self.timestamps)
        if len(timestamps) < 2 or time.monotonic() - timestamps[-1] > 2:
            return 0.0
        return (len(timestamps) - 1) / max(1e-6, timestamps[-1] - timestamps[0])


class _Handler(BaseHTTPRequestHandler):
    server: _PageServer
    timeout = _TIMEOUT
    server_version = "Visard"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one request."""
        if self.headers.get("Host", "") not in self.server.names:
            # A web page of somebody else's may have made its own name point to this computer.
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"open this page by 127.0.0.1 or localhost\n")
            return
        pages = {
            "/": self._page,
            "/stream": self._stream,
            "/snapshot.jpg": self._snapshot,
            "/stats": self._stats,
        }
        pages.get(urlsplit(self.path).path, self._unknown)()

    def log_message(self, *_: Any) -> None:
        """Say nothing: standard error belongs to the program."""

    def _page(self) -> None:
        page = Path(__file__).with_name("preview.html").read_bytes()
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", page)

    def _unknown(self) -> None:
        self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is /, /stream, /snapshot.jpg and /stats\n")

    def _stats(self) -> None:
        size = self.server.format
        stats = {"width": size.width, "height": size.height, "fps": round(self.server.rate(), 1)}
        self._send(HTTPStatus.OK, "application/json", json.dumps(stats).encode())

    def _snapshot(self) -> None:
        newest = self.server.newest
        with newest.subscribe():
            found = newest.after(newest.number())
        if found is None:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"no picture is coming\n")
        else:
            self._send(HTTPStatus.OK, "image/jpeg", found[1])

    def _stream(self) -> None:
        newest = self.server.newest
        # Whatever the kernel buffers for a slow reader is delay; two pictures are enough.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        self._head(HTTPStatus.OK, f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        with newest.subscribe():
            number = newest.number()
            self.wfile.write(f"--{_BOUNDARY}\r\n".encode())
            while found := newest.after(number):
                number, jpeg = found
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                # The next boundary goes along at once: browsers show a part when they have seen its end.
                self.wfile.write(head + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()


class PreviewSink:
    """A running preview page."""

    def __init__(self, server: _PageServer) -> None:
        self._server = server
        self.where = f"http://{HOST}:{server.port}/"
        self._thread = Thread(target=server.serve_forever, args=(0.1,), name="preview-http", daemon=True)
        self._thread.start()

    def write(self, image: Image) -> None:
        """Show one picture to whoever looks; never waits for them."""
        self._server.timestamps.append(time.monotonic())
        try:
            self._server.newest.offer(image)
        except Closed:
            raise SinkError("the preview is closed") from None

    def close(self) -> None:
        """End the page; calling it twice is fine."""
        self._server.newest.close()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class PreviewKind:
    """The kind of sink that is a page for a browser."""

    name = "preview"
    rank = 10
    summary = "a page for a browser on this computer; preview:PORT chooses its port"

    def claims(self, spec: str) -> bool:
        """Whether it is ``preview`` or ``preview:PORT``."""
        return spec.partition(":")[0] == self.name

    def open(self, spec: str, format: Format) -> PreviewSink:  # noqa: A002
        """Start the page, on any free port unless told one."""
        port = _port(spec)
        try:
            return PreviewSink(_PageServer(port, format))
        except OSError as error:
            raise SinkUnavailable(
                f"port {port} cannot be used ({error.strerror}); leave it out, or choose another"
            ) from error


def _port(spec: str) -> int:
    text = spec.partition(":")[2]
    if text and not (text.isdecimal() and 0 < int(text) < 65536):
        raise SinkUnavailable(f"{text!r} is no port; write preview or preview:8090")
    return int(text or 0)


sink = PreviewKind()
