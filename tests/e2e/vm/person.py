"""Guest: somebody who logs in on a seat, and Visard as this person meets it."""

import json
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from acts import wait

SLOW = Path("/etc/systemd/user/visard.service.d")
"""The unit's own limits are for real machines."""
LIMIT = 300.0
"""Seconds that anything may take; programs start up to 100 times slower here than on a real machine."""


class Person:
    """A user of the guest. ``tester`` is logged in on tty1 whenever that terminal is started."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runtime = f"/run/user/{pwd.getpwnam(name).pw_uid}"
        self.home = pwd.getpwnam(name).pw_dir

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program as this person."""
        environment = [
            f"XDG_RUNTIME_DIR={self.runtime}",
            f"DBUS_SESSION_BUS_ADDRESS=unix:path={self.runtime}/bus",
            f"HOME={self.home}",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "LANG=C.UTF-8",
        ]
        return subprocess.run(
            ["runuser", "-u", self.name, "--", "env", "-i", *environment, *command],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def unit(self, *properties: str, name: str = "visard.service") -> dict[str, str]:
        """Return what systemd says of a unit of this person's."""
        wanted = [
            f"--property={each}" for each in ("ActiveState", "SubState", "MainPID", "NRestarts", *properties)
        ]
        lines = self.run("systemctl", "--user", "show", name, *wanted).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def configure(self, width: int, height: int) -> None:
        """Write settings before the first login, and grant the daemon the time that it needs here."""
        folder = Path(self.home, ".config/visard")
        folder.mkdir(mode=0o700, parents=True)
        (folder / "config.toml").write_text(f"width = {width}\nheight = {height}\nfps = 5\n")
        subprocess.run(["chown", "-R", f"{self.name}:", f"{self.home}/.config"], check=True)
        SLOW.mkdir(parents=True)
        (SLOW / "slow.conf").write_text("[Service]\nWatchdogSec=900\nTimeoutStopSec=120\n")

    def deconfigure(self) -> None:
        """Take back what no package brought, and have systemd look again."""
        shutil.rmtree(SLOW)
        self.run("systemctl", "--user", "daemon-reload")

    def journal(self) -> str:
        """Return what the daemon said, and systemd of it."""
        which = ("_SYSTEMD_USER_UNIT=visard.service", "+", "USER_UNIT=visard.service")
        command = ["journalctl", "-b", "--no-pager", "-o", "short-monotonic", *which]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def session(self) -> str:
        """Return the lines of this person's sessions on a seat."""
        lines = subprocess.check_output(["loginctl", "list-sessions", "--no-legend"], text=True).splitlines()
        return "\n".join(line for line in lines if self.name in line and "seat0" in line)


class Control:
    """The control API of a person's daemon, asked with curl by that person or by somebody else."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.socket = f"{person.runtime}/visard/visard.sock"

    def curl(self, path: str, *options: str, by: Person | None = None) -> subprocess.CompletedProcess[str]:
        """Ask the daemon something."""
        return (by or self.person).run(
            "curl",
            "-sS",
            "-f",
            "--max-time",
            "60",
            "--unix-socket",
            self.socket,
            *options,
            f"http://visard{path}",
        )

    def get(self, path: str) -> Any:
        """Return the answer; None when there is none."""
        done = self.curl(path)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def send(self, method: str, path: str, **body: object) -> Any:
        """Have something changed and return the answer; raises RuntimeError when it is refused."""
        kind = "Content-Type: application/json"
        done = self.curl(path, "-X", method, "-H", kind, "-d", json.dumps(body))
        if done.returncode:
            raise RuntimeError(f"{method} {path} {body}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def state(self, *states: str, limit: float = LIMIT) -> dict[str, Any]:
        """Wait for one of these states and return the status."""

        def there() -> dict[str, Any] | None:
            status = self.get("/status")
            return status if status and status["state"] in states else None

        return dict(wait(f"state {' or '.join(states)}", there, limit, 1.0))
