"""The commands, what they find out about this computer, and what they end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visard.daemon import install
from visard.daemon.cli import main
from visard.daemon.errors import InstallError
from visard.daemon.install.computer import Computer, InstallRecord, runs
from visard.daemon.install.windows import NoRegistry


def test_here_is_a_command_that_is_this_visard() -> None:
    command = [*install.visard_command(), "--version"]
    assert Path(command[0]).is_absolute()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("visard ")


def test_the_bridge_of_this_visard_is_there() -> None:
    from visard.daemon.install.linux import find

    python, *_, file, label = find().keep_format
    assert os.access(python, os.X_OK)
    assert Path(file).is_file()
    assert label == "Visard Camera"


def test_sudo_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "somebody")
    with pytest.raises(InstallError, match="no sudo"):
        install.installer()


def test_an_unknown_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    with pytest.raises(InstallError, match="plan9"):
        install.installer()


@pytest.mark.parametrize(
    ("command", "is_one"),
    [
        (["/usr/lib/visard/bin/python3", "-I", "/usr/bin/visard", "tray"], True),
        (["/usr/bin/python3", "/home/a b/.venv/bin/visard", "tray", "-v"], True),
        (["python", "-m", "visard.daemon", "tray"], True),
        ([r"C:\Python\pythonw.exe", "-m", "visard.daemon", "tray"], True),
        (["visard", "daemon"], False),
        (["grep", "visard", "tray"], False),
        (["vim", "/usr/bin/visard", "tray"], False),
        (["python", "tray"], False),
        ([], False),
    ],
)
def test_trays_are_told_from_other_programs(command: list[str], is_one: bool) -> None:
    assert runs(command, "tray") is is_one


def test_only_the_daemon_of_this_home_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: list[subprocess.Popen[bytes]]
) -> None:
    computer = Computer(InstallRecord(tmp_path / "record"), NoRegistry())
    monkeypatch.setenv("VISARD_HOME", str(tmp_path / "ours"))
    ours = sleeper("daemon", children)
    monkeypatch.setenv("VISARD_HOME", str(tmp_path / "another"))
    other = sleeper("daemon", children)
    monkeypatch.setenv("VISARD_HOME", str(tmp_path / "ours"))
    assert computer.running("daemon") == [ours.pid]
    assert computer.running("tray") == []
    computer.end("daemon")
    assert ours.poll() is not None
    assert other.poll() is None


def sleeper(what: str, children: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    code = "print('up', flush=True); import time; time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code, "visard", what], stdout=subprocess.PIPE)
    children.append(child)
    assert child.stdout
    assert child.stdout.readline() == b"up\n"
    return child


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def account(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's account without a session."""
    place = tmp_path / "account"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(place))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    return place


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_dry_run_of_the_command_writes_nothing(
    account: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("install", "--dry-run") == 0
    assert f"would write {account}/.config/systemd/user/visard.service\n" in capsys.readouterr().out
    assert not account.exists()
    assert not home.exists()


def test_commands_put_everything_there_and_take_it_away(
    account: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("install", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert f"write {account}/.config/autostart/visard.desktop" in answer["steps"]
    assert f"VISARD_HOME={home}" in (account / ".config/systemd/user/visard.service").read_text()
    (home / "config").mkdir()
    (home / "config/config.toml").write_text("fps = 25\n")
    assert call("uninstall") == 0
    assert str(home / "config") in capsys.readouterr().out, "says where settings stay"
    assert not account.exists()
    assert (home / "config/config.toml").exists()


def test_purge_asks_and_then_deletes(
    account: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "data/personas/me").mkdir(parents=True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert call("uninstall", "--purge") == 2
    assert "--yes" in capsys.readouterr().err
    assert call("uninstall", "--purge", "--dry-run") == 0
    assert (home / "data/personas/me").exists()
    assert call("uninstall", "--purge", "--yes") == 0
    assert not (home / "data").exists()


def test_purge_does_not_follow_a_link_out_of_the_folder(account: Path, home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "photo.jpg").touch()
    home.mkdir()
    (home / "data").symlink_to(elsewhere)
    assert call("uninstall", "--purge", "--yes") == 0
    assert (elsewhere / "photo.jpg").exists()
    assert not (home / "data").is_symlink()
