"""What every sink keeps to. Sinks are found by their registry; a new one is tested without being told."""

import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from media import picture

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.sinks import SinkKind, find_sink, sinks

KINDS = sorted(sinks.all())
FORMATS = [Format(160, 120, 25), Format(161, 121, 7.5), Format(160, 120, 25, live=False)]


def test_every_module_is_usable() -> None:
    assert sinks.broken == {}
    assert {"camera", "file", "null", "preview"} <= set(KINDS)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> SinkKind:
    return sinks.get(request.param)


@pytest.fixture(params=FORMATS, ids=str)
def shape(request: pytest.FixtureRequest) -> Format:
    return request.param


@pytest.fixture
def spec(kind: SinkKind, tmp_path: Path) -> str:
    """Something of this kind that opens here: a word or a file."""
    reasons = [f"no example for {kind.name}"]
    for example in (kind.name, str(tmp_path / "out.mp4")):
        if kind.claims(example) and find_sink(example) is kind:
            try:
                kind.open(example, FORMATS[0]).close()
            except SinkUnavailable as error:
                reasons.append(str(error))
            else:
                return example
    pytest.skip(reasons[-1])


@pytest.fixture
def sink(kind: SinkKind, spec: str, shape: Format) -> Sink:
    return kind.open(spec, shape)


def test_it_tells_what_it_is(kind: SinkKind) -> None:
    assert kind.name in KINDS
    assert isinstance(kind.rank, int)
    assert kind.summary


def test_it_claims_no_nonsense(kind: SinkKind) -> None:
    assert not kind.claims("")
    assert not kind.claims("no such thing")


def test_it_takes_pictures_and_changes_none(sink: Sink, shape: Format) -> None:
    assert sink.where
    for number in range(10):
        image = picture(shape.width, shape.height, number)
        image.flags.writeable = False
        sink.write(image)
    sink.close()


def test_it_keeps_no_picture(sink: Sink, shape: Format) -> None:
    """The caller draws into the same memory again; whoever still looks at it would show the wrong frame."""
    import gc
    import sys

    image = picture(shape.width, shape.height)
    sink.write(image)
    gc.collect()
    assert sys.getrefcount(image) <= 2
    sink.close()


def test_closing_twice_and_before_any_picture(sink: Sink, shape: Format) -> None:
    sink.close()
    sink.close()


def test_writing_after_closing_breaks_nothing(sink: Sink, shape: Format) -> None:
    sink.write(picture(shape.width, shape.height))
    sink.close()
    with suppress(SinkError):  # a sink that keeps nothing has nothing to say
        sink.write(picture(shape.width, shape.height))
    sink.close()


def test_it_can_be_opened_again(kind: SinkKind, spec: str, shape: Format) -> None:
    for _ in range(3):
        sink = kind.open(spec, shape)
        sink.write(picture(shape.width, shape.height))
        sink.close()


def test_no_thread_is_left_behind(kind: SinkKind, spec: str, shape: Format) -> None:
    before = threading.active_count()
    sink = kind.open(spec, shape)
    sink.write(picture(shape.width, shape.height))
    sink.close()
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.05)
    pytest.fail(f"left running: {threading.enumerate()}")
