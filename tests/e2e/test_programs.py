"""The program as people start it: a process, its exit status, its output, the files it leaves."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest
from daemons import start_program

from visard.daemon.personas.library import SHIPPED
from visard.daemon.personas.record import PICTURE

pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Start:
    """Start ``visard`` with arguments in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()

    return partial(start_program, folder, home)


def finished(process: subprocess.Popen[str]) -> tuple[int, Any, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, json.loads(out), err


def pictures(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_run_goes_to_several_sinks_until_its_time_is_up(start: Start, tmp_path: Path) -> None:
    photo = str(SHIPPED / "marco" / PICTURE)
    status, report, err = finished(
        start("run", "--source", photo, "--mode", "animate", "--sink", "null", "--sink", "out.mp4",
              "--seconds", "2", "--json")
    )  # fmt: skip
    assert status == 0, err
    assert (report["persona"], report["mode"], report["camera"]["state"]) == ("clara", "animate", "ok")
    assert sum(report["numbers"]["verdicts"].values()) > 0
    assert report["output"]["where"] == f"nowhere, {tmp_path / 'work' / 'out.mp4'}"
    assert {problem["code"] for problem in report["problems"]} <= {"slow-processor"}, "on a busy machine"
    assert pictures(tmp_path / "work/out.mp4") > 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_conversion_leaves_a_file_that_plays_and_can_be_gone_on_with(
    start: Start, make_clip: Callable[..., Path], tmp_path: Path, ending: signal.Signals
) -> None:
    clip = make_clip(frames=6000)
    process = start("convert", str(clip), "out.mp4", "--mode", "animate", "--json")
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size > 1000 for file in (tmp_path / "work").iterdir()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(ending)
    status, summary, _ = finished(process)
    assert (status, summary["complete"]) == (130, False)
    assert 0 < pictures(tmp_path / "work/out.part0.mp4") < 6000
    left = sorted(file.name for file in (tmp_path / "work").iterdir())
    assert left == ["out.part0.mp4", "out.part0.mp4.json"]


def test_a_folder_is_converted_file_by_file(
    start: Start, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a.mp4", "b.mkv"):
        make_clip(f"clips/{name}", frames=5)
    status, summaries, err = finished(start("convert", str(folder), "done", "--mode", "animate", "--json"))
    assert status == 0, err
    assert [Path(summary["target"]).name for summary in summaries] == ["a.mp4", "b.mkv"]
    assert [pictures(tmp_path / "work/done" / name) for name in ("a.mp4", "b.mkv")] == [5, 5]


def test_a_broken_pipe_is_no_traceback(home: Path) -> None:
    command = f"{sys.executable} -m visard.daemon personas list | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
