"""Guest: readers of the virtual camera come and go; what ViewerCount and Hotplug say of it goes to a file.

Argument: the folder for ``viewers.json``.
"""

import json
import os
import shlex
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any

import consumers
from pattern import pattern

from visard.daemon.devices import v4l2, v4l2loopback
from visard.daemon.devices.hotplug import Hotplug
from visard.daemon.devices.viewers import ViewerCount
from visard.daemon.errors import SinkError
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.sinks import find_sink
from visard.daemon.sources._cameras import list_cameras

DEVICE, WIDTH, HEIGHT = "/dev/video60", 320, 240
PATIENCE = 60.0
"""Seconds that anything may take in an emulated machine."""
QUIET = 3.0
"""Seconds in which nothing should be told."""
STREAM = ("v4l2-ctl", "-d", DEVICE, "--stream-mmap")
FFMPEG = ("ffmpeg", "-v", "error", "-f", "v4l2", "-i", DEVICE, "-f", "null", "-")
READ = ("dd", f"if={DEVICE}", "of=/dev/null", f"bs={WIDTH * HEIGHT * 3 // 2}")
HOLD = (sys.executable, "-c", f"import time; file = open({DEVICE!r}, 'r+b', buffering=0); time.sleep(1000)")

Found = dict[str, Any]


class Said:
    """What was told, and when."""

    def __init__(self) -> None:
        self.all: list[int] = []
        self._changed = Condition()

    def __call__(self, count: int = 0) -> None:
        with self._changed:
            self.all.append(count)
            self._changed.notify_all()

    def until(self, fits: Callable[[list[int]], bool]) -> float:
        """Wait, and return how many seconds it took; raises TimeoutError."""
        start = time.monotonic()
        with self._changed:
            if not self._changed.wait_for(lambda: fits(self.all), PATIENCE):
                raise TimeoutError(f"only this was told: {self.all}")
        return round(time.monotonic() - start, 3)


@contextmanager
def listening() -> Iterator[tuple[ViewerCount, Said]]:
    said = Said()
    with closing(ViewerCount(DEVICE, said)) as viewers:
        said.until(bool)
        yield viewers, said


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=-3, stdout=-3, stderr=-3)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def writing() -> Iterator[Sink]:
    """Write ten pictures a second, as this process."""
    over = Event()

    def write() -> None:
        while not over.wait(0.1):
            with suppress(SinkError):  # while the node is hidden
                sink.write(picture)

    picture = pattern(1, WIDTH, HEIGHT)
    with closing(find_sink("camera").open("camera", Format(WIDTH, HEIGHT, 30))) as sink:
        sink.write(picture)
        thread = Thread(target=write)
        thread.start()
        try:
            yield sink
        finally:
            over.set()
            thread.join()


def come_and_go(said: Said, *command: str) -> Found:
    """Let a program read until it is noticed, and end it."""
    before = len(said.all)
    with running(*command):
        came = said.until(lambda told: len(told) > before and told[-1] > 0)
        time.sleep(QUIET)
    went = said.until(lambda told: told[-1] == 0)
    return {"told": said.all[before:], "came": came, "went": went}


def readers() -> Found:
    with listening() as (viewers, said):
        return {
            "how": viewers.how,
            "at first": list(said.all),
            "v4l2-ctl": come_and_go(said, *STREAM),
            "ffmpeg": come_and_go(said, *FFMPEG),
        }


def plain_read() -> Found:
    """A program that calls read() and does not stream."""
    with listening() as (_, said):
        return come_and_go(said, *READ)


def browser() -> Found:
    with listening() as (_, said):
        pictures = consumers.chromium(v4l2loopback.LABEL, 5)
        went = said.until(lambda told: told[-1] == 0)
        return {"pictures": len(pictures), "told": said.all, "went": went}


def together() -> Found:
    """Two readers at a time; the second one is refused by drivers that allow one."""
    with listening() as (_, said):
        with running(*STREAM), running(*FFMPEG) as second:
            said.until(lambda told: told[-1] > 0)
            time.sleep(2 * QUIET)
            both, refused = said.all[-1], second.poll() is not None
        said.until(lambda told: told[-1] == 0)
    return {"both": both, "refused": refused}


def already_there() -> Found:
    """A reader was there before anybody listened."""
    with running(*STREAM):
        time.sleep(QUIET)
        with listening() as (_, said):
            said.until(lambda told: told[-1] > 0)
            return {"told": said.all}


