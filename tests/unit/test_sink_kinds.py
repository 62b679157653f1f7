import threading
from pathlib import Path

import cv2
import pytest
from media import picture

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.media.video import VideoReader
from visard.daemon.sinks import find_sink, preview

LIVE = Format(160, 120, 25)
STILL = Format(160, 120, 25, live=False)


def open_sink(spec: object, shape: Format = LIVE) -> Sink:
    return find_sink(str(spec)).open(str(spec), shape)


# Which kind a word names.


def test_the_kinds_and_their_words(tmp_path: Path) -> None:
    words = {
        "null": "null",
        "preview": "preview",
        "preview:8090": "preview",
        "out.mp4": "file",
        "a/b": "file",
    }
    assert {word: find_sink(word).name for word in words} == words
    with pytest.raises(SinkUnavailable, match=r"null: .*preview: .*file: "):
        find_sink("nonsense")
    with pytest.raises(SinkUnavailable, match="must end in one of"):
        open_sink(tmp_path / "out.avi")


# Files.


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_a_recording_that_is_not_live_has_every_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    sink = open_sink(path, STILL)
    assert sink.where == str(path)
    for number in range(50):
        sink.write(picture(160, 120, number))
    sink.close()
    with VideoReader(path) as reader:
        pictures = list(reader)
    assert [seconds for _, seconds in pictures] == pytest.approx([n / 25 for n in range(50)], abs=0.002)
    assert cv2.PSNR(pictures[31][0], picture(160, 120, 31)) > 28


def test_a_live_recording_keeps_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visard.daemon.sinks import file

    clock = iter([100.0, 100.5, 102.0])
    monkeypatch.setattr(file.time, "perf_counter", lambda: next(clock))
    sink = open_sink(tmp_path / "out.mp4")
    for number in range(3):
        sink.write(picture(160, 120, number))
        while sink._next.peek() is not None:  # type: ignore[attr-defined]  # let the encoder take each
            pass
    sink.close()
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert [seconds for _, seconds in reader] == pytest.approx([0, 0.5, 2], abs=0.001)


def test_a_live_recording_never_waits_for_the_encoder(tmp_path: Path) -> None:
    from visard.daemon.sinks.file import Recording

    sink = Recording(tmp_path / "out.mp4", LIVE)
    busy, go_on = threading.Event(), threading.Event()
    write = sink._writer.write

    def slow(*arguments: object) -> None:
        busy.set()
        go_on.wait(30)
        write(*arguments)  # type: ignore[arg-type]

    sink._writer.write = slow  # type: ignore[method-assign]
    for number in range(30):
        sink.write(picture(160, 120, number))
        busy.wait(30)
    go_on.set()
    sink.close()
    with VideoReader(tmp_path / "out.mp4") as reader:
        pictures = [image for image, _ in reader]
    assert len(pictures) == 2
    assert cv2.PSNR(pictures[1], picture(160, 120, 29)) > 28  # the newest won


def test_an_encoder_that_fails_is_reported_once_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from visard.daemon.media.video import writer

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer.FrameMaker, "__call__", full)
    sink = open_sink(tmp_path / "out.mp4", STILL)

    def write_on() -> None:
        for _ in range(10):
            sink.write(picture(160, 120))

    with pytest.raises(SinkError, match="No space left on device"):
        write_on()
    with pytest.raises(SinkError, match="closed"):
        sink.write(picture(160, 120))
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_at_the_end_is_reported_by_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = open_sink(tmp_path / "out.mp4", STILL)
    sink.write(picture(160, 120))

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SinkError, match="Read-only file system"):
        sink.close()
    sink.close()
    assert list(tmp_path.iterdir()) == []


# The preview page.


def test_the_preview_is_named_here_and_served_by_whoever_runs_a_service() -> None:
    with pytest.raises(SinkUnavailable, match="visard preview"):
        open_sink("preview")
    assert (preview.port("preview"), preview.port("preview:8090")) == (0, 8090)
    for wrong in ("preview:x", "preview:0", "preview:70000"):
        with pytest.raises(SinkUnavailable, match="is no port"):
            preview.port(wrong)
