"""Guest: a person installs Visard, logs in, calls somebody, unplugs the camera, and removes it again.

Arguments: the folder for the pictures taken and for ``acts.json``; then the acts to play when not all.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import vivid
from acts import Found, play, wait
from browser import Site, browser
from pattern import is_red
from person import LIMIT, Control, Person
from stream import BLUR, CARD, PICTURE, Stream, kind_of

from visard.daemon.devices import v4l2

HERE = Path(__file__).parent
PACKAGE = Path("/vm/job/visard.deb")
DEVICE, LABEL = "/dev/video60", "Visard Camera"
WIDTH, HEIGHT = 320, 180
RESTING = 20.0
"""Seconds over which the sleeping daemon's processor time is taken."""

tester, stranger = Person("tester"), Person("stranger")
control = Control(tester)


def install(_out: Path) -> Found:
    """Install the package while nobody is logged in."""
    done = _call("dpkg", "-i", str(PACKAGE))
    listed = _call("dpkg-query", "-L", "visard").splitlines()
    Path("/root/listed").write_text("\n".join(listed))
    device = v4l2.query(DEVICE)
    return {"said": done, "files": len(listed), "device": [device.path, device.card]}


def login(_out: Path) -> Found:
    """Log in on the seat and touch nothing more."""
    tester.configure(WIDTH, HEIGHT)
    start = _log_in()
    found = {"up after": round(time.monotonic() - start, 1), "session": tester.session(), **_unit()}
    status = control.state("sleeping", "live")
    may = [one.run("test", "-w", DEVICE).returncode == 0 for one in (tester, stranger)]
    command = wait("visard status", _told, LIMIT)
    return {**found, "status": status, "may write": may, "groups": tester.run("groups").stdout.split(),
            "command": [command.returncode, command.stdout, command.stderr[-1000:]]}  # fmt: skip


def slowness(_out: Path) -> Found:
    """Time what the host times too, with the programs that were installed and are in memory."""
    start = time.monotonic()
    _call("/usr/lib/visard/bin/python3", "-I", str(HERE / "work.py"))
    return {"work": time.monotonic() - start}


def shut_out(_out: Path) -> Found:
    """Let another user of this machine try the socket."""
    tried = control.curl("/status", "-v", by=stranger)
    folder, socket = (
        _call("stat", "-c", "%U %a", str(path)).strip()
        for path in (Path(control.socket).parent, control.socket)
    )
    return {
        "status": tried.returncode,
        "said": tried.stderr,
        "answer": tried.stdout,
        "modes": [folder, socket],
    }


def call(out: Path) -> Found:
    """Have two browsers in a call, one of them sending the camera chosen by its label.

    Another reader wakes the daemon before: Chromium gives up a camera that is silent for ten seconds, which
    is what the daemon takes to load its networks here, and a tenth of a second elsewhere.
    """
    _call("modprobe", "dummy", "numdummies=1")  # pages call each other only on a machine with a network
    _call("/vm/busybox", "ifconfig", "dummy0", "10.0.0.1", "up")
    _call("/vm/busybox", "route", "add", "default", "dev", "dummy0")
    with _reading(out / "call.log") as stream:
        stream.wait(PICTURE, LIMIT)
    with (
        Site() as site,
        browser(site.address("call.html"), tester.name),
        browser(site.address("call.html", label=LABEL), tester.name),
    ):
        near = _first(site, "near")
        cv2.imwrite(str(out / "near.png"), near)
        far = _first(site, "far")
        cv2.imwrite(str(out / "far.png"), far)
        status = control.get("/status")
    return {"size": near.shape, "status": status}


def killed(out: Path) -> Found:
    """Kill the daemon while a program reads, and wait for the face to come back."""
    with _reading(out / "killed.log") as stream:
        cv2.imwrite(str(out / "killed-before.png"), stream.wait(PICTURE, LIMIT))
        before = tester.unit()
        os.kill(int(before["MainPID"]), signal.SIGKILL)
        start = time.monotonic()
        stream.keep(20)
        wait("another daemon", lambda: _other_process(before["MainPID"]), LIMIT, 0.1)
        restarted = time.monotonic() - start
        wait("an answer", lambda: control.get("/status"), LIMIT)
        answered = time.monotonic() - start
        stream.wait(CARD, LIMIT)
        card = time.monotonic() - start
        stream.wait(PICTURE, LIMIT)
        back = time.monotonic() - start
        time.sleep(10)
        kept = stream.kept(f"{out}/killed")
    return {"restarted": restarted, "answered": answered, "card": card, "back": back, "kept": kept,
            "before": before, "after": tester.unit()}  # fmt: skip


def replug(out: Path) -> Found:
    """Unplug the camera that was chosen while a program reads, and plug it in under another number."""
    vivid.load(2)
    mine, other = (vivid.node(number) for number in (1, 0))
    vivid.redden(mine)  # all red; the other shows bars
    control.send("PATCH", "/settings", camera=vivid.place(1), when_lost="blur")
    found: Found = {"before": [mine, other], "bus": vivid.place(1)}
    # a number that is in use is not given again
    with Path(other).open("rb"), _reading(out / "replug.log") as stream:
        found["open"] = _camera("ok")
        cv2.imwrite(str(out / "plugged.png"), stream.wait(BLUR, LIMIT, is_red))
        vivid.unplug()
        found["missing"] = _camera("missing")
        cv2.imwrite(str(out / "unplugged.png"), stream.wait(CARD, LIMIT))
        count = stream.count
        wait("more of the card", lambda: stream.count > count + 5, LIMIT)
        vivid.plug()
        mine = wait("the camera", lambda: vivid.node(1), LIMIT)
        vivid.redden(mine)
        start = time.monotonic()
        found["again"] = _camera("ok")
        cv2.imwrite(str(out / "replugged.png"), stream.wait(BLUR, LIMIT, is_red))
        found |= {"after": [mine, vivid.node(0)], "back": time.monotonic() - start, "count": stream.count}
    return found


