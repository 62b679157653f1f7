"""A service that a person steers from a terminal while it runs: keys, and a status line."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from rich.text import Text

from visard.daemon.api.schema import Status
from visard.daemon.errors import VisardError
from visard.daemon.foreground.keys import HELP, Command, SwitchTo, press
from visard.daemon.pipeline.recipe import Switches
from visard.daemon.service.service import Service

REFRESH = 0.5
"""Seconds between two status lines."""


class Session:
    """Steers ``service`` from one thread, whatever thread the keys come from.

    ``link`` gives another link to the preview page, where there is one.
    """

    def __init__(self, service: Service, link: Callable[[], str] | None = None) -> None:
        self._service = service
        self._keys: SimpleQueue[str] = SimpleQueue()
        self._note = HELP
        self._show_rate = True
        self._leaving = False
        self._commands: dict[Command, Callable[[], str | None]] = {
            Command.calibrate: self._calibrate,
            Command.seek: self._seek,
            Command.following: lambda: service.step(1),
            Command.previous: lambda: service.step(-1),
            Command.generate: lambda: service.generate_persona(None, None, wear=True).title,
            Command.reload: service.reload,
            Command.preview: link or (lambda: "there is no preview page; run with --sink preview"),
            Command.rate: self._toggle_rate,
            Command.quit: self._leave,
        }

    def key(self, key: str) -> None:
        """Take a key from any thread."""
        self._keys.put(key)

    def until(self, deadline: float | None, show: Callable[[Text], None]) -> None:
        """Handle keys and show the status until the service ends, ``deadline`` passes or a key says so.

        ``deadline`` is by ``time.monotonic``. Raises what ended the service.
        """
        while not self._leaving and not self._service.wait(0):
            left = REFRESH if deadline is None else min(deadline - time.monotonic(), REFRESH)
            if left <= 0:
                return
            try:
                self._note = self._press(self._keys.get(timeout=left)) or self._note
            except Empty:
                pass
            except VisardError as error:
                self._note = str(error)
            show(line(self._service.status(), self._note, rate=self._show_rate))

    def _press(self, key: str) -> str | None:
        """Do what a key says; return what to tell the person."""
        outcome = press(key, self._service.switches)
        if isinstance(outcome, Switches):
            self._follow(outcome)
        elif isinstance(outcome, SwitchTo):
            names = [persona.name for persona in self._service.personas() if persona.damaged is None]
            if outcome.index < len(names):
                self._service.switch_persona(names[outcome.index])
        elif outcome is not None:
            return self._commands[outcome]()
        return None

    def _follow(self, wanted: Switches) -> None:
        present = self._service.switches
        if wanted.paused != present.paused:
            (self._service.pause if wanted.paused else self._service.resume)()
        self._service.change(dict(set(wanted.settings) - set(present.settings)))

    def _calibrate(self) -> str:
        self._service.calibrate()
        return "calibrated"

    def _seek(self) -> str:
        on = not self._service.status().seeking
        self._service.seek(on)
        return "looking for a better reference" if on else "keeping the reference"

    def _toggle_rate(self) -> None:
        self._show_rate = not self._show_rate

    def _leave(self) -> None:
        self._leaving = True


def line(status: Status, note: str = "", *, rate: bool = True) -> Text:
    """Return one line that says what goes out and how fast."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if status.revealed:
        text.append("YOUR REAL FACE IS VISIBLE ", style="bold white on red")
    elif status.guard.verdict == "frame":
        faces = status.guard.faces
        text.append(f"{status.persona} ", style="green")
        text.append(f"{faces.words()}  ", style="bold red" if faces.shown else "green")
    else:
        text.append(f"{status.guard.verdict} ({status.guard.why}) ", style="yellow")
    if rate:
        numbers = status.numbers
        text.append(f"{numbers.fps:.0f} fps  {numbers.latency_ms.p50:.0f} ms  {numbers.drops} dropped  ")
    if status.reference is not None:
        text.append(f"reference {status.reference}  ")
    for job in status.jobs:
        if not job.done or job.error:
            text.append(f"{job.title}: {job.error or f'{job.progress or 0:.0%}'}  ", style="cyan")
    text.append("".join(f"{problem.message}  " for problem in status.problems), style="red")
    return text.append(note, style="dim")
