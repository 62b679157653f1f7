"""Daemons as processes, for tests from outside: the real one, and the one without cameras."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fake_process import PROGRAM

from visard.daemon.api.client import Client
from visard.daemon.errors import DaemonAbsent

Process = subprocess.Popen[str]
Start = Callable[..., Process]
LONG = 120.0
"""Seconds in which even a busy machine ends a daemon; how long it really takes is for tests/bench to say."""


@pytest.fixture
def daemons(home: Path) -> Iterator[Start]:
    """Start daemons: the real one, or the one without cameras when a program is given."""
    started: list[Process] = []

    def run(*command: str, **environment: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "visard.daemon", "daemon"))],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def pretended(daemons: Start) -> Process:
    """A daemon without cameras that answers."""
    process = daemons(str(PROGRAM))
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def answering(process: Process) -> Client:
    """Wait until a daemon answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client = Client()
            client.status()
        except DaemonAbsent:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return client


def ended(process: Process) -> tuple[int, str]:
    _, err = process.communicate(timeout=LONG)
    return process.returncode, err


def start_program(folder: Path, home: Path, *arguments: str, before: Sequence[str] = ()) -> Process:
    """Start ``visard`` in a folder, by the words of ``before`` where there are some."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "visard.daemon", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "VISARD_HOME": str(home)},
    )


def visard(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "visard.daemon", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def raw(home: Path, path: str = "/status", method: str = "GET") -> socket.socket:
    """Send one request by hand and leave the answer unread."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(str(home / "run/visard.sock"))
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: visard\r\n\r\n".encode())
    return connection
