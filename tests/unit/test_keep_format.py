"""What is asked of the driver; tests/e2e asks a real one."""

import fcntl
import runpy
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from leftovers import files_left_by

from visard.daemon.devices import keep_format
from visard.daemon.devices.keep_format import KEEP_FORMAT, REPEAT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's video devices")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int | str, int | float]:
    """What the driver was told last: its controls by number, and its rate."""
    told: dict[int | str, int | float] = {}

    def ioctl(_: int, request: int, argument: bytes) -> None:
        if request == 0xC008561C:
            control, value = struct.unpack("Ii", argument)
            told[control] = value
        else:
            assert (request, len(argument)) == (0xC0CC5616, 204)
            kind, _, _, numerator, denominator = struct.unpack_from("5I", argument)
            assert kind == 2
            told["fps"] = denominator / numerator

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return told


def test_a_writer_keeps_its_format_and_repeats_nothing(asked: dict[int | str, float], tmp_path: Path) -> None:
    (tmp_path / "video60").touch()
    keep_format.hold(str(tmp_path / "video60"), 25)
    assert asked == {KEEP_FORMAT: 1, REPEAT: 0, "fps": 25}


def test_a_crash_repeats_slowly(asked: dict[int | str, float], tmp_path: Path) -> None:
    (tmp_path / "video60").touch()
    keep_format.repeat(str(tmp_path / "video60"))
    assert asked == {KEEP_FORMAT: 1, REPEAT: 1, "fps": keep_format.REPEAT_FPS}
    assert keep_format.REPEAT_FPS > 1, "Chromium waits a second for a picture, ten times"


def test_release_undoes_both(asked: dict[int | str, float], tmp_path: Path) -> None:
    (tmp_path / "video60").touch()
    keep_format.repeat(str(tmp_path / "video60"))
    keep_format.release(str(tmp_path / "video60"))
    assert asked == {KEEP_FORMAT: 0, REPEAT: 0, "fps": 30}


def test_a_device_that_refuses_is_an_os_error_and_left_closed(tmp_path: Path) -> None:
    (tmp_path / "video60").touch()

    def refused() -> None:
        with pytest.raises(OSError, match="ioctl"):
            keep_format.hold(str(tmp_path / "video60"), 30)

    assert not files_left_by(refused)


@pytest.mark.parametrize(("result", "expected"), [("success", []), ("signal", ["/dev/video61"])])
def test_only_the_device_of_that_name_is_bridged_and_only_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: str, expected: list[str]
) -> None:
    for number, name in ((60, "Other"), (61, "Visard Camera")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}/name").write_text(f"{name}\n")
    done: list[str] = []
    monkeypatch.setattr(keep_format, "Path", lambda _: tmp_path)
    monkeypatch.setattr(keep_format, "repeat", done.append)
    keep_format.main("Visard Camera", result)
    assert done == expected


def test_it_runs_without_any_library() -> None:
    command = [sys.executable, "-I", "-S", keep_format.__file__, "No such camera"]
    environment = {"SERVICE_RESULT": "signal"}
    subprocess.run(command, check=True, env=environment)


def test_imported_it_does_nothing() -> None:
    runpy.run_path(keep_format.__file__)
