import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import MakeClip, picture

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.video import VideoReader


def read(path: Path) -> list[tuple[np.ndarray, float]]:
    with VideoReader(path) as reader:
        return list(reader)


def test_pictures_come_as_they_were_drawn(make_clip: MakeClip) -> None:
    pictures = read(make_clip(frames=10, fps=25))
    assert [seconds for _, seconds in pictures] == pytest.approx([n / 25 for n in range(10)])
    for number, (image, _) in enumerate(pictures):
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.flags.writeable
        assert cv2.PSNR(image, picture(160, 120, number)) > 28


def test_the_format_is_the_files(make_clip: MakeClip) -> None:
    with VideoReader(make_clip(size=(320, 240), fps=20, frames=20)) as reader:
        assert (reader.format.width, reader.format.height, reader.format.fps) == (320, 240, 20)
        assert not reader.format.live
        assert reader.length == 20


@pytest.mark.parametrize("size", [(321, 241), (17, 31), (160, 121)])
def test_odd_sizes(make_clip: MakeClip, size: tuple[int, int]) -> None:
    pictures = read(make_clip("odd.mkv", size=size, codec="mjpeg", pix_fmt="yuvj444p"))
    assert len(pictures) == 12
    assert {image.shape for image, _ in pictures} == {(size[1], size[0], 3)}
    assert all(image.flags.c_contiguous for image, _ in pictures)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_the_files_rotation_is_applied_as_players_do(make_clip: MakeClip, rotation: int) -> None:
    path = make_clip(size=(160, 120), rotation=rotation)
    with VideoReader(path) as reader:
        image, _ = next(iter(reader))
        wide = rotation == 180
        assert (reader.format.width, reader.format.height) == ((160, 120) if wide else (120, 160))
    assert cv2.PSNR(image, np.rot90(picture(160, 120), rotation // 90)) > 28
    capture = cv2.VideoCapture(str(path))  # an independent player
    good, other = capture.read()
    capture.release()
    assert good
    assert cv2.PSNR(image, other) > 35


def test_a_variable_rate_keeps_its_times(make_clip: MakeClip) -> None:
    times = [0, 0.033, 0.1, 0.4, 0.41, 1.5, 1.6]
    pictures = read(make_clip(times=times))
    assert [seconds for _, seconds in pictures] == pytest.approx(times, abs=0.0011)


def test_a_clock_that_starts_late_is_set_to_zero(make_clip: MakeClip) -> None:
    pictures = read(make_clip("late.ts", times=[n / 25 for n in range(50, 60)]))
    assert pictures[0][1] == pytest.approx(0, abs=0.1)
    assert pictures[-1][1] - pictures[0][1] == pytest.approx(9 / 25, abs=0.001)


@pytest.mark.parametrize("name", ["a.mkv", "a.mov", "a.avi", "a.ts"])
def test_other_containers(make_clip: MakeClip, name: str) -> None:
    assert len(read(make_clip(name))) == 12


def test_grey_and_ten_bit_video(make_clip: MakeClip) -> None:
    for name, pix_fmt in (("grey.mkv", "gray"), ("deep.mkv", "yuv420p10le")):
        pictures = read(make_clip(name, pix_fmt=pix_fmt))
        assert pictures[0][0].shape == (120, 160, 3)
        assert len(pictures) == 12


def test_a_cut_off_tail_leaves_what_was_before(make_clip: MakeClip) -> None:
    whole = make_clip("whole.mkv", frames=60, size=(320, 240)).read_bytes()
    cut = make_clip("cut.mkv")
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    assert 10 < len(read(cut)) < 60


def test_damage_in_the_middle_is_passed_over(make_clip: MakeClip) -> None:
    path = make_clip("scratched.mp4", frames=60, size=(320, 240))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = os.urandom(400)
    path.write_bytes(data)
    assert len(read(path)) > 20


def broken_files(folder: Path, clip: Path) -> dict[str, Path]:
    noise = np.random.default_rng(1).bytes(5000)
    whole = clip.read_bytes()
    contents = {
        "noise.mp4": noise,
        "empty.mp4": b"",
        "text.mp4": b"this is no video\n" * 50,
        "headless.mp4": whole[len(whole) // 2 :],
        "head only.mp4": whole[:200],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def test_broken_files_give_one_clear_error(make_clip: MakeClip, tmp_path: Path) -> None:
    for name, path in broken_files(tmp_path, make_clip(frames=30)).items():
        with pytest.raises(SourceUnavailable, match=name):
            VideoReader(path)


def test_a_video_without_pictures(make_clip: MakeClip) -> None:
    path = make_clip("none.mp4", audio="aac", frames=25)
    data = path.read_bytes()
    start = data.index(b"stsz")  # the video's table of sample sizes: say that there are none
    count = struct.unpack(">I", data[start + 12 : start + 16])[0]
    assert count == 25
    path.write_bytes(data.replace(data[start : start + 16], data[start : start + 12] + bytes(4), 1))
    with pytest.raises(SourceUnavailable, match=r"none\.mp4"):
        VideoReader(path)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av
    from media import _add_tone

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        _add_tone(output, output.add_stream("aac", rate=48_000), 0.5)
    with pytest.raises(SourceUnavailable, match="no video"):
        VideoReader(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="there is no file at"):
        VideoReader(tmp_path / "absent.mp4")
    with pytest.raises(SourceUnavailable, match="is a folder"):
        VideoReader(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(SourceUnavailable, match="there is no file"):
        VideoReader(tmp_path / "pipe.mp4")


def test_a_playlist_cannot_reach_the_network(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceUnavailable):
        VideoReader(path)
