"""The service manager's datagrams, and where records go."""

import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visard.daemon import logs
from visard.daemon.server.sd_notify import Notifier


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.settimeout(10)
        yield ear


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_arrive(ear: socket.socket, tmp_path: Path, abstract: bool) -> None:
    name = f"@visard-test-{os.getpid()}" if abstract else str(tmp_path / "n")
    ear.bind("\0" + name[1:] if abstract else name)
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("live, clara")
    notifier.alive()
    notifier.stopping()
    got = [ear.recv(100).decode() for _ in range(4)]
    assert got == ["READY=1", "STATUS=live, clara", "WATCHDOG=1", "STOPPING=1"]


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert not Notifier({}).wanted


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("20000000", None, 5.0),
        ("20000000", "1", None),
        (None, None, None),
        ("0", None, None),
        ("x", None, None),
    ],
)
def test_the_watchdog_is_fed_four_times_in_its_time(
    usec: str | None, pid: str | None, seconds: float | None
) -> None:
    given = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    assert Notifier({name: value for name, value in given.items() if value}).watchdog == seconds


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave logging as it was found."""
    root, own = logging.getLogger(), logging.getLogger("visard")
    before = root.handlers[:], root.level, own.level
    yield
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])


def test_records_go_to_a_file_that_stays_small(
    home: Path, restored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SIZE", 2000)
    logs.start()
    log = logging.getLogger("visard.test")
    for number in range(300):
        log.info("record %d", number)
    log.debug("detail")
    files = sorted((home / "log").iterdir())
    assert len(files) == 1 + logs.KEPT
    assert all(file.stat().st_size <= 2000 for file in files)
    text = files[0].read_text()
    assert "INFO visard.test: record 299" in text
    assert "detail" not in text


def test_a_log_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, restored: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").touch()
    monkeypatch.setenv("VISARD_HOME", str(tmp_path / "home"))
    logs.start(verbose=True)
    logging.getLogger("visard.test").debug("heard")
    assert "heard" in capsys.readouterr().err


def test_the_journal_gets_priorities_and_every_line_its_own(
    restored: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "stderr").open("w+") as stream:
        facts = os.fstat(stream.fileno())
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("JOURNAL_STREAM", f"{facts.st_dev}:{facts.st_ino}")
        assert logs.in_journal()
        logs.start()
        logging.getLogger("visard.test").warning("one\ntwo")
        logging.getLogger("visard.test").info("three")
        stream.seek(0)
        assert stream.read() == "<4>visard.test: one\n<4>two\n<6>visard.test: three\n"
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    assert not logs.in_journal()
