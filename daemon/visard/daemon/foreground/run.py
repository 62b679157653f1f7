"""The service in the foreground, without a socket: what ``visard run`` does."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from visard.daemon.api.schema import Status
from visard.daemon.config.file import ConfigFile
from visard.daemon.config.settings import Mode, Settings
from visard.daemon.foreground.endpoints import Endpoints, open_endpoints
from visard.daemon.foreground.interactive import Session
from visard.daemon.foreground.keyboard import Keyboard
from visard.daemon.foreground.signals import terminating
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona, chosen, mode_for, prepare
from visard.daemon.personas.record import Persona
from visard.daemon.service.service import Service

SETTLE = 3.0
"""Seconds to wait for a step that is still at work: a program that ends inside a network is aborted."""


def run(
    source: str | None = None,
    persona: str | None = None,
    sinks: Sequence[str] = (),
    settings: Settings | None = None,
    mode: Mode | None = None,
    *,
    processor: str | None = None,
    options: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> Status:
    """Run until the source ends, ``seconds`` pass, or a key, Ctrl-C or a termination stops it.

    Without a mode it is what the persona's processor can do. Raises what preparing the persona or opening the
    ends may raise, and what ended the service if that was a fault. Returns the last status.
    """
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    library, wanted = _guest(Library(), persona, processor, options or {})
    ready = _prepare(wanted, mode or mode_for(wanted), processor, console)
    with terminating(), ExitStack() as ending:
        ends = open_endpoints(source, sinks, say, rotate=settings.rotate if settings else 0)
        ending.callback(ends.close)
        service = Service(_config(ends.source, ready, settings), library, ends.selector, ends.sinks)
        ending.callback(service.stop, SETTLE)
        link = ending.enter_context(_page(service, ends))
        for where in (*([link()] if link else []), *(sink.where for sink in ends.sinks.sinks)):
            say(f"{ready.name} goes to {where}")
        service.start(ready)
        session = Session(service, link)
        deadline = None if seconds is None else time.monotonic() + seconds
        with suppress(KeyboardInterrupt), Keyboard(session.key), _line(console) as show:
            session.until(deadline, show)
        return service.status()


def _guest(
    library: Library, choice: str | None, processor: str | None, options: Mapping[str, Any]
) -> tuple[Library, Persona]:
    """Return the persona that was chosen, and the library with it, for this run also where it is not kept."""
    persona = library.resolve(choice)
    if processor or options:
        record = persona.record.model_copy(update=chosen(persona, processor, options).model_dump())
        persona = replace(persona, record=record, saved=False)
    return library if persona.saved else replace(library, guest=persona), persona


def _prepare(persona: Persona, mode: Mode, processor: str | None, console: Console) -> PreparedPersona:
    with console.status(f"preparing {persona.name}") as shown:

        def report(share: float, text: str) -> None:
            shown.update(f"preparing {persona.name}: {text} {share:.0%}")

        return prepare(persona, mode, report, processor=processor)


@contextmanager
def _page(service: Service, ends: Endpoints) -> Iterator[Callable[[], str] | None]:
    """Serve the preview page where it was asked for; gives what returns links to it."""
    if not ends.sinks.preview:
        yield None
        return
    from visard.daemon.foreground.preview import serving

    with serving(service, ends.port) as link:
        yield link


def _config(source: str, ready: PreparedPersona, settings: Settings | None) -> ConfigFile:
    """Return a configuration that is forgotten at the end."""
    own = settings.model_dump(mode="json", exclude_defaults=True) if settings else {}
    return ConfigFile(None, {"persona": ready.name, "mode": ready.mode.value, "camera": source, **own})


@contextmanager
def _line(console: Console) -> Iterator[Callable[[Text], None]]:
    """Give a function that shows the status line; without a terminal it shows nothing."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda text: live.update(text, refresh=True)
