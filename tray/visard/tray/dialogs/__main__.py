"""One dialogue: what it says as JSON on stdin, the answer as JSON on stdout."""

import json
import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from visard.tray.dialogs import KINDS

_MISSING = (
    "no dialogue can be shown: install python3-gi and gir1.2-gtk-3.0, or Python's tkinter (python3-tk), "
    "and start the tray inside a desktop session"
)


def _gtk() -> ModuleType:
    from visard.tray.dialogs import gtk

    return gtk


def _tk() -> ModuleType:
    from visard.tray.dialogs import tk

    return tk


TOOLKITS: dict[str, Callable[[], ModuleType]] = {"gtk": _gtk, "tk": _tk}
"""Best first; each module has a function for every kind of dialogue."""


def toolkit() -> ModuleType | None:
    """Return the first that works here."""
    modules = (load() for load in TOOLKITS.values())
    return next((module for module in modules if module.available()), None)


def answer(kind: str, line: str) -> dict[str, Any]:
    """Show the dialogue and return its answer, or an error that says what to install."""
    module = toolkit()
    if module is None:
        return {"error": _MISSING}
    return {"answer": getattr(module, kind)(KINDS[kind](**json.loads(line)))}


def main() -> None:
    """Show the dialogue that the arguments name; end with the parent too."""
    line = sys.stdin.readline()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    print(json.dumps(answer(sys.argv[1], line)), flush=True)  # noqa: T201
    os._exit(0)  # the thread above still waits inside stdin


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
