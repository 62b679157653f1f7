"""Programs that a script started with '&' or nohup: the shell has signals ignored in what it starts."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import answering, start_program

Start = Callable[..., subprocess.Popen[str]]

FOR_EVER = {
    "run": ["run", "--source", "demo", "--sink", "null", "--sink", "out.mp4"],
    "convert": ["convert", "clip.mp4", "out.mp4", "--mode", "animate"],
    "daemon": ["daemon"],
}


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Start:
    """Start ``visard`` with some signals ignored."""

    def run(ignored: signal.Signals, *arguments: str) -> subprocess.Popen[str]:
        shell = ["sh", "-c", f"trap '' {ignored.name[3:]}; exec \"$@\"", "sh"]
        return start_program(tmp_path, home, *arguments, before=shell)

    return run


def wait_for_work(process: subprocess.Popen[str], command: str, folder: Path) -> None:
    """Wait until it has begun what never ends."""
    if command == "daemon":
        answering(process).close()
        return
    while not list(folder.glob("out.part*")):
        assert process.poll() is None, process.communicate()


@pytest.mark.parametrize("command", FOR_EVER)
def test_ctrl_c_works_where_it_was_ignored(
    start: Start, make_clip: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    make_clip(frames=6000)
    process = start(signal.SIGINT, *FOR_EVER[command])
    wait_for_work(process, command, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == (130 if command == "convert" else 0), (out, err)


@pytest.mark.parametrize("command", FOR_EVER)
def test_what_nohup_started_outlives_the_terminal(
    start: Start, make_clip: Callable[..., Path], tmp_path: Path, command: str
) -> None:
    make_clip(frames=6000)
    process = start(signal.SIGHUP, *FOR_EVER[command])
    wait_for_work(process, command, tmp_path)
    ignored = Path(f"/proc/{process.pid}/status").read_text().split("SigIgn:")[1].split()[0]
    assert int(ignored, 16) & 1 << (signal.SIGHUP - 1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