def lookers() -> Found:
    """Programs that only ask or only hold, and this very process."""
    with listening() as (_, said), running(*HOLD):
        time.sleep(QUIET)
        for _time in range(3):
            subprocess.run(["v4l2-ctl", "-d", DEVICE, "--all"], check=True, capture_output=True)
        for _time in range(50):
            v4l2.query(DEVICE)
        time.sleep(QUIET)
        return {"told": said.all}


def stranger() -> Found:
    """Listen as a user who may not look at root's processes, while root reads."""
    Path(DEVICE).chmod(0o666)
    parent, child = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        said = Said()
        with closing(ViewerCount(DEVICE, said)):
            time.sleep(PATIENCE)
            os.write(child, json.dumps(said.all).encode())
            os._exit(0)
    time.sleep(PATIENCE / 4)
    with running(*STREAM):
        time.sleep(PATIENCE / 4)
    subprocess.run(["v4l2-ctl", "-d", DEVICE, "--all"], check=True, capture_output=True)
    told = json.loads(os.read(parent, 1000))
    os.waitpid(pid, 0)
    return {"told": told}


def gone() -> Found:
    """The node vanishes under a reader, and comes back; then the driver is unloaded, if one can."""
    with writing(), listening() as (_, said), running(*STREAM):
        said.until(lambda told: told[-1] > 0)
        hidden = Path(DEVICE).rename("/dev/hidden")
        time.sleep(QUIET)
        hidden.rename(DEVICE)
        renamed = list(said.all)
    with listening() as (viewers, said):
        unloading = subprocess.run(["modprobe", "-r", "v4l2loopback"], capture_output=True, check=False)
        time.sleep(QUIET)
        return {
            "renamed": renamed,
            "unloaded": unloading.returncode == 0,
            "told": said.all,
            "how": viewers.how,
        }


def plugs() -> Found:
    """Webcams and loopback devices come, and come again under other numbers."""
    subprocess.run(["modprobe", "-r", "v4l2loopback"], check=True)
    said = Said()
    with closing(Hotplug(said)):
        first = plug_in(said, 60, 61, 62)
        subprocess.run(["modprobe", "-r", "vivid", "v4l2loopback"], check=True)
        second = plug_in(said, 60, 0, 62)
    return {"first": first, "second": second, "calls": len(said.all)}


def plug_in(said: Said, *numbers: int) -> list[Found]:
    """Make three loopback devices of these numbers and two webcams; return the cameras when all is told."""
    before = len(said.all)
    options = f"devices=3 exclusive_caps=0,0,0 video_nr={','.join(map(str, numbers))}".split()
    label = f'card_label="{v4l2loopback.LABEL},Phone,Mine"'
    subprocess.run(["modprobe", "v4l2loopback", *options, label], check=True)
    subprocess.run(["modprobe", "vivid", "n_devs=2", "node_types=0x1,0x1", "input_types=0,0"], check=True)
    said.until(lambda told: len(told) > before)
    time.sleep(QUIET)
    return [asdict(camera) for camera in list_cameras("Mine")]


def idle() -> Found:
    """What waiting costs, in seconds of processor time over twenty."""
    with listening(), closing(Hotplug(lambda: None)):
        time.sleep(1)
        start = time.process_time()
        time.sleep(20)
        return {"processor seconds": time.process_time() - start}


def version() -> str:
    """Return the driver's version; an old one does not tell and is Debian's."""
    told = Path("/sys/module/v4l2loopback/version")
    source = next(Path("/vm/loopback/usr/src").iterdir())
    return told.read_text().strip() if told.exists() else source.name.partition("-")[2]


def main(out: Path) -> None:
    """Play everything; what fails leaves its error and the next goes on."""
    subprocess.run(["modprobe", v4l2loopback.MODULE, *shlex.split(v4l2loopback.OPTIONS)], check=True)
    found: Found = {"version": version()}

    def play(*acts: Callable[[], Found]) -> None:
        for act in acts:
            start = time.monotonic()
            try:
                found[act.__name__] = act()
            except Exception:
                found[act.__name__] = {"error": traceback.format_exc()}
            print(act.__name__, found[act.__name__], round(time.monotonic() - start, 1), "s", flush=True)
            (out / "viewers.json").write_text(json.dumps(found, indent=1))

    with writing():
        play(readers, plain_read, browser, together, already_there, lookers, stranger)
    play(idle, gone, plugs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
