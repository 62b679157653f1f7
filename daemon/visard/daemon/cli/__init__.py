"""The command line. Each command's module is imported when it is called, so that help is quick."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from visard.daemon.cli.output import Output
from visard.engines.errors import VisardError

COMMANDS = {
    "daemon": "Own the camera and wait for commands: what runs all day.",
    "status": "Tell how the running daemon is.",
    "persona": "Put a persona on.",
    "next": "Put the next persona of the library on.",
    "previous": "Put the previous persona of the library on.",
    "pause": "Show a card instead of the camera.",
    "resume": "Go on after a pause.",
    "reveal": "Show your real face.",
    "enrol": "Learn what you look like: then nobody else is given the persona.",
    "calibrate": "Take how you look now as the neutral face.",
    "settings": "Show and change the settings of the running daemon.",
    "preview": "Give the address of a page that shows driver and result.",
    "events": "Tell what happens, line by line.",
    "tray": "Show the icon in the panel: state, personas, pause, settings.",
    "run": "Put a persona on live: camera in, virtual camera out.",
    "convert": "Put a persona on everyone in a video file.",
    "animate": "Move a portrait as the driver in a video file moves.",
    "personas": "List, try, add, rename, hide, order and remove personas.",
    "models": "List, fetch, import, check and remove models that others publish.",
    "engines": "Compile networks for this machine, check and measure them.",
    "bench": "Measure speed, delay and memory on this machine.",
    "doctor": "Say what is here, what is missing and how to get it.",
    "cameras": "List the cameras.",
    "sources": "List what frames can come from.",
    "sinks": "List where frames can go.",
    "occluders": "List what finds things in front of faces.",
    "enhancers": "List what restores detail of swapped faces.",
    "processors": "List what can put a persona on.",
    "install": "Start with your session, from now on.",
    "uninstall": "Stop, and no longer start with your session.",
}

_REGISTERED = {"tray"}
"""Commands of other parts of Visard, found by their entry points."""
_SHARED_MODULES = {
    "install": ("install", "uninstall"),
    "listings": ("cameras", "sources", "sinks", "processors", "occluders", "enhancers"),
    "remote": ("persona", "next", "previous", "pause", "resume", "reveal", "calibrate", "preview"),
    "status": ("status", "events"),
}
_PLACES = {name: (module, name) for module, names in _SHARED_MODULES.items() for name in names}
"""Module and attribute of a command; one that is not here is ``command`` in the module of its name."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load one of our own, else one that registered as an entry point, as the tray's does."""
        if cmd_name not in COMMANDS or cmd_name in _REGISTERED:
            return _registered(cmd_name)
        module, attribute = _PLACES.get(cmd_name, (cmd_name, "command"))
        command = getattr(import_module(f"{__name__}.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _registered(name: str) -> click.Command | None:
    from importlib.metadata import entry_points

    found = entry_points(group="visard.commands", name=name)
    command = next((point.load() for point in found), None)
    return command if isinstance(command, click.Command) else None


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(f"visard {version('visard')}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version."
)
@click.option(
    "-v", "--verbose", is_flag=True, expose_value=False, help="Say more; show where errors come from."
)
@click.option("--json", is_flag=True, expose_value=False, help="Answer in JSON, errors too.")
def commands() -> None:
    """Another face in any video call."""


def program() -> None:
    """Run the command the person typed and end the process.

    A step that is still inside a network or a camera driver cannot be stopped, and Python's own way out would
    abort the process under it; then the process ends at once. Everything was closed before. Ctrl-C works also
    where a script's shell has it ignored, as it does for what it starts with '&'.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except SystemExit as end:
        if any(thread.daemon for thread in threading.enumerate()):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        raise


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    output = Output(json="--json" in arguments, verbose=bool({"-v", "--verbose"} & set(arguments)))
    output.start_log()
    try:
        done = commands.main(list(arguments), "visard", standalone_mode=False, obj=output)
        sys.exit(done if isinstance(done, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        sys.exit(2)
    except click.UsageError as error:
        place = error.ctx.command_path if error.ctx else "visard"
        sys.exit(output.fail("usage", f"{error.format_message()} See '{place} --help'.", 2))
    except click.Abort:
        sys.exit(output.fail("interrupted", "interrupted", 130))
    except VisardError as error:
        sys.exit(output.fail(error.code, str(error)))
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        sys.exit(output.fail("system", f"{error.strerror or error}{place}"))
    except Exception as error:  # the last place to turn a bug into one line
        hint = "" if output.verbose else "; run it again with -v to see where"
        sys.exit(output.fail("internal", f"unexpected {type(error).__name__}: {error}{hint}"))
