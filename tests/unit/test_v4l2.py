"""The parts of v4l2.py that need no device; the rest is tested on a real kernel in tests/e2e."""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from leftovers import files_left_by

from visard.daemon.devices import v4l2

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's video devices")


def answer(capabilities: int, of_node: int) -> bytes:
    """What the kernel writes for VIDIOC_QUERYCAP."""
    return struct.pack(
        "16s32s32s6I", b"v4l2 loopback", b"Visard Camera", b"platform:60", 1, capabilities, of_node, 0, 0, 0
    )


def test_query_reads_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "_ask", lambda *_: answer(0x85200003, 0x05200002))
    device = v4l2.query("/dev/video60")
    assert (device.driver, device.card, device.bus) == ("v4l2 loopback", "Visard Camera", "platform:60")
    assert device.is_loopback
    assert device.outputs
    assert not device.captures


def test_query_falls_back_on_the_capabilities_of_the_whole_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "_ask", lambda *_: answer(1, 0))
    assert v4l2.query("/dev/video0").captures


@pytest.mark.parametrize("path", ["/dev/null", "/dev/no-such-video"])
def test_query_of_no_video_device_is_an_os_error(path: str) -> None:
    with pytest.raises(OSError, match=r"Errno (25|2)\b"):
        v4l2.query(path)


def test_heal_of_a_missing_device_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        v4l2.restore_output("/dev/no-such-video")


def test_heal_survives_a_refusal_and_leaves_no_file_open() -> None:
    assert not files_left_by(lambda: v4l2.restore_output("/dev/null"))


def test_nobody_holds_the_format_of_a_device_that_is_not_there() -> None:
    assert v4l2.held_format("/dev/no-such-video") == ""


@pytest.fixture(params=["wb", "r+b"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str, int]]:
    """A file, the mode in which another process has it open, and that process."""
    path = tmp_path / "device"
    path.touch()
    code = f"import sys; f = open({str(path)!r}, {request.param!r}); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield path, request.param, process.pid


def test_holders_tells_writers_from_others(opened: tuple[Path, str, int]) -> None:
    path, mode, pid = opened
    (holder,) = v4l2.holders(str(path))
    assert holder.pid == pid
    assert holder.only_writes == (mode == "wb")
    assert f"process {pid}" in str(holder)


def test_holders_leaves_this_process_out(tmp_path: Path) -> None:
    path = tmp_path / "device"
    with path.open("wb"):
        assert v4l2.holders(str(path)) == []
