"""A pipeline that a person steers while it runs: keys, other personas, a status line."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from rich.text import Text

from visard.daemon.config.settings import Mode
from visard.daemon.errors import VisardError
from visard.daemon.foreground.keys import HELP, Command, SwitchTo, press
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona, prepare
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import PipelineStatus

REFRESH = 0.5
"""Seconds between two status lines."""


class Session:
    """Steers ``pipeline`` from one thread, whatever thread the keys come from."""

    def __init__(self, pipeline: Pipeline, library: Library, choice: str | None) -> None:
        self._pipeline = pipeline
        self._library = library
        self._choice = choice
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._preparing: Thread | None = None
        self._note = HELP
        self._show_rate = True
        self._leaving = False
        self._commands: dict[Command, Callable[[], None]] = {
            Command.calibrate: self._calibrate,
            Command.seek: self._seek,
            Command.following: lambda: self._step(1),
            Command.previous: lambda: self._step(-1),
            Command.generate: lambda: self._prepare("a new person", self._generate),
            Command.reload: lambda: self._wear(self._choice),
            Command.rate: self._toggle_rate,
            Command.quit: self._leave,
        }

    def close(self, timeout: float = 10.0) -> None:
        """Wait for a persona that is still being prepared, so that the program can end."""
        if self._preparing is not None:
            self._preparing.join(timeout)

    def key(self, key: str) -> None:
        """Take a key from any thread."""
        self._events.put(lambda: self._press(key))

    def until(self, deadline: float | None, show: Callable[[Text], None]) -> None:
        """Handle keys and show the status until the pipeline ends, ``deadline`` passes or a key says so.

        ``deadline`` is by ``time.monotonic``. Raises what ended the pipeline.
        """
        while not self._leaving and not self._pipeline.wait(0):
            left = REFRESH if deadline is None else min(deadline - time.monotonic(), REFRESH)
            if left <= 0:
                return
            try:
                self._events.get(timeout=left)()
            except Empty:
                pass
            except VisardError as error:
                self._note = str(error)
            show(line(self._pipeline.status(), self._note, rate=self._show_rate))

    def _press(self, key: str) -> None:
        outcome = press(key, self._pipeline.switches)
        if isinstance(outcome, Switches):
            self._pipeline.set_switches(outcome)
        elif isinstance(outcome, SwitchTo):
            personas = self._library.personas()
            if outcome.index < len(personas):
                self._wear(personas[outcome.index].name)
        elif outcome is not None:
            self._commands[outcome]()

    def _step(self, by: int) -> None:
        names = [persona.name for persona in self._library.personas()]
        current = self._pipeline.recipe.name
        place = names.index(current) + by if current in names else 0
        self._wear(names[place % len(names)])

    def _wear(self, choice: str | None) -> None:
        self._prepare(choice or "the persona", lambda: choice)

    def _prepare(self, title: str, choose: Callable[[], str | None]) -> None:
        """Prepare another persona on a thread of its own; the old one goes on until it is ready."""
        if self._preparing is not None and self._preparing.is_alive():
            return
        self._note = f"preparing {title}"
        persona = self._pipeline.recipe.persona

        def work() -> None:
            try:
                choice = choose()
                ready = prepare(self._library.resolve(choice), persona.mode if persona else Mode.swap)
                self._events.put(lambda: self._change(ready, choice))
            except Exception as error:  # a persona that cannot be used must not end the call
                reason = f"{title}: {error}"
                self._events.put(lambda: self._tell(reason))

        self._preparing = Thread(target=work, name="visard prepare", daemon=True)
        self._preparing.start()

    def _change(self, ready: PreparedPersona, choice: str | None) -> None:
        """Put the new persona on; what the person switched meanwhile stays."""
        self._choice = choice
        self._pipeline.use(Recipe(ready))
        self._tell(f"now {ready.name}")

    def _generate(self) -> str:
        from visard.daemon.personas.generator import open_generator

        return self._library.generate(open_generator()).name

    def _calibrate(self) -> None:
        self._pipeline.calibrate()
        self._tell("calibrated")

    def _seek(self) -> None:
        on = not self._pipeline.status().seeking
        self._pipeline.seek(on)
        self._tell("looking for a better reference" if on else "keeping the reference")

    def _toggle_rate(self) -> None:
        self._show_rate = not self._show_rate

    def _leave(self) -> None:
        self._leaving = True

    def _tell(self, note: str) -> None:
        self._note = note


def line(status: PipelineStatus, note: str = "", *, rate: bool = True) -> Text:
    """Return one line that says what goes out and how fast."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if status.reveal:
        text.append("YOUR REAL FACE IS VISIBLE ", style="bold white on red")
    elif status.verdict == "frame":
        text.append(f"{status.persona} ", style="green")
    else:
        text.append(f"{status.verdict} ({status.why}) ", style="yellow")
    if rate:
        latency = status.stats.latency_ms
        text.append(f"{status.stats.fps:.0f} fps  {latency.p50:.0f} ms  {status.drops} dropped  ")
    if status.reference is not None:
        text.append(f"reference {status.reference}  ")
    broken = [f"{where}: {state}" for where, state in status.sinks.items() if state != "ok"]
    text.append("  ".join(broken), style="red")
    return text.append(note, style="dim")
