"""Menus of the tray, looked into and clicked on without a desktop."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from statuses import status

from visard.daemon.api.schema import Consent, PersonaInfo, ProcessorInfo
from visard.tray import actions
from visard.tray.panel import MenuItem


def every(items: tuple[MenuItem, ...]) -> Iterator[MenuItem]:
    for item in items:
        yield item
        yield from every(item.children)


def labelled(items: tuple[MenuItem, ...], start: str) -> MenuItem:
    found = [item for item in every(items) if item.label.startswith(start)]
    assert len(found) == 1, (start, [item.label for item in every(items)])
    return found[0]


def current(items: tuple[MenuItem, ...]) -> list[str]:
    return [i.action.name for i in every(items) if isinstance(i.action, actions.SwitchPersona) and i.checked]


class FakeClient:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **named: Any) -> Any:
            self.asked.append((name, *arguments, *named.values()))
            if name == "processors":
                return [
                    ProcessorInfo(name="a", accepts=("photo",)),
                    ProcessorInfo(name="b", accepts=("dfm",)),
                ]
            return status() if name == "status" else PersonaInfo(name="added", title="x")

        return ask


class FakeDialogs:
    """A person who answers like this."""

    def __init__(self, *, yes: bool = False, path: Path | None = None, form: Any = None) -> None:
        self.yes, self.path, self.form = yes, path, form
        self.seen: list[str] = []

    def question(self, title: str, text: str, yes: str, no: str) -> bool:
        self.seen.append("question")
        return self.yes

    def face(self, title: str, models: Sequence[str]) -> Path | None:
        self.seen.append(f"face {' '.join(models)}")
        return self.path

    def persona(self, face: Path) -> tuple[str, Consent] | None:
        self.seen.append("persona")
        return self.form

    def notice(self, title: str, text: str, copy: str | None = None) -> None:
        self.seen.append(f"notice {text} {copy}")


def do(
    action: Any, dialogs: FakeDialogs | None = None, told: list[str] | None = None
) -> list[tuple[Any, ...]]:
    """Click; return what the daemon was asked for. ``told`` gets what else happened."""
    client: Any = FakeClient()
    other: list[str] = [] if told is None else told
    dialogs = dialogs or FakeDialogs()
    note = partial(partial, other.append)
    action(
        actions.ActionContext(
            lambda: client, dialogs, note("start"), note("quit"), lambda _: not note("open_browser")()
        )
    )
    return client.asked
