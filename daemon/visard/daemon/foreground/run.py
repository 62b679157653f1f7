"""The live loop in the foreground: what ``visard run`` does."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.live import Live
from rich.text import Text

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.foreground.endpoints import open_endpoints
from visard.daemon.foreground.interactive import Session
from visard.daemon.foreground.keyboard import Keyboard
from visard.daemon.foreground.signals import terminating
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import prepare
from visard.daemon.pipeline import tracking
from visard.daemon.pipeline.pipeline import Pipeline
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import PipelineStatus


def run(
    source: str | None = None,
    persona: str | None = None,
    sinks: Sequence[str] = (),
    settings: Settings | None = None,
    mode: Mode = Mode.swap,
    *,
    seconds: float | None = None,
    console: Console | None = None,
) -> PipelineStatus:
    """Run until the source ends, ``seconds`` pass, or a key, Ctrl-C or a termination stops it.

    Raises what preparing the persona or opening the ends may raise, and what ended the pipeline if that was a
    fault. Returns the last status.
    """
    console = console or Console(stderr=True)
    library = Library()
    ready = prepare(library.resolve(persona), mode)
    ends = open_endpoints(source, sinks, lambda text: console.print(text, highlight=False, soft_wrap=True))
    switches = Switches(settings or Settings())
    pipeline = Pipeline(
        ends.source, ends.sinks, Recipe(ready), tracking.live, switches=switches, reopen=ends.reopen
    )
    for sink in ends.sinks:
        console.print(f"{ready.name} goes to {sink.where}", highlight=False, soft_wrap=True)
    session = Session(pipeline, library, persona)
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        with (
            terminating(),
            suppress(KeyboardInterrupt),
            pipeline,
            Keyboard(session.key),
            _line(console) as show,
        ):
            session.until(deadline, show)
    finally:
        session.close()
        pipeline.settle(3.0)
    return pipeline.status()


@contextmanager
def _line(console: Console) -> Iterator[Callable[[Text], None]]:
    """Give a function that shows the status line; without a terminal it shows nothing."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda text: live.update(text, refresh=True)
