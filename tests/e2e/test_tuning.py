"""A persona is tuned by a real daemon that looks at a camera; nothing of the driver is left."""

import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from daemons import Process, Start, answering, visard

from visard.daemon.api.client import Client
from visard.daemon.api.requests import TuneRequest
from visard.daemon.api.schema import Job
from visard.daemon.media.video import VideoReader
from visard.daemon.sources.demo import CLIP

PROGRAM = Path(__file__).resolve().parent.parent / "tuning_daemon.py"
PATIENCE = 900.0
"""Seconds after which what a test waits for will not come."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="tuning needs PyTorch: the extra 'train'"),
]


def until(true: Callable[[], object], process: Process) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture
def begin(daemons: Start, home: Path, tmp_path: Path) -> Callable[[], Process]:
    """Start a daemon whose camera is a film."""
    film = tmp_path / "camera.mp4"
    film.write_bytes(CLIP.read_bytes())
    (home / "config").mkdir(parents=True)
    (home / "config/config.toml").write_text(f'camera = "{film}"\n')
    return lambda: daemons(str(PROGRAM))


def now(client: Client, number: int) -> Job:
    return next(job for job in client.status().jobs if job.id == number)


def workers(process: Process) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "tuning_worker" in " ".join(child.cmdline())]


def left(home: Path) -> list[str]:
    """Return what could show the driver."""
    kept = [*home.rglob("*.mp4"), *home.rglob("*.npz"), *home.rglob("*.jpg"), *home.rglob("*.png")]
    return sorted({path.name for path in (*kept, *(home / "cache/tuning").glob("*"))} - {"lock"})


@pytest.mark.timeout(2 * PATIENCE)
def test_ones_own_camera_tunes_it_and_the_clip_is_kept_on_request(
    begin: Callable[[], Process], home: Path, tmp_path: Path
) -> None:
    process = begin()
    with answering(process) as client:
        clip, picture = tmp_path / "me.mp4", tmp_path / "both.png"
        kept = ("--keep-driver", str(clip), "--out", str(picture))
        done = visard("personas", "tune", "hanna", "--driver", "camera", *kept)
        assert done[0] == 0, done
        found = client.tuning("hanna")
        assert (found.over, found.error, found.preview, found.comparison) == (True, None, True, True)
        assert client.persona("hanna").tuned is (None if found.refused else True)
        assert [cv2.imread(str(picture)).shape[0]] == [672]
        assert cv2.imdecode(np.frombuffer(client.tuning_preview("hanna"), np.uint8), 1).shape[0] == 672
        assert clip.stat().st_mode & 0o777 == 0o600
        with VideoReader(clip) as reader:
            assert sum(1 for _ in reader) > 24
        assert [name for name in left(home) if not name.startswith("tuned-")] == []
        assert workers(process) == []


@pytest.mark.timeout(2 * PATIENCE)
def test_given_up_or_killed_it_leaves_no_clip_and_the_persona_as_it_was(
    begin: Callable[[], Process], home: Path
) -> None:
    process = begin()
    wanted = TuneRequest(driver="camera", keep_clip=True)
    with answering(process) as client:
        before = client.persona("hanna")
        job = client.tune_persona("hanna", wanted).id
        until(lambda: left(home), process)
        assert [path.stat().st_mode & 0o777 for path in (home / "cache/tuning",)] == [0o700]
        client.cancel(job)
        until(lambda: now(client, job).done, process)
        assert (left(home), workers(process)) == ([], [])
        job = client.tune_persona("hanna", wanted).id
        until(lambda: left(home), process)
        (worker,) = workers(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs([worker], PATIENCE)
    assert not worker.is_running()
    again = begin()
    with answering(again) as client:
        assert left(home) == []
        after = client.persona("hanna")
        assert (after.tuned, after.photos) == (before.tuned, before.photos)
        assert client.status().tunings == ()
