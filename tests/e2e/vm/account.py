"""Guest with systemd: a person who is logged in installs Visard for themselves, and takes it away again.

Argument: the folder for what each act found, in which ``tree`` has the files of the Debian package; of these
only the program and its libraries are used. The host judges.
"""

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

from acts import Found, play, wait

USER = "tester"
PLACE = "usr/lib/visard"
VISARD = f"/{PLACE}/bin/visard"
UNIT = "visard.service"
START_LIMIT = 300.0
"""Seconds that the daemon may take to be there; two or so on a real machine."""
CRASHING = """\
[Service]
Type=exec
ExecStart=
ExecStart=/bin/sh -c 'date +%%s >>{log}; exit 1'
"""
RETRIES = 150.0
"""Seconds to watch a daemon that ends whenever it is started."""


def log_in(out: Path) -> Found:
    """Log a person in on the first console, and wait for their systemd."""
    Path("/", PLACE).symlink_to(out / "tree" / PLACE)
    _call("systemctl", "start", "--no-block", "getty@tty1")
    private = Path(f"/run/user/{_person().pw_uid}/systemd/private")
    wait("the person's systemd", private.exists, START_LIMIT)
    return {"before": _own_files()}


def install(_out: Path) -> Found:
    """Install, twice; the daemon must be up when that returns."""
    said = _as_person(VISARD, "install", "--no-tray")
    state = _systemctl("is-active", UNIT)
    again = _as_person(VISARD, "install", "--no-tray", "--no-start", "--json")
    return {"said": said, "state": state, "again": again, "pid": _answering(), "files": _own_files()}


def crash(_out: Path) -> Found:
    """Kill the daemon without warning."""
    before = int(_systemctl("show", "--property=MainPID", "--value", UNIT))
    os.kill(before, signal.SIGKILL)
    began = time.monotonic()
    wait("another daemon", lambda: _back(before), START_LIMIT)
    after = round(time.monotonic() - began, 1)
    return {"before": before, "pid": _answering(), "back_after": after}


def crash_loop(_out: Path) -> Found:
    """Have the daemon end at once whenever it is started, for a while; then let it live again."""
    log = Path("/tmp/starts")
    folder = _home() / f".config/systemd/user/{UNIT}.d"
    _as_person("mkdir", str(folder))
    (folder / "crash.conf").write_text(CRASHING.format(log=log))
    _systemctl("daemon-reload")
    _systemctl("restart", "--no-block", UNIT)
    time.sleep(RETRIES)
    starts = [int(line) for line in log.read_text().split()]
    _as_person("rm", "-r", str(folder))
    _systemctl("daemon-reload")
    wait("the daemon, by itself", lambda: _systemctl("is-active", UNIT) == "active", START_LIMIT)
    return {"starts": [start - starts[0] for start in starts]}


def uninstall(_out: Path) -> Found:
    """Take it away."""
    said = _as_person(VISARD, "uninstall", "--purge", "--yes")
    return {"said": said, "state": _systemctl("is-active", UNIT), "files": _own_files()}


def _answering() -> int:
    """Return the process of the daemon that answers; it may be busy for a while."""

    def pid() -> int:
        said = _as_person(VISARD, "status", "--json", check=False)
        return int(json.loads(said).get("pid", 0))

    return int(wait("an answer", pid, START_LIMIT))


def _back(before: int) -> bool:
    now = int(_systemctl("show", "--property=MainPID", "--value", UNIT))
    return now not in (0, before) and _systemctl("is-active", UNIT) == "active"


def _person() -> pwd.struct_passwd:
    return pwd.getpwnam(USER)


def _home() -> Path:
    return Path(_person().pw_dir)


def _own_files() -> list[str]:
    return sorted(str(path.relative_to(_home())) for path in _home().rglob("*"))


def _systemctl(*arguments: str) -> str:
    return _as_person("systemctl", "--user", *arguments, check=False).strip()


def _as_person(*command: str, check: bool = True) -> str:
    runtime = f"/run/user/{_person().pw_uid}"
    return _call("runuser", "-u", USER, "--", "env", f"XDG_RUNTIME_DIR={runtime}", *command, check=check)


def _call(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    play((log_in, install, crash, crash_loop, uninstall), Path(sys.argv[1]), sys.argv[2:])
