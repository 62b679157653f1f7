"""A real browser for tests, by the DevTools protocol: it clicks, types, looks and notes what went wrong."""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_PATIENCE = 30.0
"""Seconds after which what a test waits for will not come."""


class Tab:
    """One page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []
        """Errors of scripts, and what the content policy forbade."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(_PATIENCE))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message)

    def speak(self, language: str) -> None:
        """Be the browser of a person who reads this language; before ``visit``."""
        agent = self.value("navigator.userAgent")
        self.call("Network.setUserAgentOverride", userAgent=agent, acceptLanguage=language)

    def answer(self, yes: bool) -> None:
        """Answer all that the page asks from now on, instead of the browser's own dialog."""
        self.value(f"(globalThis.confirm = words => (globalThis.asked = words, {str(yes).lower()}), 0)")

    def visit(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """Evaluate an expression, or wait for its promise."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true and return its value."""
        end = time.monotonic() + _PATIENCE
        while not (found := self._perhaps(expression)):
            assert time.monotonic() < end, f"never true: {expression}\n{self.text()}\n{self.complaints}"
            time.sleep(0.1)
        return found

    def _perhaps(self, expression: str) -> Any:
        """Evaluate an expression, which may fail while one page gives way to the next."""
        try:
            return self.value(expression)
        except AssertionError:
            return None

    def click(self, selector: str) -> None:
        """Click with the mouse where the element is."""
        self.until(f"document.querySelector({selector!r}) !== null")
        box = self.value(
            f"(e => (e.scrollIntoView({{block: 'center'}}), e.getBoundingClientRect().toJSON()))"
            f"(document.querySelector({selector!r}))"
        )
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files for an input, as in the browser's own dialog."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)

    def text(self) -> str:
        return str(self.value("document.body?.innerText ?? ''"))

    def picture(self, path: Path, width: int = 1280, height: int = 960) -> None:
        """Save what is to be seen."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:1000])
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")


class Browser:
    """A running browser."""

    def __init__(self, port: int) -> None:
        self._port = port

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """Open an empty page."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", trust_env=False) as client:
            target = client.put("/json/new?about:blank").json()
            where = target["webSocketDebuggerUrl"]
            with connect(where, max_size=None, proxy=None, ping_interval=None) as socket:  # it may be busy
                yield Tab(socket)
            client.get(f"/json/close/{target['id']}")


@contextmanager
def browser(folder: Path, *flags: str) -> Iterator[Browser]:
    """Start a browser whose profile lies in ``folder``; skips the test where there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser: one of {', '.join(_NAMES)}")
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    process = subprocess.Popen(
        [
            program, "--headless", "--disable-gpu", *sandbox, "--remote-debugging-port=0",
            f"--user-data-dir={folder}", "--lang=en-US", "--no-first-run", *flags, "about:blank",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Browser(_port(folder, process))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _port(folder: Path, process: "subprocess.Popen[bytes]") -> int:
    told = folder / "DevToolsActivePort"
    end = time.monotonic() + _PATIENCE
    while not (told.is_file() and "\n" in told.read_text()):
        assert process.poll() is None, "the browser ended at once"
        assert time.monotonic() < end, "the browser did not start"
        time.sleep(0.1)
    return int(told.read_text().split()[0])
