"""What every source keeps to. Sources are found by their registry; a new one is tested without being told."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import FakeCapture, picture, write_clip

from visard.daemon.errors import SourceEnded, SourceError, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Source
from visard.daemon.sources import SourceKind, find_source, sources
from visard.daemon.sources._cameras import CameraDevice

KINDS = sorted(sources.all())


def test_every_module_is_usable() -> None:
    assert sources.broken == {}
    assert {"camera", "demo", "picture", "video"} <= set(KINDS)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> SourceKind:
    return sources.get(request.param)


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that is not there really, for everything above OpenCV."""
    node = tmp_path / "video0"
    node.touch()
    here = CameraDevice(0, "Front Camera", "usb-Front", str(node), busy=False)
    monkeypatch.setattr(sources.get("camera"), "_cameras", lambda: [here])
    monkeypatch.setattr(sources.get("camera"), "_capture", lambda _: FakeCapture())


@pytest.fixture
def spec(kind: SourceKind, tmp_path: Path, camera: None) -> str:
    """Something of this kind that opens here: a word, a file or a folder."""
    cv2.imwrite(str(tmp_path / "picture.png"), picture(160, 120))
    write_clip(tmp_path / "clip.mp4")
    reasons = [f"no example for {kind.name}"]
    files = (tmp_path / "picture.png", tmp_path / "clip.mp4", tmp_path)
    for example in (kind.name, *map(str, files)):
        if kind.claims(example) and find_source(example) is kind:
            try:
                kind.open(example).close()
            except SourceUnavailable as error:
                reasons.append(str(error))
            else:
                return example
    pytest.skip(reasons[-1])


@pytest.fixture
def source(kind: SourceKind, spec: str) -> Source:
    return kind.open(spec)


def test_it_tells_what_it_is(kind: SourceKind) -> None:
    assert kind.name in KINDS
    assert isinstance(kind.rank, int)
    assert kind.summary


def test_it_claims_no_nonsense(kind: SourceKind) -> None:
    assert not kind.claims("")
    assert not kind.claims("no such thing")


def test_what_cannot_be_opened_is_one_clear_error(kind: SourceKind, tmp_path: Path) -> None:
    absent = [word for word in (f"{kind.name}:absent", f"{tmp_path}/absent.png") if kind.claims(word)]
    for word in absent:
        with pytest.raises(SourceUnavailable) as caught:
            kind.open(word)
        assert 10 < len(str(caught.value)) < 300


def test_pictures_have_the_format(source: Source) -> None:
    shape = (source.format.height, source.format.width, 3)
    assert 1 <= source.format.fps <= 240
    for _ in range(5):
        image = source.read()
        assert image.shape == shape
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
    source.close()


def test_pictures_are_the_callers(source: Source) -> None:
    first = source.read()
    first[:] = 7
    second = source.read()
    assert not np.shares_memory(first, second)
    assert not (second == 7).all()
    source.close()


def test_closing_twice_and_reading_after(source: Source) -> None:
    source.read()
    source.close()
    source.close()
    with pytest.raises(SourceError):
        source.read()


def test_closing_before_reading(source: Source) -> None:
    source.close()


def test_closing_from_another_thread_ends_reading(source: Source) -> None:
    ends: list[BaseException] = []

    def read_on() -> None:
        try:
            while True:
                source.read()
        except BaseException as error:
            ends.append(error)

    reader = threading.Thread(target=read_on)
    reader.start()
    time.sleep(0.1)
    source.close()
    reader.join(10)
    assert not reader.is_alive()
    assert isinstance(ends[0], SourceEnded)


def test_it_can_be_opened_again(kind: SourceKind, spec: str) -> None:
    for _ in range(3):
        source = kind.open(spec, Format(320, 240, 15))
        source.read()
        source.close()


def test_unpaced_and_unlooped_it_ends_or_lives_for_ever(kind: SourceKind, spec: str) -> None:
    source = kind.open(spec, loop=False, paced=False)
    if source.format.live:
        source.close()
        pytest.skip("has its own pace")

    def drain() -> None:
        for _ in range(10_000):
            source.read()

    with pytest.raises(SourceEnded):
        drain()
    with pytest.raises(SourceEnded):
        source.read()
    source.close()


def test_no_thread_is_left_behind(kind: SourceKind, spec: str) -> None:
    before = threading.active_count()
    source = kind.open(spec)
    source.read()
    source.close()
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.05)
    pytest.fail(f"left running: {threading.enumerate()}")
