"""A web page of somebody else's, on this computer, and another user: what they may try on the page."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Attacker:
    """Serves an empty page on another port of this computer: the nearest a stranger can come."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>attacker</title><body>")

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


ATTACKS = {
    "read": "fetch(T + '/status', {credentials: 'include'}).then(a => a.text())",
    "read blindly": "fetch(T + '/status', {credentials: 'include', mode: 'no-cors'}).then(a => a.text())",
    "picture": "new Promise((y, n) => {const i = new Image(); i.onload = y; i.onerror = n;"
    " i.src = T + '/driver'})",
    "thumbnail": "new Promise((y, n) => {const i = new Image(); i.onload = y; i.onerror = n;"
    " i.src = T + '/thumbnail/clara'})",
    "script": "new Promise((y, n) => {const s = document.createElement('script'); s.onload = y;"
    " s.onerror = n; s.src = T + '/page.js'; document.head.append(s)})",
    "events": "new Promise((y, n) => {const e = new EventSource(T + '/events', {withCredentials: true});"
    " e.onopen = y; e.onerror = () => (e.close(), n())})",
    "post": "fetch(T + '/persona', {method: 'POST', credentials: 'include',"
    " headers: {'Content-Type': 'application/json'}, body: '{\"name\": \"walter\"}'}).then(a => a.text())",
}
"""Promises that come true only for who is let in; T is where the page is."""

BLIND = {
    "post blindly": "fetch(T + '/pause', {method: 'POST', credentials: 'include', mode: 'no-cors'})",
    "post text": "fetch(T + '/persona', {method: 'POST', credentials: 'include', mode: 'no-cors',"
    ' body: \'{"name": "walter"}\'})',
    "beacon": "navigator.sendBeacon(T + '/pause', 'x')",
    "form": "(f => {f.action = T + '/pause'; f.method = 'post'; f.target = 'hole'; document.body.append(f);"
    " f.submit(); return new Promise(y => setTimeout(y, 500))})(document.createElement('form'))",
}
"""What needs no answer to do harm."""

_SCRIPT = r"""
import encodings.idna, os, socket, struct, sys
os.setuid(65534)
host, port, how, biscuit = sys.argv[1:]

def told(other):
    pieces = []
    try:
        while piece := other.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces).decode()

if how == "idle":
    many = [socket.create_connection((host, int(port)), 60) for _ in range(int(biscuit))]
    print(sum(told(one).startswith("HTTP/1.1 403") for one in many), "sent away", flush=True)
    sys.stdin.readline()
    sys.exit()
other = socket.create_connection((host, int(port)), 60)
name = f"127.0.0.1:{port}"
head = f"POST /pause HTTP/1.1\r\nHost: {name}\r\nOrigin: http://{name}\r\nCookie: {biscuit}\r\n"
other.sendall(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
if how == "half-close":
    other.shutdown(socket.SHUT_WR)
elif how != "stay":
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", how == "reset", 0))
    other.close()
print("sent", flush=True)
sys.stdin.readline()
if how in ("stay", "half-close"):
    print(told(other))
"""
AS_NOBODY = sys.executable, "-c", _SCRIPT
"""Becomes another user and connects; wants a host, a port, how, and a cookie or for "idle" how many.

Tells when all was sent, and goes on after a line from us.
"""
