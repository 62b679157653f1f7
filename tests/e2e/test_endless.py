"""Networks that never end: what works on one can be stopped, and the daemon lives on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil
import pytest
from daemons import LONG, Start, answering, ended
from endless import endless

from visard.daemon.api.client import Client
from visard.daemon.errors import VisardError
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import time_limit
from visard.daemon.personas.record import Consent
from visard.daemon.pipeline.sample import sample
from visard.engines.errors import Cancelled

pytestmark = pytest.mark.slow

COMMANDS = {
    "build": ["engines", "build", "net.dfm"],
    "check": ["engines", "check", "net.dfm"],
    "convert": ["convert", "clip.mp4", "out.mp4", "--persona", "net.dfm"],
    "run": ["run", "--persona", "net.dfm", "--source", "demo", "--sink", "null"],
    "add": ["personas", "add", "net.dfm", "--name", "evil", "--consent", "generated"],
}


def compiling(parent: int) -> list[psutil.Process]:
    """Wait for the process that compiles the network, which by then can be given up."""
    deadline = time.monotonic() + 120
    while True:
        for child in psutil.Process(parent).children():
            with suppress(psutil.NoSuchProcess):  # another one, that has ended
                if (
                    "visard.engines.compile.worker" in " ".join(child.cmdline())
                    and child.cpu_times().user > 3
                ):
                    return [child]
        assert time.monotonic() < deadline, "nothing compiles"
        time.sleep(0.1)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("constant", [False, True], ids=["run", "simplified"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_stopped(
    home: Path,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    command: str,
    constant: bool,
    ending: signal.Signals,
) -> None:
    make_clip(frames=10)
    endless(tmp_path / "net.dfm", constant=constant)
    process = subprocess.Popen(
        [sys.executable, "-m", "visard.daemon", *COMMANDS[command]],
        cwd=tmp_path,
        env={**os.environ, "VISARD_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        children = compiling(process.pid)
        process.send_signal(ending)
        _, err = process.communicate(timeout=LONG)
    finally:
        process.kill()
    assert process.returncode in (130, -signal.SIGTERM), err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=LONG)
    assert not alive


@pytest.mark.parametrize("constant", [False, True], ids=["run", "simplified"])
def test_the_daemon_lives_on(daemons: Start, home: Path, tmp_path: Path, constant: bool) -> None:
    """Putting it on can be given up, and the daemon can end while it is being added."""
    net = endless(tmp_path / "net.dfm", constant=constant)
    Library().add(net, "evil", Consent.generated)
    process = daemons()
    with answering(process) as client:
        client.switch_persona("evil")
        children = compiling(process.pid)
        (job,) = [job for job in client.status().jobs if not job.done and job.persona == "evil"]
        client.cancel(job.id)
        assert not psutil.wait_procs(children, timeout=LONG)[1]
        assert client.switch_persona("marco").problems is not None

        adding = Thread(target=add, args=(net,))
        adding.start()
        children = compiling(process.pid)
        process.terminate()
    assert ended(process)[0] == 0
    assert not psutil.wait_procs(children, timeout=LONG)[1]
    adding.join(LONG)


def add(net: Path) -> None:
    with Client() as client, pytest.raises(VisardError):
        client.add_persona(net, "worse", Consent.generated)


def test_adding_has_a_limit(home: Path, tmp_path: Path) -> None:
    made = Library().add(endless(tmp_path / "net.dfm", constant=False), "evil", Consent.generated)
    with pytest.raises(Cancelled, match="took more than 4 s and was given up"):
        sample(made, time_limit(4))
