"""A web page of somebody else's, on this computer, and what its scripts may try on the preview page."""

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
