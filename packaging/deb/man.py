"""The manual page visard(1), made from what the commands say of themselves."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

import click

INTRODUCTION = """\
.SH DESCRIPTION
Visard gives you another face in any video call: it reads your webcam, puts the face of a
.I persona
on yours (or moves a portrait as you move), and shows the result as a camera that meeting programs and
browsers can choose:
.BR "Visard Camera" .
.PP
At login a daemon starts, and an icon in the panel switches personas, pauses and shows how things are.
The webcam is on only while some program looks. The commands below drive the daemon as well, so keys,
scripts and stream decks can be bound to them;
.B visard run
does without it.
.PP
The real face leaves the machine only after it was asked for, with
.B visard reveal
or in the panel's menu.
"""

END = """\
.SH EXIT STATUS
0 when done, 1 after an error, 2 after wrong usage, 130 when interrupted. A result goes to standard output,
everything else to standard error.
.SH ENVIRONMENT
.TP
.B VISARD_HOME
A folder to keep personas, settings, networks and cache in, instead of the usual ones.
.SH FILES
.TP
.I ~/.config/visard/config.toml
Settings; may be edited while the daemon does not run, and
.B visard settings
changes them while it does.
.TP
.I ~/.local/share/visard
Personas and fetched networks.
.TP
.I $XDG_RUNTIME_DIR/visard/visard.sock
The control API: HTTP over a Unix socket.
.TP
.I /usr/lib/modprobe.d/visard-camera.conf
Options of the virtual camera's driver; a file of this name in
.I /etc/modprobe.d
replaces it.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1):
.B "journalctl --user -u visard"
shows the daemon's log.
"""


def page(commands: click.Group) -> str:
    """Return the page in the language of man."""
    day = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC).date()
    context = click.Context(commands, info_name="visard")
    parts = [
        f'.TH VISARD 1 "{day}" "visard {version("visard")}"\n',
        ".SH NAME\nvisard \\- another face in any video call\n",
        ".SH SYNOPSIS\n.B visard\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]...\n",
        INTRODUCTION,
        ".SH OPTIONS\n",
        *_options(commands, context),
        ".SH COMMANDS\n",
        *_commands(commands, context),
        END,
    ]
    return "".join(parts)


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, parent=context, info_name=name)
        usage = " ".join(map(_text, command.collect_usage_pieces(inner)))
        yield f".SS \\fB{_text(inner.command_path)}\\fR {usage}\n{_prose(command.help or '')}"
        yield from _options(command, inner)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    common = ("help", "json", "verbose") if context.parent else ()  # told once, at the top
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record and record[1] and option.name not in common:
            yield f".TP\n\\fB{_text(record[0])}\\fR\n{_prose(record[1])}"


def _prose(text: str) -> str:
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\b", "")))
    return "\n.PP\n".join(_line(paragraph) for paragraph in paragraphs) + "\n"


def _line(text: str) -> str:
    text = _text(text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
