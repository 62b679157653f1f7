"""Starting the daemon from the tray: by systemd where it is installed there, else as a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile

from visard.daemon.errors import DaemonError

_PATIENCE = 3.0
"""Seconds after which a daemon that has not ended is taken for one that works."""


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
            status = child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return
        said.seek(0)
        lines = said.read().strip().splitlines()
    if status:
        reason = lines[-1].removeprefix("visard: ") if lines else f"status {status}"
        raise DaemonError(f"the daemon ended at once: {reason}")
