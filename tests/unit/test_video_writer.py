import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import MakeClip, picture

from visard.daemon.errors import SinkError, SinkUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoReader, VideoWriter

SMALL = Format(160, 120, 25, live=False)
SUFFIXES = [".mp4", ".mov", ".mkv", ".webm"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, shape: Format = SMALL, frames: int = 10) -> Path:
    with VideoWriter(path, shape) as writer:
        for number in range(frames):
            writer.write(picture(shape.width, shape.height, number))
    return path


def convert(original: Path, result: Path) -> Path:
    with VideoReader(original) as reader, VideoWriter(result, reader.format, original=reader) as writer:
        for image, seconds in reader:
            writer.write(image, seconds)
    return result


def times(path: Path) -> list[float]:
    with VideoReader(path) as reader:
        return [seconds for _, seconds in reader]


def sound(path: Path) -> tuple[str, list[bytes], float]:
    """Return codec, packets and length of the first audio stream."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        packets = [packet for packet in file.demux(stream) if packet.dts is not None]
        length = sum(packet.duration or 0 for packet in packets) * stream.time_base
        return stream.codec_context.codec.canonical_name, [bytes(packet) for packet in packets], float(length)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="only Linux has real-time threads here")
def test_no_encoder_keeps_the_processor_for_itself(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mkv", Format(320, 240, 30), codec="av1") as writer:
        writer.write(np.zeros((240, 320, 3), np.uint8))
        tasks = [int(task.name) for task in Path("/proc/self/task").glob("*")]
        assert {os.sched_getscheduler(task) for task in tasks} == {os.SCHED_OTHER}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("live", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str, live: bool) -> None:
    path = write(tmp_path / f"out{suffix}", Format(160, 120, 25, live=live))
    with VideoReader(path) as reader:
        pictures = list(reader)
    assert [seconds for _, seconds in pictures] == pytest.approx([n / 25 for n in range(10)], abs=0.002)
    for number, (image, _) in enumerate(pictures):
        assert cv2.PSNR(image, picture(160, 120, number)) > 28
    assert names(tmp_path) == [path.name]


def test_colours_are_right_for_players_that_honour_the_files_word(tmp_path: Path) -> None:
    colours = [(30, 60, 200), (200, 60, 30), (60, 200, 30), (128, 128, 128)]
    for colour in colours:
        path = tmp_path / "colour.mp4"
        with VideoWriter(path, Format(1280, 720, 25)) as writer:
            writer.write(np.full((720, 1280, 3), colour, np.uint8))
        with VideoReader(path) as reader:
            image, _ = next(iter(reader))
        assert np.abs(image.reshape(-1, 3).mean(0) - colour).max() < 3
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0))
            assert (frame.colorspace, frame.color_range) == (1, 1)


@pytest.mark.parametrize("size", [(321, 241), (320, 241), (1, 1), (33, 17)])
def test_odd_sizes_grow_by_one_pixel_at_most(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write(tmp_path / "odd.mp4", Format(*size, 25, live=False))
    with VideoReader(path) as reader:
        assert reader.format.width - size[0] == size[0] % 2
        assert reader.format.height - size[1] == size[1] % 2
        image, _ = next(iter(reader))
    if min(size) > 16:
        assert cv2.PSNR(image[: size[1], : size[0]], picture(*size)) > 26


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_variable_timing_is_kept(make_clip: MakeClip, tmp_path: Path, suffix: str) -> None:
    original = make_clip(times=[0, 0.033, 0.1, 0.4, 0.41, 1.5, 1.6])
    assert times(convert(original, tmp_path / f"out{suffix}")) == pytest.approx(times(original), abs=0.0011)


def test_times_that_stand_still_or_go_back_do_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, SMALL) as writer:
        for number, seconds in enumerate([0, 0.04, 0.04, 0.02, 0.2]):
            writer.write(picture(160, 120, number), seconds)
    assert times(path) == pytest.approx([0, 0.04, 0.04, 0.04, 0.2], abs=0.001)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_taken_along_bit_by_bit(make_clip: MakeClip, tmp_path: Path, suffix: str) -> None:
    original = make_clip(frames=50, audio="aac")
    kind, packets, length = sound(convert(original, tmp_path / f"out{suffix}"))
    wanted_kind, wanted_packets, wanted_length = sound(original)
    assert kind == wanted_kind == "aac"
    assert packets == wanted_packets
    assert length == pytest.approx(wanted_length, abs=0.03)


def test_sound_is_encoded_anew_where_the_container_does_not_hold_it(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    original = make_clip(frames=50, audio="aac")
    kind, _, length = sound(convert(original, tmp_path / "out.webm"))
    assert kind == "opus"
    assert length == pytest.approx(2, abs=0.1)
    kind, _, length = sound(convert(make_clip("late.ts", frames=50, audio="aac"), tmp_path / "out.mp4"))
    assert kind == "aac"
    assert length == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("audio", ["pcm_s16le", "flac", "libopus", "libmp3lame", "ac3", "wmav2"])
def test_every_common_sound_fits_every_container(
    make_clip: MakeClip, tmp_path: Path, audio: str, suffix: str
) -> None:
    name = "old.wmv" if audio == "wmav2" else "clip.mkv"
    original = make_clip(name, frames=25, audio=audio, size=(64, 48))
    result = convert(original, tmp_path / f"out{suffix}")
    with av.open(str(result)) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
        assert samples / file.streams.audio[0].rate == pytest.approx(1, abs=0.06)
    assert len(times(result)) == 25


def test_sound_and_picture_stay_together_when_the_clock_starts_late(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    original = make_clip("late.ts", frames=50, audio="aac")
    result = convert(original, tmp_path / "out.mp4")

    def apart(path: Path) -> float:
        with av.open(str(path)) as file:
            starts = [
                float(s.start_time * s.time_base) for s in (file.streams.video[0], file.streams.audio[0])
            ]
        return starts[0] - starts[1]

    assert apart(result) == pytest.approx(apart(original), abs=0.03)
    assert times(result)[0] < 0.2


def test_sound_of_an_interrupted_file_ends_with_the_picture(make_clip: MakeClip, tmp_path: Path) -> None:
    result = tmp_path / "out.mp4"

    def interrupted() -> None:
        original = make_clip(frames=100, audio="aac")
        with VideoReader(original) as reader, VideoWriter(result, reader.format, original=reader) as writer:
            for number, (image, seconds) in enumerate(reader):
                writer.write(image, seconds)
                if number == 49:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(times(result)) == 50
    assert sound(result)[2] == pytest.approx(2, abs=0.1)


def test_an_error_leaves_nothing_and_spares_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")

    def failing() -> None:
        with VideoWriter(path, SMALL) as writer:
            writer.write(picture(160, 120))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert path.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.mp4"]


def test_nothing_written_is_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "out.mp4", SMALL).close()
    assert names(tmp_path) == []


def test_closing_twice_and_writing_after(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", SMALL)
    writer.write(picture(160, 120))
    writer.close()
    writer.close()
    writer.discard()
    with pytest.raises(SinkError, match="closed"):
        writer.write(picture(160, 120))
    assert len(times(tmp_path / "out.mp4")) == 1


def test_a_second_writer_does_not_disturb_the_first(tmp_path: Path) -> None:
    first, second = (VideoWriter(tmp_path / "out.mp4", SMALL) for _ in range(2))
    for number in range(5):
        first.write(picture(160, 120, number))
    second.write(picture(160, 120))
    second.close()
    first.close()
    assert len(times(tmp_path / "out.mp4")) == 5
    assert names(tmp_path) == ["out.mp4"]


def test_places_that_cannot_be_written(make_clip: MakeClip, tmp_path: Path) -> None:
    cases = {
        "out.avi": "must end in one of",
        "out": "must end in one of",
        "absent/out.mp4": "there is no folder",
        "a folder.mp4": "is a folder",
    }
    (tmp_path / "a folder.mp4").mkdir()
    for name, reason in cases.items():
        with pytest.raises(SinkUnavailable, match=reason):
            VideoWriter(tmp_path / name, SMALL)
    with pytest.raises(SinkUnavailable, match="nothing can be written into /proc"):
        VideoWriter(Path("/proc/out.mp4"), SMALL)
    original = VideoReader(make_clip("clip.mp4"))
    with original, pytest.raises(SinkUnavailable, match="is the file being read"):
        VideoWriter(tmp_path / "clip.mp4", original.format, original=original)
    assert names(tmp_path) == ["a folder.mp4", "clip.mp4"]


NOISE = """
import sys
from pathlib import Path
import numpy as np
from visard.daemon.errors import SinkError
from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoWriter

