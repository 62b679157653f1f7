"""Dialogues, each in a process of its own, so that no loop of the tray waits for a person."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from visard.daemon.api.schema import Consent
from visard.daemon.errors import VisardError
from visard.tray.i18n import _

_PICTURES = ("avif", "bmp", "gif", "heic", "heif", "hif", "jpeg", "jpg", "png", "tif", "tiff", "webp")


class DialogsUnavailable(VisardError):
    """Nothing is here that could show a dialogue."""

    code = "dialogs-unavailable"


@dataclass(frozen=True, slots=True)
class Question:
    """Yes or no; the answer is a bool."""

    title: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class File:
    """Which file with a face in it; the answer is its path."""

    title: str
    choose: str
    cancel: str
    kinds: str
    """What the filter is called."""
    endings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A name and one of several statements; the answer is [name, key], and both must be given."""

    title: str
    file: str
    """Shown as a picture, or by its name where it is none."""
    name: str
    question: str
    choices: tuple[tuple[str, str], ...]
    """Key and statement."""
    remark: str
    done: str
    cancel: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to read, with a line that can be copied."""

    title: str
    text: str
    copy: str | None
    copy_label: str
    close: str


Dialog = Question | File | Form | Notice
KINDS: dict[str, type[Dialog]] = {kind.__name__.lower(): kind for kind in (Question, File, Form, Notice)}


@dataclass(frozen=True, slots=True)
class ChildDialogs:
    """Shows dialogues by ``python -m visard.tray.dialogs``; closing one, or the tray, means no."""

    _open: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def question(self, title: str, text: str, yes: str, no: str) -> bool:
        """Ask something that is yes or no."""
        return self._show(Question(title, text, yes, no)) is True

    def face(self, title: str, models: Sequence[str]) -> Path | None:
        """Let the person choose a picture file, or a trained model with one of these endings."""
        kinds = _("Pictures and trained models") if models else _("Pictures")
        path = self._show(File(title, _("Choose"), _("Cancel"), kinds, (*_PICTURES, *models)))
        return Path(path) if isinstance(path, str) else None

    def persona(self, face: Path) -> tuple[str, Consent] | None:
        """Ask for a name for the face in the file, and why it may be used."""
        answer = self._show(_persona_form(face))
        return (answer[0], Consent(answer[1])) if answer else None

    def notice(self, title: str, text: str, copy: str | None = None) -> None:
        """Tell something, with a line that can be copied."""
        self._show(Notice(title, text, copy, _("Copy"), _("Close")))

    def close(self) -> None:
        """Take all dialogues away; whoever waits for one gets a no."""
        with self._lock:
            for child in self._open:
                child.terminate()

    def _show(self, dialog: Dialog) -> Any:
        """Show it and wait for the answer; None is a no. Raises DialogsUnavailable."""
        command = [sys.executable, "-m", "visard.tray.dialogs", type(dialog).__name__.lower()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            with self._lock:
                self._open.add(child)
            try:
                said = _exchange(child, json.dumps(asdict(dialog)))
            finally:
                with self._lock:
                    self._open.discard(child)
        if "error" in said:
            raise DialogsUnavailable(said["error"])
        return said.get("answer")


def _exchange(child: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Send one line and return the answer; stdin stays open, since its end tells the child to go."""
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(line + "\n")
        child.stdin.flush()
    said = child.stdout.readline()
    return dict(json.loads(said)) if said else {}


def _persona_form(face: Path) -> Form:
    why = {
        Consent.self: _("It is my own face."),
        Consent.permission: _("It is somebody else's face, and they agreed that I wear it."),
        Consent.generated: _("It is nobody's face: this person was made by a computer."),
        Consent.public_domain: _("It is free for everybody: a painting or an old picture, for example."),
    }
    return Form(
        title=_("Add a persona"),
        file=str(face),
        name=_("Name"),
        question=_("Why may you wear this face?"),
        choices=tuple((consent.value, text) for consent, text in why.items()),
        remark=_(
            "Wearing somebody's face without their permission, or to deceive, is wrong, and in many places a "
            "crime. Your answer is kept beside the picture. The picture stays on this computer."
        ),
        done=_("Add"),
        cancel=_("Cancel"),
    )
