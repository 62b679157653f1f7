"""Lists of what a registry found."""

from typing import Any, Protocol

from visard.daemon.cli.output import Output
from visard.engines.plugins import Registry


class Kind(Protocol):
    """A plugin that is listed."""

    name: str
    rank: int
    summary: str


def list_kinds(output: Output, registry: Registry[Any]) -> None:
    """Print the kinds of a registry and those that cannot be used here."""
    kinds: list[Kind] = sorted(registry.all().values(), key=lambda kind: kind.rank)
    facts: list[dict[str, str | None]] = [
        {"name": kind.name, "summary": kind.summary, "broken": None} for kind in kinds
    ]
    facts += [{"name": name, "summary": None, "broken": reason} for name, reason in registry.broken.items()]
    lines = [
        f"{fact['name']:<10} {fact['summary'] or 'cannot be used: ' + str(fact['broken'])}" for fact in facts
    ]
    output.result(facts, "\n".join(lines))