noise = np.random.default_rng(0)
writer = VideoWriter(Path(sys.argv[1]), Format(320, 240, 25))
try:
    for number in range(int(sys.argv[2])):
        writer.write(noise.integers(0, 255, (240, 320, 3), np.uint8))
    writer.close()
except SinkError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize("frames", [60, 1])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_file_that_may_not_grow(tmp_path: Path, suffix: str, frames: int) -> None:
    """The limit hits while pictures are written, or only when the file is finished."""
    done = subprocess.run(
        [sys.executable, "-c", NOISE, str(tmp_path / f"out{suffix}"), str(frames)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "")
    assert "cannot be written: File too large" in done.stdout
    assert names(tmp_path) == []


def write_noise(path: Path) -> None:
    noise = np.random.default_rng(0)
    with VideoWriter(path, Format(320, 240, 25)) as writer:
        for _ in range(60):
            writer.write(noise.integers(0, 255, (240, 320, 3), np.uint8))


def test_a_full_disk(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be made by root only")
    try:
        (tmp_path / "out.mp4").write_bytes(b"precious")
        with pytest.raises(SinkError, match="No space left on device"):
            write_noise(tmp_path / "out.mp4")
        assert (tmp_path / "out.mp4").read_bytes() == b"precious"
        assert names(tmp_path) == ["out.mp4"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


ENDLESS = """
import sys
from pathlib import Path
import numpy as np
from visard.daemon.media.frame import Format
from visard.daemon.media.video import VideoWriter

with VideoWriter(Path(sys.argv[1]), Format(160, 120, 25)) as writer:
    number = 0
    while True:
        image = np.full((120, 160, 3), number % 200, np.uint8)
        writer.write(image)
        number += 1
        if number % 50 == 0:
            print(number, flush=True)
"""


def run_until(path: Path, frames: int, stop: signal.Signals) -> int:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        written = 0
        while written < frames:
            written = int(process.stdout.readline())
        process.send_signal(stop)
        process.stdout.read()
        process.wait(20)
    return written


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ctrl_c_leaves_a_playable_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    written = run_until(path, 200, signal.SIGINT)
    assert len(times(path)) >= written
    assert names(tmp_path) == [path.name]
    capture = cv2.VideoCapture(str(path))
    assert capture.read()[0]
    capture.release()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_kill_leaves_all_but_the_end(tmp_path: Path, suffix: str) -> None:
    written = run_until(tmp_path / f"out{suffix}", 300, signal.SIGKILL)
    (part,) = tmp_path.iterdir()
    assert part.name == f"out.part0{suffix}"
    assert len(times(part)) > written - 100


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("audio", [None, "aac"])
def test_a_kill_at_any_moment_leaves_what_plays_or_nothing(
    make_clip: MakeClip, tmp_path: Path, suffix: str, audio: str | None
) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    program = Path(__file__).parent.parent / "killed_writer.py"
    original = [str(make_clip(frames=120, audio=audio))] if audio else []
    told = subprocess.run(
        [sys.executable, str(program), str(folder), suffix, str(len(suffix)), *original],
        check=True,
        capture_output=True,
        text=True,
    )
    assert len(told.stdout.splitlines()) == 12
    left = sorted(folder.iterdir())
    assert left, "some were killed late"
    for path in left:
        assert times(path), f"{path.name}: {told.stdout}"


def test_where_a_file_that_is_there_cannot_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    writer = VideoWriter(tmp_path / "out.mp4", SMALL)
    for number in range(100):
        writer.write(picture(160, 120, number))
    assert len(times(tmp_path / "out.part0.mp4")) > 50
    writer.close()
    assert len(times(tmp_path / "out.mp4")) == 100
    assert names(tmp_path) == ["out.mp4"]


def test_reading_while_it_is_written(tmp_path: Path) -> None:
    """The part file opens at any time, which is what makes a kill harmless."""
    writer = VideoWriter(tmp_path / "out.mp4", SMALL)
    for number in range(200):
        writer.write(picture(160, 120, number))
    assert len(times(tmp_path / "out.part0.mp4")) > 100
    writer.close()
    assert len(times(tmp_path / "out.mp4")) == 200
