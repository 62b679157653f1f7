"""What the preview page's door knows: links, sessions, and whose a connection is."""

import os
import sys
from pathlib import Path

import pytest

from visard.daemon.server.preview.checks import is_another_user
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
    ("theirs", "strange"),
    [
        ([("01", os.geteuid())], False),
        ([("01", 0)], False),
        ([("01", 54321)], True),
        ([("06", 0)], True),  # let go: nobody is left to get the answer
        ([], True),
    ],
)
def test_the_kernel_tells_whose_a_connection_is(
    tmp_path: Path, theirs: list[tuple[str, int]], strange: bool
) -> None:
    ours = ROW.format(HERE, THERE, "01", os.geteuid())
    rows = [ROW.format(THERE, HERE, state, user) for state, user in theirs]
    assert is_another_user(*ENDS, _table(tmp_path, ours, *rows)) is strange


def test_where_the_kernel_tells_nothing_nobody_is_a_stranger(tmp_path: Path) -> None:
    assert not is_another_user(*ENDS, (("", tmp_path / "missing"),))
    assert not is_another_user(*ENDS, _table(tmp_path))
