"""Where daemon and clients meet: a folder of this user's own, or a clear refusal."""

import os
import stat
from pathlib import Path

import pytest

from visard.daemon.api import address
from visard.daemon.api.address import MAX_PATH, Tcp, Unix
from visard.daemon.errors import DaemonAbsent, DaemonError


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variable that tells a place but the folder for temporary files."""
    for name in ("VISARD_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(address.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_visard_home_comes_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISARD_HOME", str(bare / "h"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(bare / "x"))
    assert address.find() == Unix(bare / "h/run/visard.sock")
    assert mode(bare / "h/run") == 0o700


def test_then_the_folder_of_the_session(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(bare))
    assert address.find() == Unix(bare / "visard/visard.sock")
    assert mode(bare / "visard") == 0o700


def test_without_a_session_a_folder_of_ones_own_among_the_temporary_ones(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)  # nobody has logged in with this one
    monkeypatch.setattr(address, "private", lambda folder: folder)
    assert address.home() == bare / "visard-4242"


@pytest.mark.parametrize("bits", [0o755, 0o770, 0o701])
def test_a_folder_that_others_can_enter_is_refused_with_what_to_do(tmp_path: Path, bits: int) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(bits)
    with pytest.raises(DaemonError, match=f"chmod 700 '{folder}'"):
        address.private(folder)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = address.private(tmp_path / "run")
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(DaemonError, match="another user"):
        address.private(folder)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_in_its_place_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "run"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.touch()
    with pytest.raises(DaemonError):
        address.private(place)


def test_a_path_too_long_for_a_socket_is_a_short_one_that_both_find(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address.tempfile, "gettempdir", lambda: "/tmp")
    monkeypatch.setenv("VISARD_HOME", str(bare / ("long" * 40)))
    first, second = address.find(), address.find()
    assert isinstance(first, Unix)
    assert first == second
    assert len(os.fsencode(first.path)) <= MAX_PATH
    assert mode(first.path.parent) == 0o700
    monkeypatch.setenv("VISARD_HOME", str(bare / ("tall" * 40)))
    assert address.find() != first


def test_when_nothing_is_short_enough_it_says_so(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address.tempfile, "gettempdir", lambda: str(bare / ("t" * 100)))
    monkeypatch.setenv("VISARD_HOME", str(bare / ("long" * 40)))
    with pytest.raises(DaemonError, match="too long"):
        address.find()


def test_a_port_is_told_to_this_user_alone(tmp_path: Path) -> None:
    where = Tcp(4711)
    address.publish(tmp_path, where)
    assert address.read(tmp_path) == where
    assert [mode(file) for file in tmp_path.iterdir()] == [0o600]
    assert where.token not in repr(where)
    assert Tcp(4711).token != where.token
    address.withdraw(tmp_path)
    with pytest.raises(DaemonAbsent, match="visard daemon"):
        address.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"port": "x", "token": "y"}', "\x00"])
def test_a_broken_port_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "visard.json").write_text(text)
    with pytest.raises(DaemonError, match="start it again"):
        address.read(tmp_path)


def test_reaching_needs_somebody_who_listens(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Unix(tmp_path / "none.sock").probe()
