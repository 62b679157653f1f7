"""The tray: the daemon's status in, a panel's state out, clicks to the daemon."""

import logging
import os
from dataclasses import replace
from pathlib import Path
from threading import Lock, Thread

from visard.daemon.api import address
from visard.daemon.api.client import Client
from visard.daemon.api.schema import CameraInfo, Status
from visard.daemon.errors import VisardError
from visard.tray import texts
from visard.tray.actions import Action, ActionContext, ActionRunner
from visard.tray.dialogs import ChildDialogs
from visard.tray.launch import start_daemon
from visard.tray.menu import menu
from visard.tray.panel import PanelState, open_panel
from visard.tray.status_stream import ReconnectTimer, follow
from visard.tray.thumbnails import Thumbnails


class Tray:
    """Wires client, menu and panel together. Raises PanelUnavailable when there can be no icon."""

    def __init__(self) -> None:
        self._dialogs = ChildDialogs()
        self._thumbnails = Thumbnails(lambda name: Client().thumbnail(name))
        self._notifications = Notifications()
        self._lock = Lock()
        self._status: Status | None = None
        self._cameras: tuple[CameraInfo, ...] = ()
        self._state = panel_state(None, ())
        self._panel = open_panel(self._state, self._clicked, self._refresh)
        context = ActionContext(Client, self._dialogs, start_daemon, self._panel.stop)
        self._runner = ActionRunner(context, self._failed)

    def run(self) -> None:
        """Show the icon until the person quits."""
        Thread(target=self._follow, name="visard status", daemon=True).start()
        try:
            self._panel.run()
        finally:
            self._dialogs.close()

    def _follow(self) -> None:
        reconnect = ReconnectTimer(_daemon_folder())
        for status in follow(Client, reconnect):
            changed = _camera(status) != _camera(self._status)
            self._status = status
            if status is not None and changed:
                self._look_for_cameras()
            self._show()
            for text in self._notifications.new_texts(status) if status else ():
                self._notify(text)

    def _look_for_cameras(self) -> None:
        try:
            self._cameras = tuple(Client().cameras())
        except VisardError:
            self._cameras = ()

    def _show(self) -> None:
        """Show the present state, if anything of it can be seen to have changed."""
        with self._lock:
            names = [info.name for info in self._status.personas if not info.damaged] if self._status else []
            new = replace(panel_state(self._status, self._cameras), thumbnails=self._thumbnails.of(names))
            if new != self._state:
                self._state = new
                self._panel.show(new)

    def _clicked(self, action: Action) -> None:
        self._runner.do(action)

    def _refresh(self) -> None:
        """Look for cameras again, beside the panel's loop."""
        Thread(target=self._refreshed, name="visard cameras", daemon=True).start()

    def _refreshed(self) -> None:
        self._look_for_cameras()
        self._show()

    def _failed(self, error: VisardError) -> None:
        """Tell why a click did nothing: a notification, or a dialogue where nobody would see one."""
        text = str(error)
        self._panel.notify(text, lambda: self._notice(text))

    def _notify(self, text: str) -> None:
        """Tell of a problem; the icon and the menu show it as well, so nothing is lost where nobody hears."""
        self._panel.notify(text, lambda: None)

    def _notice(self, text: str) -> None:
        Thread(target=self._say, args=(text,), name="visard notice", daemon=True).start()

    def _say(self, text: str) -> None:
        try:
            self._dialogs.notice("Visard", text)
        except VisardError:
            logging.getLogger(__name__).warning(text)


def _daemon_folder() -> Path:
    """Return the folder in which something appears when a daemon starts."""
    if os.name != "posix":
        return address.home()
    where = address.find()
    return where.path.parent if isinstance(where, address.Unix) else address.home()


def panel_state(status: Status | None, cameras: tuple[CameraInfo, ...]) -> PanelState:
    """Return all that the panel shows for a status."""
    return PanelState(texts.icon_state(status), texts.title(status), menu(status, cameras))


def _camera(status: Status | None) -> object:
    """Return what may come with another list of cameras."""
    return status and (status.pid, status.camera, status.problems, status.settings.camera)


class Notifications:
    """Remembers what has been told, also over restarts of the daemon."""

    def __init__(self) -> None:
        self._problems: frozenset[str] = frozenset()
        self._jobs: frozenset[tuple[int, int]] = frozenset()
        self._tuned: frozenset[tuple[int, int]] = frozenset()

    def new_texts(self, status: Status) -> list[str]:
        """Return what to tell now; a problem that went away and comes again is news."""
        problems = {found.code: texts.problem(found) for found in status.problems if found.blocking}
        titles = {info.name: texts.called(info) for info in status.personas}
        tuned = {
            (status.pid, found.job): texts.tuned(found, titles.get(found.persona, found.persona))
            for found in status.tunings
            if found.comparison
        }
        failed = {(status.pid, job.id): texts.failed(job) for job in status.jobs if job.error}
        new = [text for code, text in problems.items() if code not in self._problems]
        new += [text for key, text in failed.items() if key not in self._jobs]
        new += [text for key, text in tuned.items() if key not in self._tuned]
        self._problems, self._jobs = frozenset(problems), frozenset(failed)
        self._tuned = frozenset(tuned)
        return new if status.settings.notifications else []
