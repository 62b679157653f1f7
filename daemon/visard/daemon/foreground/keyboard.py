"""Reads single keys from the terminal, where there is one, without holding anything up."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self


class Keyboard:
    """Calls ``on_key`` for each key pressed while it is entered; does nothing without a terminal.

    ``on_key`` runs on the keyboard's thread. Keys that send a sequence (arrows, function keys) are left out.
    """

    def __init__(self, on_key: Callable[[str], object]) -> None:
        self._on_key = on_key
        self._leave: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        if sys.stdin is not None and sys.stdin.isatty():
            self._leave = self._listen_windows() if sys.platform == "win32" else self._listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._leave()

    def _listen(self) -> Callable[[], None]:
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal)  # Ctrl-C still interrupts
        woken, wake = os.pipe()
        thread = Thread(target=self._read, args=(terminal, woken), name="visard keyboard", daemon=True)
        thread.start()

        def leave() -> None:
            os.close(wake)
            thread.join()
            os.close(woken)
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)

        return leave

    def _read(self, terminal: int, woken: int) -> None:
        import select

        while True:
            ready, _, _ = select.select([terminal, woken], [], [])
            if woken in ready:
                return
            pressed = os.read(terminal, 64).decode(errors="ignore")
            if not pressed:  # the terminal was closed
                return
            if not pressed.startswith("\x1b") or pressed == "\x1b":
                for key in pressed:
                    self._on_key(key)

    def _listen_windows(self) -> Callable[[], None]:
        import msvcrt

        def read() -> None:
            with suppress(KeyboardInterrupt):
                while True:
                    key = msvcrt.getwch()  # type: ignore[attr-defined, unused-ignore]
                    if key in "\x00\xe0":  # the first half of an arrow or function key
                        msvcrt.getwch()  # type: ignore[attr-defined, unused-ignore]
                    else:
                        self._on_key(key)

        Thread(target=read, name="visard keyboard", daemon=True).start()
        return lambda: None
