"""Starting other programs: the daemon, by systemd where it is installed there, and the browser."""

import os
import shutil
import subprocess
import sys
import tempfile
import webbrowser

from visard.daemon.errors import DaemonError

_START_TIMEOUT = 3.0
"""Seconds after which a daemon that has not ended is taken for one that works."""
_BROWSER_TIMEOUT = 5.0
"""Seconds after which an opener that still runs is taken for the browser itself."""


def start_daemon() -> None:
    """Start the daemon; raises DaemonError with its own words when it ends at once."""
    if not _by_systemd():
        _detached()


def _by_systemd() -> bool:
    """Ask systemd, unless this Visard lives in a folder of its own, which systemd's does not know."""
    if os.environ.get("VISARD_HOME") or shutil.which("systemctl") is None:
        return False
    command = ["systemctl", "--user", "start", "visard"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _detached() -> None:
    command = [sys.executable, "-m", "visard.daemon", "daemon"]
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
        )
        try:
            status = child.wait(_START_TIMEOUT)
        except subprocess.TimeoutExpired:
            return
        said.seek(0)
        lines = said.read().strip().splitlines()
    if status:
        reason = lines[-1].removeprefix("visard: ") if lines else f"status {status}"
        raise DaemonError(f"the daemon ended at once: {reason}")


def open_browser(link: str) -> bool:
    """Open ``link``; tell whether that worked. May take seconds."""
    opener = shutil.which("xdg-open") if sys.platform == "linux" else None
    if opener is None:
        return webbrowser.open(link)
    # The library starts the same program, but cannot tell that it found no browser.
    nothing = subprocess.DEVNULL
    child = subprocess.Popen(
        [opener, link], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        return child.wait(_BROWSER_TIMEOUT) == 0
    except subprocess.TimeoutExpired:
        return True
