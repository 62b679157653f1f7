"""``visard train``: faces that are learned."""

from importlib import import_module

import click

from visard.daemon.cli.output import common

_COMMANDS = {
    "extract": ("extract", "Take the faces out of films and pictures, for training."),
    "people": ("people", "Say whose faces a set holds, or make it another person's."),
    "sort": ("face_sets", "Put the faces of a set in order."),
    "prune": ("face_sets", "Make a set smaller, without making it poorer."),
    "sheet": ("face_sets", "Draw a contact sheet of a set."),
    "pairs": ("pairs", "Make faces of a persona from its photo, for training."),
    "new": ("model", "Begin the training of a face model."),
    "run": ("running", "Train it, or go on."),
    "export": ("exporting", "Make a persona or a .dfm file of what was trained."),
    "trainings": ("model", "List face models in training, or show one."),
}
"""Module and summary of each; the module is imported when the command is called."""


class _TrainCommands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"{__name__}.{_COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.group("train", cls=_TrainCommands, no_args_is_help=True)
@common
def command() -> None:
    """Train a face model of one person on the faces of two sets of pictures."""
