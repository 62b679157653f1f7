"""Animated pictures in and out: every frame, how long each is shown, and how often all are repeated."""

from pathlib import Path

import av
import numpy as np
import pytest
from media import MakeClip, picture
from PIL import Image as Pillow
from PIL import ImageSequence

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video import Part, VideoReader, VideoWriter, open_film
from visard.daemon.sources import find_source
from visard.models.picture_file import animation, read_picture

TIMES = [100, 40, 200, 50, 1500]
"""Milliseconds."""
KINDS = ["gif", "webp", "png", "avif"]


def animated(path: Path, *, loop: int | None = 0, times: list[int] = TIMES, size=(64, 48)) -> Path:
    """Write pictures of plain colours."""
    frames = [Pillow.new("RGB", size, (40 * n, 200 - 30 * n, 90)) for n in range(len(times))]
    options = (
        {"lossless": True} if path.suffix == ".webp" else {"quality": 100} if path.suffix == ".avif" else {}
    )
    repeats = {} if loop is None or path.suffix == ".avif" else {"loop": loop}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, **options, **repeats)
    return path


def told(path: Path) -> tuple[list[int], int | None]:
    """Return the times of an animated picture, ms, and its repeats, as another reader sees them."""
    with Pillow.open(path) as file:
        frames = []
        for frame in ImageSequence.Iterator(file):
            frame.load()
            frames.append(round(frame.info["duration"]))
        return frames, file.info.get("loop")


def convert(original: Path, result: Path, part: Part | None = None, **how: object) -> Path:
    with (
        open_film(original, part or Part()) as reader,
        VideoWriter(result, reader.format, original=reader, **how) as writer,  # type: ignore[arg-type]
    ):
        for image, seconds in reader:
            writer.write(image, seconds)
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_read_with_its_time(tmp_path: Path, kind: str) -> None:
    with open_film(animated(tmp_path / f"a.{kind}")) as reader:
        frames = list(reader)
        assert reader.length == 5
        assert reader.format.fps == pytest.approx(5 / 1.89, rel=0.01)
    assert [seconds for _, seconds in frames] == pytest.approx([0, 0.1, 0.14, 0.34, 0.39], abs=0.002)
    for number, (image, _) in enumerate(frames):
        assert np.abs(image[20, 30].astype(int) - (90, 200 - 30 * number, 40 * number)).max() <= 6


@pytest.mark.parametrize("into", ["gif", "webp"])
@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
@pytest.mark.parametrize("loop", [0, 3])
def test_times_and_repeats_are_kept(tmp_path: Path, kind: str, into: str, loop: int) -> None:
    result = convert(animated(tmp_path / f"a.{kind}", loop=loop), tmp_path / f"out.{into}")
    assert told(result) == (TIMES, loop)


def test_a_gif_that_is_shown_once_stays_one(tmp_path: Path) -> None:
    original = animated(tmp_path / "a.gif", loop=None)
    assert told(convert(original, tmp_path / "out.gif"))[1] is None
    assert told(convert(original, tmp_path / "out.webp"))[1] == 1


def test_a_part_of_one(tmp_path: Path) -> None:
    result = convert(animated(tmp_path / "a.gif"), tmp_path / "out.gif", Part(0.1, 0.39))
    assert told(result)[0] == [40, 200, 50]
    with pytest.raises(SourceUnavailable, match="from 5 s"):
        open_film(tmp_path / "a.gif", Part(5.0))


@pytest.mark.parametrize("into", ["gif", "webp"])
def test_a_film_becomes_one_that_is_repeated_for_ever(make_clip: MakeClip, tmp_path: Path, into: str) -> None:
    result = convert(make_clip(frames=10, fps=25, audio="aac"), tmp_path / f"out.{into}")
    times, loop = told(result)
    assert (len(times), loop) == (10, 0)
    assert times[:9] == [40] * 9
    with open_film(result) as reader:
        for number, (image, _) in enumerate(reader):
            assert np.abs(image.astype(int) - picture(160, 120, number)).mean() < 8


def test_a_gif_has_fifty_pictures_a_second_at_most(make_clip: MakeClip, tmp_path: Path) -> None:
    result = convert(make_clip(frames=30, times=[n / 100 for n in range(30)]), tmp_path / "out.gif")
    assert told(result)[0][:-1] == [20] * 14


def test_an_odd_size_is_kept_in_a_gif(tmp_path: Path) -> None:
    result = convert(animated(tmp_path / "a.gif", size=(63, 47)), tmp_path / "out.gif")
    assert animation(result) is not None
    assert read_picture(result).shape == (47, 63, 3)


def test_the_quality_of_a_webp(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip(frames=5)
    sizes = [convert(clip, tmp_path / f"{q}.webp", quality=q).stat().st_size for q in (5, 95)]
    assert sizes[0] < sizes[1] * 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_one_becomes_a_film(tmp_path: Path, kind: str) -> None:
    result = convert(animated(tmp_path / f"a.{kind}"), tmp_path / "out.mp4")
    with VideoReader(result) as reader:
        times = [seconds for _, seconds in reader]
    assert times == pytest.approx([0, 0.1, 0.14, 0.34, 0.39], abs=0.002)
    with av.open(str(result)) as file:
        assert file.streams.video[0].codec_context.name == "h264"


def test_frames_that_ask_for_no_time_are_shown_as_browsers_do(tmp_path: Path) -> None:
    with open_film(animated(tmp_path / "a.gif", times=[0, 10, 20])) as reader:
        assert [seconds for _, seconds in reader] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("kind", KINDS)
def test_one_plays_as_a_source(tmp_path: Path, kind: str) -> None:
    path = str(animated(tmp_path / f"a.{kind}"))
    source = find_source(path).open(path, loop=False, paced=False)
    try:
        reds = [int(source.read()[20, 30, 2]) for _ in range(5)]
    finally:
        source.close()
    assert reds == pytest.approx([0, 40, 80, 120, 160], abs=6)


def test_what_does_not_move_is_none(tmp_path: Path) -> None:
    plain = Pillow.new("RGB", (64, 48))
    for name in ("a.gif", "a.png", "a.webp", "a.jpg"):
        plain.save(tmp_path / name)
        assert animation(tmp_path / name) is None
    plain.save(tmp_path / "pages.tif", save_all=True, append_images=[plain])
    plain.save(tmp_path / "gain map.jpg", format="MPO", save_all=True, append_images=[plain])
    assert animation(tmp_path / "pages.tif") is None
    assert animation(tmp_path / "gain map.jpg") is None
    assert animation(tmp_path / "absent.gif") is None


def test_a_cut_off_tail_leaves_what_was_before(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (10, 48, 64, 3)).astype(np.uint8)
    frames = [Pillow.fromarray(one) for one in noise]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: len(data) * 6 // 10])
    with open_film(tmp_path / "a.gif") as reader:
        assert 3 <= len(list(reader)) < 10


def test_nothing_is_written_of_a_webp_without_pictures(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "a.webp", Format(64, 48, 25, live=False)).close()
    assert list(tmp_path.iterdir()) == []