def sleep(out: Path) -> Found:
    """Stop reading, and see what the daemon still does; then read again."""
    start = time.monotonic()
    asleep = control.state("sleeping")
    found: Found = {"asleep after": time.monotonic() - start, "camera": asleep["camera"]}
    wait("every persona prepared", _all_ready, 3 * LIMIT, 5)
    process = int(tester.unit()["MainPID"])
    found["holds"] = [str(h) for h in v4l2.holders(vivid.node(1)) if h.pid == process]
    before = _spent(process)
    time.sleep(RESTING)
    found |= {"spent": _spent(process) - before, "over": RESTING}
    with _reading(out / "sleep.log") as stream:
        start = time.monotonic()
        cv2.imwrite(str(out / "woken-card.png"), stream.wait(CARD, LIMIT))
        stream.wait(BLUR, LIMIT)
        found["awake after"] = time.monotonic() - start
        found["camera awake"] = control.get("/status")["camera"]
        found["holds awake"] = [str(h) for h in v4l2.holders(vivid.node(1)) if h.pid == process]
    return found


def log_out_and_in(_out: Path) -> Found:
    """Leave and come back; the terminal logs the person in again."""
    before = tester.unit()["MainPID"]
    _call("loginctl", "terminate-user", tester.name)
    start = time.monotonic()
    wait("the end of the daemon", lambda: not Path("/proc", before).exists(), LIMIT, 0.1)
    ended = time.monotonic() - start
    wait("another daemon", lambda: control.get("/status"), LIMIT)
    return {"ended": ended, "up after": time.monotonic() - start, "before": before, **_unit(),
            "status": control.state("sleeping", "live")}  # fmt: skip


def remove(out: Path) -> Found:
    """Purge the package while its daemon runs; what the person made stays."""
    listed = Path("/root/listed").read_text().splitlines()
    (out / "daemon.log").write_text(tester.journal())
    said = _call("dpkg", "-P", "visard")
    time.sleep(5)
    tester.deconfigure()
    left = [
        str(path) for path in map(Path, listed) if path.is_file() or path.is_symlink() or _is_left_empty(path)
    ]
    places = ["/etc", "/run", "/var/lib", "/lib/systemd", "/lib/udev", "/lib/modprobe.d"]
    named = subprocess.run(
        ["find", *places, "-iname", "*visard*"], capture_output=True, text=True, check=False
    )
    processes = subprocess.run(
        ["pgrep", "-af", "/usr/lib/visard|visard daemon"], capture_output=True, text=True, check=False
    )
    return {"said": said, "left": left, "named": named.stdout.splitlines(), "processes": processes.stdout,
            "unit": tester.unit("LoadState"), "device": Path(DEVICE).exists(),
            "own": Path(tester.home, ".config/visard/config.toml").exists()}  # fmt: skip


ACTS = (install, login, slowness, shut_out, call, killed, replug, sleep, log_out_and_in, remove)


def _told() -> subprocess.CompletedProcess[str] | None:
    """Return what the command says, unless the daemon is still too busy with its start to answer in time."""
    done = tester.run("visard", "status", "--json")
    return None if "daemon-absent" in done.stdout else done


def _log_in() -> float:
    start = time.monotonic()
    _call("systemctl", "start", "getty@tty1")
    wait("an answer of the daemon", lambda: control.get("/status"), LIMIT)
    return start


def _unit() -> dict[str, Any]:
    wait("the unit", lambda: tester.unit()["ActiveState"] == "active", LIMIT)
    return {"unit": tester.unit("UnitFileState", "FragmentPath")}


@contextmanager
def _reading(log: Path) -> Iterator[Stream]:
    stream = Stream(DEVICE, WIDTH, HEIGHT, log)
    try:
        yield stream
        if stream.broken or stream.said():
            raise RuntimeError(f"the reader broke: {stream.process.returncode} {stream.said()}")
    finally:
        stream.process.kill()
        stream.process.wait()


def _first(site: Site, name: str) -> Any:
    deadline = time.monotonic() + LIMIT
    for picture in site.pictures(name, LIMIT):
        if kind_of(picture) == PICTURE:
            return picture
        if time.monotonic() > deadline:
            raise RuntimeError(f"only a {kind_of(picture)} at the {name} end")
    raise AssertionError


def _other_process(old: str) -> bool:
    return tester.unit()["MainPID"] not in ("0", old)


def _camera(state: str) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        status = control.get("/status")
        return status if status and status["camera"]["state"] == state else None

    return dict(wait(f"camera {state}", there, LIMIT))["camera"]


def _all_ready() -> bool:
    return all(persona["ready"] for persona in control.get("/status")["personas"])


def _spent(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _is_left_empty(folder: Path) -> bool:
    """Whether a folder is empty and no other package has it; some say /lib for /usr/lib."""
    if not folder.is_dir() or any(folder.iterdir()):
        return False
    names = str(folder), str(folder).removeprefix("/usr")
    return not subprocess.run(["dpkg-query", "-S", *names], capture_output=True, check=False).stdout


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}{done.stdout}")
    return done.stdout + done.stderr


play(ACTS, Path(sys.argv[1]), sys.argv[2:])
