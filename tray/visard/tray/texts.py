"""How the tray puts a status into words."""

import textwrap
import unicodedata
from enum import StrEnum

from visard.daemon.api.schema import Faces, Job, PersonaInfo, Problem, State, Status, Tuning
from visard.tray.i18n import _, english, several

_COMPILING, _PREPARING, _TUNING = "compiling ", "preparing ", "tuning "
"""How the daemon's jobs begin that compile a network, or prepare or tune a persona."""


class IconState(StrEnum):
    """What the icon says: the daemon's state, or that there is none."""

    revealed = "revealed"
    problem = "problem"
    paused = "paused"
    sleeping = "sleeping"
    starting = "starting"
    live = "live"
    absent = "absent"


def icon_state(status: Status | None) -> IconState:
    """Return what the icon says."""
    return IconState(status.state.value) if status else IconState.absent


def headline(status: Status | None) -> str:
    """Return the state in one line."""
    if status is None:
        return _("Visard is not running")
    says = {
        State.revealed: _("Others see your real face"),
        State.problem: _("Visard needs you"),
        State.paused: _("Paused: others see a card"),
        State.sleeping: _("Asleep: nobody is watching"),
        State.starting: _("Starting …"),
        State.live: _live(status),
    }
    return says[status.state]


def _live(status: Status) -> str:
    text = _("Live as {persona}: {faces}")
    return text.format(persona=current_persona(status), faces=in_words(status.guard.faces))


def in_words(faces: Faces) -> str:
    """Return what became of faces: "1 face swapped, 2 covered"."""
    swapped, covered, shown = faces.swapped, faces.covered, faces.shown
    kinds = (
        (swapped, several("{count} face swapped", "{count} faces swapped", swapped), ""),
        (covered, several("{count} face covered", "{count} faces covered", covered), _("{count} covered")),
        (shown, several("{count} face shown", "{count} faces shown", shown), _("{count} shown")),
    )
    said: list[str] = []
    for count, alone, after in kinds:
        if count:
            said.append((after if said else alone).format(count=count))
    return _(", ").join(said) or _("no face in view")


def title(status: Status | None) -> str:
    """Return what the icon says when it is pointed at."""
    said = headline(status)
    return said if "Visard" in said else f"Visard: {said}"


def current_persona(status: Status) -> str:
    """Return what the present persona is called."""
    return next((called(info) for info in status.personas if info.name == status.persona), _("nobody"))


def called(persona: PersonaInfo) -> str:
    """Return what a persona is called before people, so that it leaves the order of words around it alone."""
    title = persona.title or persona.name
    from_right = any(unicodedata.bidirectional(each) in ("R", "AL") for each in title)
    return f"\u2068{title}\u2069" if from_right else title


def share(job: Job | None) -> str:
    """Return how much of a job is done, ready to stand behind its name."""
    return " …" if job is None or job.progress is None else f" … {job.progress * 100:.0f} %"


def job(running: Job) -> str:
    """Return what goes on in the background, and how far it is."""
    known = {
        "look straight ahead": _("look straight ahead"),
        "turn your head a little": _("turn your head a little"),
        "talk and look around": _("talk and look around"),
    }
    says = running.step if english() else known.get(running.step, "")
    step = f": {says}" if says else ""
    return _work(running) + step + share(running) + _left(running)


def _left(running: Job) -> str:
    if running.seconds_left is None:
        return ""
    minutes, seconds = divmod(running.seconds_left, 60)
    return _(", {time} left").format(time=f"{minutes}:{seconds:02d}")


def _work(job: Job) -> str:
    known = {
        "drawing a person who does not exist": _("Drawing a person who does not exist"),
        "learning what you look like": _("Learning what you look like"),
        "trying a face on": _("Trying a face on"),
    }
    starts = {
        _COMPILING: _("Compiling {name}"),
        _PREPARING: _("Preparing {name}"),
        _TUNING: _("Tuning {name}"),
    }
    for start, text in starts.items():
        if job.title.startswith(start):
            return text.format(name=job.title.removeprefix(start))
    return known.get(job.title, capital(job.title))


def cannot_tune(why: str) -> str:
    """Return why nothing can be tuned here."""
    return capital(why) if english() else _("Tuning needs PyTorch, which is not installed.")


def tuned(found: Tuning, title: str) -> str:
    """Return what came of tuning a persona."""
    text = _("{persona} looks best as it was, and stays so.") if found.refused else _("{persona} is tuned.")
    return f"{text.format(persona=title)} {_('The preview shows before and after.')}"


def failed(job: Job) -> str:
    """Return what went wrong in the background."""
    return f"{_work(job)}: {job.error}"


def short(text: str, most: int = 70) -> str:
    """Return ``text`` cut at a word so that it fits into a menu."""
    return textwrap.shorten(text, most, placeholder=" …")


def problem(found: Problem) -> str:
    """Return what is wrong: the daemon's own English words, or what its code means in another language."""
    known = {
        "camera-missing": _("The camera is gone or busy. Visard takes it again as soon as it can."),
        "camera-upside-down": _("The camera's picture is upside down."),
        "device-lost": _("A graphics processor failed. Visard goes on without it."),
        "enrolment-damaged": _("Who you are can no longer be read, so nobody is taken for you. Enrol again."),
        "engine-demoted": _("A faster way to compute failed its check, so Visard takes a slower one."),
        "engine-not-kept": _("What was compiled could not be kept. The next start takes longer."),
        "no-camera": _("There is no camera, so the demo driver plays instead. Plug one in."),
        "no-output": _("There is no virtual camera that other programs could choose."),
        "no-persona": _("There is no persona. Add one from a picture."),
        "not-saved": _("A setting could not be saved. It is lost when Visard ends."),
        "slow-processor": _("This computer is slow at this. Another processor or a smaller model is faster."),
        "persona-unusable": _("The chosen persona cannot be put on."),
    }
    return capital(found.message if english() else known.get(found.code, found.message))


def capital(text: str) -> str:
    """Return ``text`` as a sentence begins."""
    return text[:1].upper() + text[1:]
