"""What each key does, as Avatarify's users know them: from a key and a switches to what comes next."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from visard.daemon.config.settings import Settings
from visard.daemon.pipeline.recipe import Switches


class Command(StrEnum):
    """What a key asks for beyond a change of the switches."""

    calibrate = "calibrate"
    seek = "seek"
    following = "following"
    previous = "previous"
    generate = "generate"
    reload = "reload"
    preview = "preview"
    rate = "rate"
    quit = "quit"


@dataclass(frozen=True, slots=True)
class SwitchTo:
    """Put on the persona at this place of the library, from 0."""

    index: int


Outcome = Switches | Command | SwitchTo | None

ESCAPE, CTRL_C = "\x1b", "\x03"

HELP = (
    "1-9 persona  A/D previous/next  Q new person  0 on/off  W/S zoom  U/H/J/K pan  Shift-Z reset view  "
    "Z/C opacity  T mirror  O landmarks  X calibrate  F find reference  L reload  P preview link  "
    "I frame rate  Esc quit"
)


def _step(name: str, by: float, low: float, high: float) -> Callable[[Switches], Switches]:
    def change(switches: Switches) -> Switches:
        value = round(min(max(getattr(switches.settings, name) + by, low), high), 3)
        return _with(switches, **{name: value})

    return change


def _toggle(name: str) -> Callable[[Switches], Switches]:
    return lambda switches: _with(switches, **{name: not getattr(switches.settings, name)})


def _with(switches: Switches, **changes: Any) -> Switches:
    return replace(switches, settings=switches.settings.model_copy(update=changes))


def _reset(switches: Switches) -> Switches:
    usual = Settings()
    return _with(switches, zoom=usual.zoom, pan_x=usual.pan_x, pan_y=usual.pan_y)


_CHANGES: dict[str, Callable[[Switches], Switches]] = {
    "0": lambda switches: replace(switches, paused=not switches.paused),
    "w": _step("zoom", 0.1, 1, 4),
    "s": _step("zoom", -0.1, 1, 4),
    "u": _step("pan_y", -0.1, -1, 1),
    "j": _step("pan_y", 0.1, -1, 1),
    "h": _step("pan_x", -0.1, -1, 1),
    "k": _step("pan_x", 0.1, -1, 1),
    "Z": _reset,
    # The real face shows through below this, and that is never a slip of a finger.
    "z": _step("opacity", -0.1, 0.8, 1),
    "c": _step("opacity", 0.1, 0.8, 1),
    "t": _toggle("mirror"),
    "o": _toggle("landmarks"),
}

_COMMANDS = {
    "a": Command.previous,
    "d": Command.following,
    "q": Command.generate,
    "x": Command.calibrate,
    "f": Command.seek,
    "l": Command.reload,
    "p": Command.preview,
    "i": Command.rate,
    ESCAPE: Command.quit,
    CTRL_C: Command.quit,
}


def press(key: str, switches: Switches) -> Outcome:
    """Return the new switches, a command, a persona to wear, or None for a key that does nothing."""
    if key in "123456789" and len(key) == 1:
        return SwitchTo(int(key) - 1)
    for name in (key, key.lower()):
        if name in _CHANGES:
            return _CHANGES[name](switches)
        if name in _COMMANDS:
            return _COMMANDS[name]
    return None
