"""What the preview page's door knows: links, sessions, and whose a connection is."""

import os
import socket
import sys
from pathlib import Path

import pytest

from visard.daemon.server.preview import peer
from visard.daemon.server.preview.sessions import LINK_LIFE, MOST, SESSION_LIFE, Sessions


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def test_a_token_admits_once(sessions: Sessions) -> None:
    token = sessions.invite()
    session = sessions.admit(token)
    assert session is not None
    assert sessions.known(session)
    assert sessions.admit(token) is None


def test_a_token_is_soon_too_old(sessions: Sessions, clock: Clock) -> None:
    token, other = sessions.invite(), sessions.invite()
    clock.now += LINK_LIFE - 1
    assert sessions.admit(token)
    clock.now += 1
    assert sessions.admit(other) is None


def test_what_was_never_given_is_worth_nothing(sessions: Sessions) -> None:
    token = sessions.invite()
    session = sessions.admit(sessions.invite())
    for wrong in ("", "x", token[:-1], session):
        assert sessions.admit(str(wrong)) is None
    for wrong in ("", "x", token):
        assert not sessions.known(wrong)
    assert len({sessions.invite() for _ in range(50)}) == 50
    assert len(token) >= 43  # 256 bits


def test_the_oldest_make_room(sessions: Sessions) -> None:
    tokens = [sessions.invite() for _ in range(MOST + 1)]
    assert sessions.admit(tokens[0]) is None
    known = [str(sessions.admit(token)) for token in tokens[1:]]
    assert sessions.known(known[0])  # so it is no longer the one unused for longest
    sessions.admit(sessions.invite())
    assert [sessions.known(session) for session in known[:3]] == [True, False, True]


def test_a_session_lasts_while_it_is_used(sessions: Sessions, clock: Clock) -> None:
    session = str(sessions.admit(sessions.invite()))
    for _ in range(3):
        clock.now += SESSION_LIFE - 1
        assert sessions.known(session)
    clock.now += SESSION_LIFE
    assert not sessions.known(session)


def test_quiet_is_when_nobody_looks(sessions: Sessions, clock: Clock) -> None:
    clock.now += 10
    assert sessions.idle() == 10
    with sessions.visit(), sessions.visit():
        clock.now += 10
        assert sessions.idle() == 0
    clock.now += 10
    assert sessions.idle() == 10
    sessions.invite()
    assert sessions.idle() == 0


def _table(tmp_path: Path, *rows: str) -> tuple[tuple[str, Path], ...]:
    table = tmp_path / "tcp"
    table.write_text("\n".join(["  sl  local_address rem_address   st", *rows]) + "\n")
    return (("", table),)


ROW = "   1: {} {} {} 00000000:00000000 00:00000000 00000000  {:>4}        0 630 1 00"
THERE, HERE = "0100007F:9C40", "0100007F:1F90"
ENDS = ("127.0.0.1", 40000), ("127.0.0.1", 8080)


@pytest.mark.skipif(sys.byteorder == "big", reason="the tables of a big-endian kernel look different")
@pytest.mark.parametrize(
    ("theirs", "users"),
    [
        ([("01", 0)], [0]),
        ([("01", 54321)], [54321]),
        ([("02", 54321)], []),  # not there yet
        ([("04", 0)], []),  # from here on it may have been let go: then it is called root's
        ([("05", 0)], []),
        ([("06", 0)], []),
        ([("08", 54321)], []),
        ([], []),
    ],
)
def test_the_kernel_tells_whose_a_connection_is(
    tmp_path: Path, theirs: list[tuple[str, int]], users: list[int]
) -> None:
    ours = ROW.format(HERE, THERE, "01", os.geteuid())
    rows = [ROW.format(THERE, HERE, state, user) for state, user in theirs]
    assert list(peer.owners(*ENDS, _table(tmp_path, ours, *rows))) == users
    assert list(peer.owners(*ENDS, (("", tmp_path / "missing"),))) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("told", [True, False], ids=["asked", "tables"])
def test_what_cannot_be_attributed_is_not_this_users(
    monkeypatch: pytest.MonkeyPatch, host: str, told: bool
) -> None:
    if not told:
        monkeypatch.setattr(peer, "_BY_FAMILY", 9999)  # the kernel knows of no such message
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection((host, server.getsockname()[1]))
        with client, server.accept()[0] as ours:
            assert peer.is_this_user(ours)
            for user in (None, os.geteuid() + 1):
                with monkeypatch.context() as patch:
                    patch.setattr(peer, "owner", lambda *_, user=user: user)
                    assert not peer.is_this_user(ours)
            monkeypatch.setattr(peer, "owner", lambda *_: os.geteuid())  # of a port that is used again
            assert peer.is_this_user(ours)
            client.shutdown(socket.SHUT_WR)
            assert ours.recv(1) == b""
            assert not peer.is_this_user(ours)
