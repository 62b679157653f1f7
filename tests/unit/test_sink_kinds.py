import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from media import picture

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.media.video import VideoReader
from visard.daemon.sinks import find_sink, preview
from visard.daemon.sinks.preview import PreviewSink

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

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_to_frame", full)
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


# The preview.


@pytest.fixture
def page() -> Iterator[PreviewSink]:
    sink = preview.sink.open("preview", LIVE)
    yield sink
    sink.close()


class Running:
    """Writes pictures into a sink until the block ends."""

    def __init__(self, sink: Sink, image: np.ndarray | None = None) -> None:
        self._sink = sink
        self._image = image
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.01):
            self._sink.write(picture(160, 120, number) if self._image is None else self._image)
            number += 1

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def get(page: PreviewSink, path: str, host: str | None = None) -> http.client.HTTPResponse:
    port = urlsplit(page.where).port
    assert port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    return connection.getresponse()


def test_the_page(page: PreviewSink) -> None:
    answer = get(page, "/")
    text = answer.read().decode()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert 'src="/stream"' in text
    assert get(page, "/nothing").status == 404


def test_a_snapshot_is_the_newest_picture(page: PreviewSink) -> None:
    with Running(page):
        answer = get(page, "/snapshot.jpg")
        data = answer.read()
    assert answer.headers["Content-Type"] == "image/jpeg"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert cv2.PSNR(image[60:], picture(160, 120)[60:]) > 28


def test_no_picture_is_no_snapshot(page: PreviewSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "_TIMEOUT", 0.1)
    assert get(page, "/snapshot.jpg").status == 503


def read_part(answer: http.client.HTTPResponse) -> np.ndarray:
    while not (line := answer.readline()).startswith(b"Content-Length"):
        assert line
    length = int(line.split(b":")[1])
    assert answer.readline() == b"\r\n"
    data = answer.read(length)
    assert answer.readline() == b"\r\n"
    assert answer.readline() == b"--visard-frame\r\n"  # browsers wait for it
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_the_stream_shows_moving_pictures(page: PreviewSink) -> None:
    with Running(page):
        answer = get(page, "/stream")
        assert "multipart/x-mixed-replace; boundary=visard-frame" in answer.headers["Content-Type"]
        pictures = [read_part(answer) for _ in range(5)]
        answer.close()
    assert all(image.shape == (120, 160, 3) for image in pictures)
    assert not np.array_equal(pictures[0], pictures[4])


def test_stats_tell_size_and_rate(page: PreviewSink) -> None:
    assert json.load(get(page, "/stats")) == {"width": 160, "height": 120, "fps": 0}
    with Running(page):
        get(page, "/snapshot.jpg").read()
        get(page, "/snapshot.jpg").read()
        assert 0 < json.load(get(page, "/stats"))["fps"] <= 101


@pytest.mark.parametrize("path", ["/", "/stream", "/snapshot.jpg", "/stats"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost:1"])
def test_other_host_names_are_refused(page: PreviewSink, path: str, host: str) -> None:
    assert get(page, path, host).status == 403


def test_both_names_of_this_computer_are_served_but_not_to_other_pages(page: PreviewSink) -> None:
    for host in ("localhost", "127.0.0.1", page.where.split("/")[2]):
        answer = get(page, "/stats", host)
        assert answer.status == 200
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_it_listens_on_loopback_only(page: PreviewSink) -> None:
    assert page._server.socket.getsockname()[0] == "127.0.0.1"


def test_nothing_is_encoded_while_nobody_looks(page: PreviewSink, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = threading.Event()
    encode = cv2.imencode

    def watch(*arguments: object) -> object:
        encoded.set()
        return encode(*arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(cv2, "imencode", watch)
    for number in range(20):
        page.write(picture(160, 120, number))
    assert page._server.newest._raw.peek() is None
    assert not encoded.is_set()
    with Running(page):
        get(page, "/snapshot.jpg").read()
    assert encoded.is_set()


def test_a_reader_that_never_reads_holds_up_nobody(page: PreviewSink) -> None:
    port = urlsplit(page.where).port
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    with socket.create_connection(("127.0.0.1", port)) as stuck, Running(page, noise):
        stuck.sendall(f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        first = page._server.newest.number()
        for _ in range(10):  # ten pictures of a megabyte: more than any buffer on the way holds
            assert get(page, "/snapshot.jpg").status == 200
        assert page._server.newest.number() >= first + 10


def test_the_port_can_be_chosen_and_must_be_free(page: PreviewSink) -> None:
    port = urlsplit(page.where).port
    with pytest.raises(SinkUnavailable, match=f"port {port} cannot be used"):
        open_sink(f"preview:{port}")
    for wrong in ("preview:x", "preview:0", "preview:70000"):
        with pytest.raises(SinkUnavailable, match="is no port"):
            open_sink(wrong)
    page.close()
    again = open_sink(f"preview:{port}")
    assert again.where == f"http://127.0.0.1:{port}/"
    again.close()


def test_closing_ends_streams_and_refuses_more(page: PreviewSink) -> None:
    with Running(page):
        answer = get(page, "/stream")
        read_part(answer)
    page.close()
    answer.read()  # comes to an end
    with pytest.raises(SinkError, match="closed"):
        page.write(picture(160, 120))
