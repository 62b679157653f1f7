"""Guest: everything that is done with the virtual camera, one act after another.

Arguments: the folder for the pictures taken and for ``acts.json``, what each act found (the host judges);
then the acts to play when not all, ``set_up`` first.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import consumers
import cv2
import numpy as np
from acts import Found, play

from visard.daemon.devices import v4l2
from visard.daemon.errors import SinkError
from visard.daemon.guard.card import card
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.sinks import find_sink

HERE = Path(__file__).parent
DEVICE, LABEL, WEBCAM = "/dev/video60", "Visard Camera", "/dev/video0"
CLIP = "/vm/job/clip.mp4"
WIDTH, HEIGHT = 320, 240
START_LIMIT = 900.0
"""Seconds that Visard may take from its start to the first picture; five or so on a real machine."""
LOOK_LIMIT = 240.0
"""Seconds that a consumer may look for a picture with the detail wanted."""
KEPT = 3
"""Pictures of a killed writer that the device may still hold, which has two buffers; and one to be sure."""
EVEN = 25.0
"""Deviation of a picture that is hardly more than its ground: the card has 14, a face by a wall 44."""
FACE = 30.0
"""Detail of a picture with a face. At one frame a second, as here, the guard shows blurs between frames."""


def set_up(_out: Path) -> Found:
    """Set the virtual camera up as a person would, twice, and vivid as the webcam, all red."""
    script = HERE.parents[2] / "packaging/v4l2loopback/install.sh"
    installed, again = (subprocess.check_output(["bash", script], text=True) for _ in range(2))
    _call("modprobe", "vivid", "n_devs=1", "node_types=0x1", f"vid_cap_nr={WEBCAM[-1]}")
    _call("v4l2-ctl", "-d", WEBCAM, "-c", "test_pattern=7,osd_text_mode=2")
    version = next(Path("/vm/loopback/usr/src").glob("v4l2loopback-*")).name.partition("-")[2]
    devices = [f"{device.path} {device.card}" for device in v4l2.devices()]
    return {"version": version, "devices": devices, "installed": installed, "again": again}


def without_cure(_out: Path) -> Found:
    """Write once with pyvirtualcam alone: what a device looks like afterwards, without Visard's cure."""
    code = (
        "import numpy, pyvirtualcam\n"
        f"with pyvirtualcam.Camera({WIDTH}, {HEIGHT}, 30, device={DEVICE!r}) as camera:\n"
        f"    camera.send(numpy.zeros(({HEIGHT}, {WIDTH}, 3), numpy.uint8))\n"
    )
    _call(sys.executable, "-c", code)
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return {
        "outputs": v4l2.query(DEVICE).outputs,
        "second_start": again.returncode,
        "said": again.stderr[-300:],
    }


def first(out: Path) -> Found:
    """Write a pattern and read it back; nobody else gets in meanwhile, nor another size while watched."""
    with _writer("pattern", "1", str(WIDTH), str(HEIGHT)):
        _see(out / "first")
        intruder = _refusal(WIDTH, HEIGHT)
        watcher = subprocess.Popen(["v4l2-ctl", "-d", DEVICE, "--stream-mmap"], stdout=-3, stderr=-3)
        time.sleep(2)
    resized = _refusal(640, 480)
    watcher.terminate()
    watcher.wait()
    return {"intruder": intruder, "resized": resized, **_state()}


def second(out: Path) -> Found:
    """Start again after a clean end."""
    with _writer("pattern", "2", str(WIDTH), str(HEIGHT)):
        _see(out / "second")
    return _state()


def killed(out: Path) -> Found:
    """Start again, and die without warning."""
    with _writer("pattern", "3", str(WIDTH), str(HEIGHT), end=subprocess.Popen.kill):
        _see(out / "killed", browser=False)
    return _state()


def after_kill(out: Path) -> Found:
    """Start again after that, at another size."""
    with _writer("pattern", "4", "640", "480"):
        _see(out / "after_kill", 640, 480)
    return _state()


def odd_size(out: Path) -> Found:
    """Write pictures of odd width and height."""
    with _writer("pattern", "5", "321", "241"):
        _see(out / "odd_size", browser=False)
    return _state()


def vanished(_out: Path) -> Found:
    """Take the device file away while writing."""
    sink = _open(WIDTH, HEIGHT)
    picture = cv2.merge([cv2.UMat(HEIGHT, WIDTH, cv2.CV_8U).get()] * 3)
    sink.write(picture)
    node = Path(DEVICE)
    hidden = node.rename("/dev/hidden")
    try:
        sink.write(picture)
        said = ""
    except SinkError as error:
        said = str(error)
    finally:
        hidden.rename(node)
        sink.close()
    return {"said": said, **_state()}


def webcam(out: Path) -> Found:
    """Relay vivid's pictures through Visard's own source and sink."""
    with _writer("relay", WEBCAM):
        width, height = _size(v4l2.held_format(DEVICE))
        _see(out / "webcam", width, height)
    return {"size": [width, height], **_state()}


def run_animated(out: Path) -> Found:
    """Run Visard on a clip with a face, moving a portrait."""
    with _visard(out / "run_animated", CLIP, "walter", "--mode=animate"):
        _see(out / "run_animated", browser=False, detail=FACE)
    return _state()


