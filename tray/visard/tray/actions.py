"""What a click does. An action is a value, so that menus can be compared; it runs on a thread of its own."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Protocol

from visard.daemon.api.client import Client
from visard.daemon.api.schema import Consent, Problem
from visard.daemon.config.settings import Mode
from visard.daemon.errors import DaemonAbsent, VisardError
from visard.tray import texts
from visard.tray.i18n import _
from visard.tray.launch import open_browser


class Dialogs(Protocol):
    """How the person is asked; closing a dialogue means no. Raises DialogsUnavailable."""

    def question(self, title: str, text: str, yes: str, no: str) -> bool:
        """Ask something that is yes or no."""
        ...

    def face(self, title: str, models: Sequence[str]) -> Path | None:
        """Let the person choose a picture file, or a trained model with one of these endings."""
        ...

    def persona(self, face: Path) -> tuple[str, Consent] | None:
        """Ask for a name for the face in the file, and why it may be used."""
        ...

    def notice(self, title: str, text: str, copy: str | None = None) -> None:
        """Tell something, with a line that can be copied."""
        ...


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What actions work with."""

    connect: Callable[[], Client]
    dialogs: Dialogs
    start: Callable[[], None]
    """Start the daemon; raises VisardError."""
    quit: Callable[[], None]
    """End the tray."""
    open_browser: Callable[[str], bool] = open_browser
    """Open an address; tells whether it could."""

    @property
    def client(self) -> Client:
        """The daemon that is there now; raises DaemonAbsent."""
        return self.connect()


class Action(Protocol):
    """Something a click does; raises VisardError."""

    def __call__(self, context: ActionContext) -> None:
        """Do it; may block."""
        ...


@dataclass(frozen=True, slots=True)
class SwitchPersona:
    """Put a persona on."""

    name: str

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.switch_persona(self.name)


@dataclass(frozen=True, slots=True)
class SwitchMode:
    """Put the persona on in another way."""

    name: str
    mode: Mode

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.switch_persona(self.name, self.mode)


@dataclass(frozen=True, slots=True)
class ChooseProcessor:
    """Have a persona put on by another processor."""

    name: str
    processor: str

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.configure_persona(self.name, self.processor, {})


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up preparing or tuning a persona."""

    job: int

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.cancel(self.job)


@dataclass(frozen=True, slots=True)
class Change:
    """Change settings."""

    changes: tuple[tuple[str, Any], ...]

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.change(dict(self.changes))


def change(**changes: Any) -> Change:
    """Return the action that changes these settings."""
    return Change(tuple(changes.items()))


@dataclass(frozen=True, slots=True)
class Pause:
    """Show a card instead of the camera."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.pause()


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.resume()


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Take the next frame as the neutral reference."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.calibrate()


@dataclass(frozen=True, slots=True)
class ShowRealFace:
    """Show the real face, if the person says that they want it."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the person first."""
        sure = context.dialogs.question(
            _("Show my real face"),
            _(
                "Everybody who watches the virtual camera will see you as you are, "
                "until you hide your face again. Show your real face?"
            ),
            _("Show my real face"),
            _("Stay hidden"),
        )
        if sure:
            context.client.reveal(True)


@dataclass(frozen=True, slots=True)
class HideRealFace:
    """Hide the real face again."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon, and never the person."""
        context.client.reveal(False)


@dataclass(frozen=True, slots=True)
class EnrolFace:
    """Learn what the person looks like, if they are ready."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the person first; the daemon tells how it goes."""
        ready = context.dialogs.question(
            _("Enrol my face"),
            _(
                "Visard learns what you look like, so that nobody else is given the persona. "
                "Sit alone in front of the camera, look straight ahead, then turn your head a little. "
                "Only numbers are kept, never a picture."
            ),
            _("Begin"),
            _("Not now"),
        )
        if ready:
            context.client.enrol()


@dataclass(frozen=True, slots=True)
class ForgetFace:
    """Forget what the person looks like."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.forget_enrolment()


@dataclass(frozen=True, slots=True)
class Tune:
    """Begin to make a persona more alike."""

    name: str

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon, which tells how it goes."""
        context.client.tune_persona(self.name)


@dataclass(frozen=True, slots=True)
class PutTuned:
    """Let a persona look as it was tuned, or as before."""

    name: str
    on: bool

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon."""
        context.client.put_tuned(self.name, self.on)


@dataclass(frozen=True, slots=True)
class AddPersona:
    """Make a persona from a picture or a trained model, put it on, and offer to tune it."""

    def __call__(self, context: ActionContext) -> None:
        """Ask for the file, the name and why this face may be used."""
        kinds = {kind for processor in context.client.processors() for kind in processor.accepts}
        path = context.dialogs.face(_("Choose a picture of one face"), sorted(kinds - {"photo"}))
        if path is None:
            return
        answer = context.dialogs.persona(path)
        if answer is None:
            return
        title, consent = answer
        added = context.client.add_persona(path, None, consent, title)
        context.client.switch_persona(added.name)
        if (
            added.photos
            and context.client.status().cannot_tune is None
            and self._wants_tuning(context, title)
        ):
            context.client.tune_persona(added.name)

    def _wants_tuning(self, context: ActionContext, title: str) -> bool:
        return context.dialogs.question(
            _("Tune {persona}").format(persona=title),
            _(
                "A few minutes in the background give a better likeness. "
                "The old look stays one click away. Tune it now?"
            ),
            _("Tune it"),
            _("Not now"),
        )


@dataclass(frozen=True, slots=True)
class GeneratePersona:
    """Draw a person who does not exist."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon, which tells how it goes."""
        context.client.generate_persona()


@dataclass(frozen=True, slots=True)
class OpenPreview:
    """Open the preview page in the browser."""

    def __call__(self, context: ActionContext) -> None:
        """Ask the daemon for a link and open it."""
        if not context.open_browser(context.client.preview()):
            raise VisardError(_("There is no browser that could show the preview."))


@dataclass(frozen=True, slots=True)
class ShowProblem:
    """Tell what is wrong and what helps."""

    problem: Problem

    def __call__(self, context: ActionContext) -> None:
        """Show it, with the line for a shell to be copied."""
        context.dialogs.notice(_("Visard needs you"), texts.problem(self.problem), self.problem.fix)


@dataclass(frozen=True, slots=True)
class StartDaemon:
    """Start the daemon."""

    def __call__(self, context: ActionContext) -> None:
        """Start it."""
        context.start()


@dataclass(frozen=True, slots=True)
class Quit:
    """End the daemon and the tray."""

    def __call__(self, context: ActionContext) -> None:
        """End the daemon if there is one, then the tray."""
        with suppress(DaemonAbsent):
            context.client.shutdown()
        context.quit()


class ActionRunner:
    """One thread for each action; one that still runs, a dialogue for example, is not begun again."""

    def __init__(self, context: ActionContext, failed: Callable[[VisardError], None]) -> None:
        self._context = context
        self._failed = failed
        self._busy: set[Action] = set()
        self._lock = Lock()

    def do(self, action: Action) -> None:
        """Begin it and return at once."""
        with self._lock:
            if action in self._busy:
                return
            self._busy.add(action)
        Thread(target=self._run, args=(action,), name=f"visard {type(action).__name__}", daemon=True).start()

    def _run(self, action: Action) -> None:
        try:
            action(self._context)
        except VisardError as error:
            self._failed(error)
        finally:
            with self._lock:
                self._busy.discard(action)
