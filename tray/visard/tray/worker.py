"""Runs actions beside the panel's own loop."""

from collections.abc import Callable
from threading import Lock, Thread

from visard.daemon.errors import VisardError
from visard.tray.actions import Action, Tools


class Workers:
    """One thread for each action; one that still runs, a dialogue for example, is not begun again."""

    def __init__(self, tools: Tools, failed: Callable[[VisardError], None]) -> None:
        self._tools = tools
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
            action(self._tools)
        except VisardError as error:
            self._failed(error)
        finally:
            with self._lock:
                self._busy.discard(action)