def run_first(out: Path) -> Found:
    """Run Visard on the clip, swapping the face."""
    with _visard(out / "run_first", CLIP, "clara"):
        _see(out / "run_first", detail=FACE)
    return _state()


def run_second(out: Path) -> Found:
    """Run it again, with another persona."""
    with _visard(out / "run_second", CLIP, "marco"):
        _see(out / "run_second", detail=FACE)
    return _state()


def run_killed(out: Path) -> Found:
    """Run it again and kill it."""
    with _visard(out / "run_killed", CLIP, "nico", end=subprocess.Popen.kill):
        _see(out / "run_killed", browser=False, detail=FACE)
    return _state()


def run_after_kill(out: Path) -> Found:
    """Run it again after that."""
    with _visard(out / "run_after_kill", CLIP, "robin"):
        _see(out / "run_after_kill", browser=False, detail=FACE)
    return _state()


def run_webcam(out: Path) -> Found:
    """Run it on vivid, which now shows colour bars and no face."""
    _call("v4l2-ctl", "-d", WEBCAM, "-c", "test_pattern=0,osd_text_mode=2")
    with _writer("relay", WEBCAM):
        width, height = _size(v4l2.held_format(DEVICE))
        _keep(f"{out}/run_webcam-raw.png", lambda: consumers.ffmpeg(DEVICE, width, height, 5))
    with _visard(out / "run_webcam", WEBCAM, "clara"):
        time.sleep(5)  # well past the guard's half second, even on a machine as slow as this
        _see(out / "run_webcam", width, height, browser=False)
    return _state()


ACTS = (
    set_up,
    without_cure,
    first,
    second,
    killed,
    after_kill,
    odd_size,
    vanished,
    webcam,
    run_animated,
    run_first,
    run_second,
    run_killed,
    run_after_kill,
    run_webcam,
)


@contextmanager
def _writer(*arguments: str, end: Callable[[Any], None] = subprocess.Popen.terminate) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "writer.py"), *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    if not process.stdout.readline().startswith("READY"):
        raise RuntimeError(f"the writer ended with status {process.wait()}")
    try:
        yield
    finally:
        end(process)
        process.wait()


@contextmanager
def _visard(
    name: Path,
    source: str,
    persona: str,
    *options: str,
    end: Callable[[Any], None] = subprocess.Popen.terminate,
) -> Iterator[None]:
    """Run the real command with the virtual camera and a recording of what was sent as its sinks."""
    program = Path(sys.executable).with_name("visard")
    arguments = f"run --source {source} --persona {persona} --sink camera --sink {name}.mkv"
    with Path(f"{name}.log").open("wb") as log:
        process = subprocess.Popen([program, *arguments.split(), *options], stdout=log, stderr=log, stdin=-3)
    try:
        _wait_for_pictures(process, Path(f"{name}.log"))
        yield
    finally:
        end(process)
        process.wait()


def _wait_for_pictures(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the camera shows neither a killed writer's last pictures nor the card of the start."""
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        if held := v4l2.held_format(DEVICE):
            top = consumers.v4l2_ctl(DEVICE, *_size(held), KEPT + 1)[-1][:8].astype(int)
            if np.abs(top - card(*_size(held), "")[:8]).mean() > 8:
                return
        time.sleep(1)
    raise RuntimeError(f"no pictures, status {process.poll()}: {log.read_text()[-2000:]}")


def _see(
    name: Path, width: int = WIDTH, height: int = HEIGHT, *, browser: bool = True, detail: float = 0
) -> None:
    """Let every consumer take pictures until one has the ``detail`` wanted, and keep the best of each."""
    _keep(
        f"{name}-v4l2_ctl.png",
        lambda: consumers.v4l2_ctl(DEVICE, width, height, 40 if detail else 10),
        detail,
    )
    _keep(f"{name}-ffmpeg.png", lambda: consumers.ffmpeg(DEVICE, width, height, 40 if detail else 10), detail)
    if browser:
        _keep(f"{name}-chromium.png", lambda: consumers.chromium(LABEL, 20 if detail else 5), detail)


def _keep(name: str, take: Callable[[], list[Any]], detail: float = 0) -> None:
    deadline = time.monotonic() + LOOK_LIMIT
    best = max(take(), key=_detail)
    while _detail(best) < detail and time.monotonic() < deadline:
        best = max(take(), key=_detail)
    cv2.imwrite(name, best)


def _detail(picture: Any) -> float:
    """How much there is to see; nothing on the card, whose ground is even and whose letters are sharp."""
    return float(cv2.Laplacian(picture, cv2.CV_32F).var()) if picture.std() > EVEN else 0.0


def _state() -> Found:
    return {"outputs": v4l2.query(DEVICE).outputs}


def _size(held: str) -> tuple[int, int]:
    width, height = held.partition(":")[2].split("x")
    return int(width), int(height)


def _open(width: int, height: int) -> Sink:
    return find_sink("camera").open("camera", Format(width, height, 30))


def _refusal(width: int, height: int) -> str:
    try:
        _open(width, height).close()
    except SinkError as error:
        return str(error)
    return ""


def _call(*command: str) -> None:
    subprocess.run(command, check=True)


play(ACTS, Path(sys.argv[1]), sys.argv[2:])
