"""Dialogues with tkinter, which comes with most Pythons."""

import tkinter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tkinter import filedialog, ttk
from typing import Any

from visard.tray.dialogs import File, Form, Notice, Question

_SPACE = 12
_WIDTH = 420


def available() -> bool:
    """Tell whether there is a display."""
    try:
        tkinter.Tk().destroy()
    except tkinter.TclError:
        return False
    return True


class _Window:
    """A window with texts above and buttons below; closing it answers None."""

    def __init__(self, title: str) -> None:
        self.root = tkinter.Tk()
        self.root.title(title)
        self.root.resizable(False, False)
        self.root.attributes("-topmost", True)
        self.body = ttk.Frame(self.root, padding=_SPACE)
        self.body.pack(fill="both", expand=True)
        self._answer: Any = None
        self.root.bind("<Escape>", lambda _: self.root.quit())
        self.root.protocol("WM_DELETE_WINDOW", self.root.quit)

    def text(self, text: str) -> None:
        """Add a paragraph."""
        ttk.Label(self.body, text=text, wraplength=_WIDTH, justify="left").pack(anchor="w", pady=(0, _SPACE))

    def buttons(self, *buttons: tuple[str, Callable[[], Any]], enter: int = 0) -> list[ttk.Button]:
        """Add the row of buttons, one of which is under the Enter key."""
        row = ttk.Frame(self.body)
        row.pack(fill="x")
        made = [ttk.Button(row, text=label, command=partial(self._close, get)) for label, get in buttons]
        for button in reversed(made):
            button.pack(side="right", padx=(_SPACE // 2, 0))
        self.root.bind("<Return>", lambda _: made[enter].invoke())
        return made

    def run(self, focus: ttk.Widget) -> Any:
        """Show it, with the keyboard on this widget, until it is answered."""
        self.root.eval("tk::PlaceWindow . center")
        focus.focus_force()
        self.root.mainloop()
        answer = self._answer
        self.root.destroy()
        return answer

    def _close(self, get: Callable[[], Any]) -> None:
        self._answer = get()
        self.root.quit()


def question(said: Question) -> bool:
    """Ask; the safe answer has the focus."""
    window = _Window(said.title)
    window.text(said.text)
    safe, _ = window.buttons((said.no, lambda: False), (said.yes, lambda: True))
    return window.run(safe) is True


def notice(said: Notice) -> None:
    """Tell."""
    window = _Window(said.title)
    window.text(said.text)
    if said.copy:
        _line(window, said.copy, said.copy_label)
    (close,) = window.buttons((said.close, lambda: None))
    window.run(close)


def _line(window: _Window, text: str, label: str) -> None:
    row = ttk.Frame(window.body)
    row.pack(fill="x", pady=(0, _SPACE))
    entry = ttk.Entry(row, width=min(len(text) + 2, 60))
    entry.insert(0, text)
    entry.configure(state="readonly")
    entry.pack(side="left", fill="x", expand=True)

    def copy() -> None:
        window.root.clipboard_clear()
        window.root.clipboard_append(text)

    ttk.Button(row, text=label, command=copy).pack(side="left", padx=(_SPACE // 2, 0))


def file(said: File) -> str | None:
    """Let a file be chosen."""
    root = tkinter.Tk()
    root.withdraw()
    patterns = [pattern for ending in said.endings for pattern in (f"*.{ending}", f"*.{ending.upper()}")]
    path = filedialog.askopenfilename(parent=root, title=said.title, filetypes=[(said.kinds, patterns)])
    root.destroy()
    return path or None


def form(said: Form) -> tuple[str, str] | None:
    """Ask for name and statement."""
    window = _Window(said.title)
    window.text(Path(said.file).name)
    window.text(said.name)
    name, choice = tkinter.StringVar(), tkinter.StringVar()
    entry = ttk.Entry(window.body, textvariable=name)
    entry.pack(fill="x", pady=(0, _SPACE))
    window.text(said.question)
    for key, text in said.choices:
        ttk.Radiobutton(window.body, text=text, value=key, variable=choice).pack(anchor="w")
    ttk.Frame(window.body, height=_SPACE).pack()
    window.text(said.remark)
    _, done = window.buttons(
        (said.cancel, lambda: None), (said.done, lambda: (name.get().strip(), choice.get())), enter=1
    )

    def check(*_: Any) -> None:
        done.configure(state="normal" if name.get().strip() and choice.get() else "disabled")

    name.trace_add("write", check)
    choice.trace_add("write", check)
    check()
    answer = window.run(entry)
    return answer if answer is None else tuple(answer)
