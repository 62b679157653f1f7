"""What commands about personas say, and how a running daemon follows them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from visard.daemon.cli.output import Output
from visard.daemon.errors import DaemonAbsent
from visard.daemon.personas.prepare import missing, suitable
from visard.daemon.personas.record import AUTO, Damaged, Persona, ProcessorChoice

if TYPE_CHECKING:
    from visard.daemon.api.client import Client


def facts(entry: Persona | Damaged) -> dict[str, Any]:
    """Return what is known of an entry, for JSON."""
    if isinstance(entry, Damaged):
        return {"name": entry.name, "folder": str(entry.folder), "damaged": entry.reason}
    facts = entry.record.model_dump(mode="json")
    return {
        **facts,
        "processors": [one.name for one in suitable(entry.material)],
        "picture": str(entry.picture) if entry.picture else None,
        "photos": [str(path) for path in entry.photos],
        "shipped": entry.shipped,
        "damaged": None,
        "missing": missing(entry),
    }


def row(entry: Persona | Damaged) -> tuple[str, ...]:
    """Return the cells of an entry in a list."""
    if isinstance(entry, Damaged):
        return (entry.name, "", "damaged", entry.reason)
    record = entry.record
    whose = "ships with Visard" if entry.shipped else f"consent: {record.consent or 'not stated'}"
    title = "" if record.title.lower() == entry.name.lower() else record.title
    remarks = (
        "hidden" if record.hidden else "",
        "" if record.processor == AUTO and not record.options else chosen(record),
        "lacks a model" if missing(entry) else "",
        f"\N{WARNING SIGN} {len(record.warnings)}" if record.warnings else "",
    )
    return (entry.name, title, record.kind.value, "  ".join([whose, *filter(None, remarks)]))


def chosen(choice: ProcessorChoice) -> str:
    """Say what puts a persona on, and with which options."""
    return " ".join([choice.processor, *(f"{name}={value}" for name, value in _options(choice))])


def _options(choice: ProcessorChoice) -> Iterator[tuple[str, Any]]:
    for processor, options in choice.options.items():
        prefix = "" if processor == choice.processor else f"{processor}."
        yield from ((prefix + name, value) for name, value in options.items())


def details(entry: Persona | Damaged) -> str:
    """Return all that is known of an entry, a line each."""
    known = facts(entry)
    if isinstance(entry, Persona):
        known["options"] = [f"{name}={value}" for name, value in _options(entry.record)]
    lines = [(name, value) for name, value in known.items() if value not in (None, [], "", False)]
    return "\n".join(f"{name:<10} {', '.join(v) if isinstance(v, list) else v}" for name, v in lines)


def tell(output: Output, entry: Persona | Damaged, done: str) -> None:
    """Say what was done, and what is to be said of an entry."""
    remarks = (*entry.record.warnings, missing(entry)) if isinstance(entry, Persona) else ()
    output.result(facts(entry), "\n".join([done, *(f"note: {remark}" for remark in remarks if remark)]))


def through_daemon(ask: "Callable[[Client], object]", here: Callable[[], object]) -> None:
    """Have the daemon do it, so that it follows; without one do it here."""
    from visard.daemon.api.client import Client

    try:
        with Client() as daemon:
            ask(daemon)
    except DaemonAbsent:
        here()
