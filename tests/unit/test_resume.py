"""A film that was interrupted, by Ctrl-C, a termination or a kill, goes on as if nothing had happened."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import Mask, driver_at, worn
from leftovers import no_thread_left
from media import MakeClip
from numbered import RATE, Animator, ByNumber, film, number_in, numbered

from visard.daemon.config.settings import Mode, Settings
from visard.daemon.errors import FaceUnusable, SinkError, SinkUnavailable
from visard.daemon.foreground.convert import convert
from visard.daemon.foreground.film import clock
from visard.daemon.foreground.jobs import Reporter, Summary, Writing
from visard.daemon.media.frame import Format
from visard.daemon.media.video import Part, Resumable, VideoReader, VideoWriter, unfinished
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.sources._replay import FileReplay

FRAMES = 220
PROGRAM = Path(__file__).parent.parent / "interrupted_conversion.py"
Packets = list[tuple[Fraction, bytes]]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    assert no_thread_left()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "in.mp4", FRAMES)


def start(source: Path, target: Path, mode: str = "swap") -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), str(source), str(target), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def interrupted(source: Path, target: Path, after: int, how: signal.Signals, mode: str = "swap") -> bytes:
    """Convert, and send a signal when so many pictures were begun and something can be gone on with."""
    with start(source, target, mode) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = 0
        while told < after or not any(one.until(0.0) for one in unfinished(target)):
            assert process.stdout.read(1), process.stderr.read().decode()
            told += 1
        process.send_signal(how)
        return process.communicate(timeout=60)[1]


def finished(source: Path, target: Path, mode: str = "swap") -> tuple[int, float]:
    """Convert to the end; return how many pictures were made, and where it went on."""
    with start(source, target, mode) as process:
        _, told = process.communicate(timeout=120)
    frames, resumed, complete = told.decode().split()
    assert complete == "True"
    return int(frames), float(resumed)


def pictures(path: Path) -> list[tuple[float, int]]:
    with VideoReader(path) as reader:
        return [(round(seconds, 3), number_in(image)) for image, seconds in reader]


def sound(path: Path) -> Packets:
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(audio=0) if packet.pts is not None]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_after_any_interruption_the_result_is_that_of_one_go(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    assert finished(source, whole) == (FRAMES, 0)
    interrupted(source, target, 70, signal.SIGKILL)
    part = f"out.part0{suffix}"
    assert names(tmp_path) == sorted([part, f"{part}.json", whole.name])
    for how in (signal.SIGINT, signal.SIGTERM):
        before = unfinished(target)[0].until(0.0)
        told = interrupted(source, target, 70, how)
        frames, resumed, complete = told.decode().split()
        assert (float(resumed), complete) == (pytest.approx(before, abs=0.001), "False")
        assert int(frames) < FRAMES - 50
        assert names(tmp_path) == sorted([part, f"{part}.json", whole.name])
        seen = pictures(tmp_path / part)
        assert [number for _, number in seen] == list(range(len(seen)))
    frames, resumed = finished(source, target)
    assert resumed > 0
    assert frames == FRAMES - round(resumed * RATE + 0.01)
    assert names(tmp_path) == [target.name, whole.name]
    assert pictures(target) == pictures(whole)
    assert sound(target) == sound(whole)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mov"),
        ("hevc", ".mp4"),
        ("hevc", ".mkv"),
        ("vp9", ".mp4"),
        ("av1", ".mp4"),
        ("av1", ".webm"),
    ],
)
def test_what_is_taken_over_is_what_was_written(
    source: Path, tmp_path: Path, codec: str, suffix: str
) -> None:
    """Every picture of an encoder and its time, of a part that begins between two of them."""
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"

    def write(path: Path, how: Resumable | None, count: int = FRAMES) -> None:
        with (
            suppress(KeyboardInterrupt),
            VideoReader(source, Part(0.013, 5.2)) as reader,
            VideoWriter(path, reader.format, original=reader, codec=codec, resumable=how) as writer,
        ):
            for image, seconds in reader:
                if seconds > count / RATE:
                    raise KeyboardInterrupt
                if how is None or seconds >= how.until:
                    writer.write(image, seconds)

    write(whole, None)
    write(target, Resumable({"made": "so"}), 110)
    (left,) = unfinished(target)
    assert left.record == {"made": "so"}
    until = left.until(0.027)
    assert until == pytest.approx(100.5 / RATE - 0.013, abs=0.002)
    write(target, Resumable(left.record, left.path, until))
    assert names(tmp_path) == [target.name, whole.name]
    assert pictures(target) == pictures(whole)
    assert [number for _, number in pictures(target)] == list(range(1, 130))
    assert sound(target) == sound(whole)


def run(
    source: Path, target: Path, persona: PreparedPersona, reporter: Reporter | None = None, **writing: object
) -> Summary:
    """Convert in this process."""
    reporter = reporter or Reporter()
    wanted = Writing(**writing)  # type: ignore[arg-type]
    return convert(
        source, target, persona, Settings(), reporter, tracking=lambda _: ByNumber(), writing=wanted
    )


def pressing(count: int) -> Callable[..., None]:
    """Return what presses Ctrl-C at the picture of this number, and lets the main thread see it."""
    calls, main = iter(range(10_000)), threading.main_thread().ident

    def press(*_: object) -> None:
        number = next(calls)
        if number == count and main:
            signal.pthread_kill(main, signal.SIGINT)
        if number >= count:
            time.sleep(0.02)

    return press


@pytest.fixture
def stopped(source: Path, tmp_path: Path) -> Path:
    """A target with an interrupted film."""
    interrupted(source, tmp_path / "out.mp4", 70, signal.SIGKILL)
    return tmp_path / "out.mp4"


def test_made_otherwise_it_is_refused_and_begun_anew_only_when_asked_for(source: Path, stopped: Path) -> None:
    before = (stopped.parent / "out.part0.mp4").read_bytes()
    with pytest.raises(
        SinkUnavailable, match=r"part0.mp4 is unfinished and was made with --quality by default"
    ):
        run(source, stopped, worn(), quality=50)
    with pytest.raises(SinkUnavailable, match=r"with --start 0; do the same .*say --overwrite to begin"):
        run(source, stopped, worn(), part=Part(1))
    other = film(stopped.parent / "other.mp4", 30)
    with pytest.raises(SinkUnavailable, match=r"with another film; "):
        run(other, stopped, worn())
    assert (stopped.parent / "out.part0.mp4").read_bytes() == before
    made = run(source, stopped, worn(), quality=50, overwrite=True)
    assert (made.frames, made.resumed) == (FRAMES, 0)
    assert names(stopped.parent) == ["other.mp4", "out.mp4"]


def test_the_same_arguments_go_on_and_overwrite_begins_anew_what_was_begun_without(
    source: Path, stopped: Path
) -> None:
    record = stopped.parent / "out.part0.mp4.json"
    assert json.loads(record.read_text())["overwrite"] is False
    said: list[str] = []
    until = unfinished(stopped)[0].until(0.0)
    stopped.write_bytes(b"an earlier result")
    assert run(source, stopped, worn(), Reporter(say=said.append)).frames < FRAMES
    assert said == [f"out.mp4 goes on at {clock(until)}"]
    assert names(stopped.parent) == ["out.mp4"]
    interrupted(source, stopped, 70, signal.SIGKILL)
    assert run(source, stopped, worn(), overwrite=True).frames == FRAMES
    interrupted(source, stopped, 70, signal.SIGKILL)
    record.write_text(json.dumps({**json.loads(record.read_text()), "overwrite": True}))
    assert run(source, stopped, worn(), overwrite=True).frames < FRAMES


def test_a_fault_leaves_what_was_done_and_the_earlier_result(
    source: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped.write_bytes(b"an earlier result")
    until = unfinished(stopped)[0].until(0.0)
    written = VideoWriter.write

    def full(self: VideoWriter, image: np.ndarray, seconds: float | None = None) -> None:
        if (seconds or 0) > 6.5:
            raise SinkError("the disk is full")
        written(self, image, seconds)

    monkeypatch.setattr(VideoWriter, "write", full)
    with pytest.raises(SinkError, match="the disk is full"):
        run(source, stopped, worn())
    assert stopped.read_bytes() == b"an earlier result"
    assert unfinished(stopped)[0].until(0.0) > until
    monkeypatch.undo()
    assert run(source, stopped, worn()).resumed > until
    assert [number for _, number in pictures(stopped)] == list(range(FRAMES))


def test_two_programs_do_not_write_one_film(source: Path, stopped: Path) -> None:
    left = unfinished(stopped)[0]
    with VideoWriter(
        stopped, Format(320, 240, RATE, live=False), resumable=Resumable(left.record, left.path, 0.0)
    ) as writer:
        for number in range(60):
            writer.write(numbered(number))
        with pytest.raises(SinkUnavailable, match=r"out.part0.mp4 is being written just now"):
            run(source, stopped, worn())


def test_interrupted_before_anything_was_written(source: Path, tmp_path: Path) -> None:
    made = run(source, tmp_path / "out.mp4", worn(Mask(before=pressing(0))))
    assert (made.complete, made.kept) == (False, None)
    assert names(tmp_path) == []


def test_animated_pictures_begin_anew(source: Path, tmp_path: Path) -> None:
    made = run(source, tmp_path / "out.gif", worn(Mask(before=pressing(60))), part=Part(0, 4))
    assert (made.complete, made.kept) == (False, tmp_path / "out.part0.gif")
    made = run(source, tmp_path / "out.gif", worn(), part=Part(0, 4))
    assert (made.frames, made.resumed) == (100, 0)
    assert names(tmp_path) == ["out.gif"]


def animated(animator: Animator) -> PreparedPersona:
    return PreparedPersona("p", "numbered", Mode.animate, animator)


def moved(path: Path) -> list[int]:
    """Return where the square is in every picture of an ``Animator``."""
    with VideoReader(path) as reader:
        return [int(np.argmax(image[32, :, 1] > 150)) for image, _ in reader]


@pytest.mark.parametrize("settles", [1, 30])
def test_motion_is_counted_from_the_same_reference(source: Path, tmp_path: Path, settles: int) -> None:
    def animator(stop: int = 10_000) -> PreparedPersona:
        return animated(Animator(pressing(stop), settles))

    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, animator())
    assert not run(source, target, animator(160)).complete
    made = run(source, target, animator())
    assert made.resumed > 3
    assert made.frames == FRAMES - round(made.resumed * RATE + 0.01), "the warm-up is not counted"
    assert moved(target) == moved(whole)
    assert len(moved(whole)) == FRAMES
    mean = np.mean([driver_at(number)[0] for number in range(settles)])
    assert moved(whole)[60] == pytest.approx(40 + driver_at(60)[0] - mean, abs=1)


def test_an_animated_film_has_the_portraits_size_and_the_drivers_sound(source: Path, tmp_path: Path) -> None:
    persona = animated(Animator())
    for name in ("out.mp4", "driverless.mp4"):
        run(source, tmp_path / name, persona)
        with VideoReader(tmp_path / name) as reader:
            assert (reader.format.width, reader.format.height) == (96, 64)
        assert sound(tmp_path / name) == [
            packet for packet in sound(source) if packet[0] < Fraction(FRAMES, RATE)
        ]


@pytest.mark.parametrize(("wanted", "number"), [("best", None), (2.0, 50)])
def test_another_reference(source: Path, tmp_path: Path, wanted: object, number: int | None) -> None:
    animator, said = Animator(), list[str]()
    persona = animated(animator)
    target = tmp_path / "out.mp4"
    made = run(source, target, persona, Reporter(say=said.append), reference=wanted)
    assert made.frames == FRAMES
    if number is None:
        number = min(range(FRAMES), key=lambda each: (abs(driver_at(each)[0] - 104), each))
    assert said == [f"the reference is the frame at {clock(number / RATE)}"]
    assert animator.chosen == [True]
    assert moved(target)[0] == pytest.approx(40 + driver_at(0)[0] - driver_at(number)[0], abs=1)


def test_a_reference_without_a_driver_is_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    persona = animated(Animator())

    class Nobody(ByNumber):
        def update(self, image: np.ndarray, now: float) -> object:  # type: ignore[override]
            from visard.models.face import Sighting

            return Sighting(())

    with pytest.raises(FaceUnusable, match=r"no face in clip.mp4 at 0:00.2 can be the reference"):
        convert(make_clip(), tmp_path / "out.mp4", persona, Settings(),
                tracking=lambda _: Nobody(), writing=Writing(reference=0.2))  # fmt: skip
    assert not (tmp_path / "out.mp4").exists()


def test_a_replay_waits_until_its_warm_up_was_taken() -> None:
    image, told = np.zeros((2, 2, 3), np.uint8), list[str]()
    replay = FileReplay([(image, 0.5)], Format(2, 2, 25), [image, image], lambda: told.append("warm"))
    replay.read()
    replay.read()
    assert [replay.time(), replay.time()] == [None, None]
    assert told == []
    replay.read()
    assert told == ["warm"]
    assert replay.time() == 0.5


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0:00.0"), (72.34, "1:12.3"), (3723.2, "1:02:03.2")])
def test_times_are_told_as_people_read_them(seconds: float, text: str) -> None:
    assert clock(seconds) == text
