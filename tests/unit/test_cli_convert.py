"""``visard convert``: which part of a film, how it is encoded, and what is there already."""

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media import MakeClip
from PIL import Image
from test_cli import Call, call

from visard.daemon.cli.options import Time
from visard.daemon.foreground import convert as conversion
from visard.daemon.foreground.jobs import Summary, Writing

__all__ = ["call"]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, Writing]]:
    """Note what would be converted, and convert nothing."""
    noted: list[tuple[Path, Path, Writing]] = []

    def note(one: Path, into: Path, *_: object, writing: Writing, **__: object) -> Summary:
        noted.append((one, into, writing))
        into.write_bytes(b"new")
        return Summary(into)

    monkeypatch.setattr(conversion, "convert", note)
    return noted


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("12.5", 12.5),
        ("1:30", 90),
        ("01:02:03.250", 3723.25),
        ("00:00:05", 5),
        ("100:00:00", 360000),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert Time().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "abc", "1:75", "1:60:00", "-3", "1:2:3:4", "1:", ":30", "5s", "1e3"])
def test_what_is_no_time(call: Call, done: list[Any], text: str) -> None:
    status, _, err = call("convert", "a.mp4", "b.mp4", f"--start={text}")
    assert status == 2
    assert "is no time; write seconds or [HH:]MM:SS[.mmm]" in err


def test_part_codec_and_quality_reach_the_conversion(
    call: Call, done: list[Any], make_clip: MakeClip, tmp_path: Path
) -> None:
    clip, out = make_clip(), tmp_path / "out.mkv"
    choice = ("--start", "0:01", "--end", "2.5", "--codec", "hevc", "--quality", "70")
    status, _, err = call("convert", str(clip), str(out), *choice)
    assert (status, err) == (0, "")
    ((_, _, writing),) = done
    assert (writing.part.start, writing.part.end, writing.codec, writing.quality) == (1, 2.5, "hevc", 70)


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("clip.mp4", "out.webm", "--codec", "h264"), 1, r"ends in .webm takes vp9 or av1, not h264"),
        (("clip.mp4", "out.mov", "--codec", "vp9"), 1, r"ends in .mov takes h264 or hevc, not vp9"),
        (("clip.mp4", "out.gif", "--codec", "h264"), 1, r"ends in .gif takes gif, not h264"),
        (("clip.mp4", "out.avi"), 1, "must end in one of .mp4, .mov, .mkv, .webm, .gif, .webp"),
        (("clip.mp4", "out.mp4", "--codec", "divx"), 2, "'divx' is not one of"),
        (("clip.mp4", "out.mp4", "--quality", "101"), 2, "not in the range"),
        (("clip.mp4", "out.mp4", "--start", "3", "--end", "2"), 1, "from 3 s to 2 s is nothing"),
        (("photo.png", "out.png", "--start", "3"), 2, "becomes a picture; --start, --end, --codec and"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_prepared(
    call: Call, done: list[Any], make_clip: MakeClip, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int, reason: str,
) -> None:  # fmt: skip
    make_clip()
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("visard.daemon.personas.prepare.prepare", lambda *_, **__: pytest.fail("prepared"))
    found, _, err = call("convert", *arguments)
    assert found == status
    assert reason in err
    assert not done


def test_what_is_there_is_not_replaced_unasked(
    call: Call, done: list[Any], make_clip: MakeClip, tmp_path: Path
) -> None:
    clip, out = str(make_clip()), tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    status, _, err = call("convert", clip, str(out))
    assert (status, out.read_bytes(), done) == (1, b"precious", [])
    assert err == f"visard: {out} is there already; say --overwrite, or choose another name\n"
    status, told, _ = call("convert", clip, str(out), "--json")
    assert status == 1
    assert json.loads(told)["error"]["code"] == "sink-unavailable"
    for flag in ("-y", "--overwrite"):
        out.write_bytes(b"precious")
        assert call("convert", clip, str(out), flag)[0] == 0
        assert out.read_bytes() == b"new"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, b"new"), ("n\n", 130, b"precious")])
def test_at_a_terminal_it_is_asked(
    call: Call, done: list[Any], make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    answer: str, status: int, left: bytes,
) -> None:  # fmt: skip
    clip, out = str(make_clip()), tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    found, _, err = call("convert", clip, str(out))
    assert "is there already. Replace it?" in err
    assert (found, out.read_bytes()) == (status, left)


def test_in_a_folder_results_that_are_there_stay_and_are_counted(
    call: Call, done: list[Any], make_clip: MakeClip, tmp_path: Path
) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_clip(f"clips/{name}", frames=2)
    out = tmp_path / "done"
    out.mkdir()
    (out / "b.mp4").write_bytes(b"precious")
    status, told, err = call("convert", str(tmp_path / "clips"), str(out), "--json")
    assert (status, err) == (0, "1 of 3 results are there already and stay; --overwrite replaces them\n")
    assert [Path(each["target"]).name for each in json.loads(told)] == ["a.mp4", "c.mp4"]
    assert (out / "b.mp4").read_bytes() == b"precious"
    status, told, err = call("convert", str(tmp_path / "clips"), str(out), "--json")
    assert (status, json.loads(told)) == (0, [])
    assert err.startswith("3 of 3 results")
    assert call("convert", str(tmp_path / "clips"), str(out), "-y")[::2] == (0, "")
    assert (out / "b.mp4").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("codec", "suffix", "tag"),
    [("h264", ".mp4", "avc1"), ("hevc", ".mp4", "hvc1"), ("av1", ".mp4", "av01"), ("vp9", ".mkv", None),
     ("av1", ".webm", None), ("hevc", ".mov", "hvc1")],
)  # fmt: skip
def test_codecs(make_clip: MakeClip, tmp_path: Path, codec: str, suffix: str, tag: str | None) -> None:
    from visard.daemon.media.video import VideoReader, VideoWriter

    sizes = []
    for quality in (10, 90):
        out = tmp_path / f"{quality}{suffix}"
        with (
            VideoReader(make_clip(frames=25, size=(320, 240))) as reader,
            VideoWriter(out, reader.format, original=reader, codec=codec, quality=quality) as writer,
        ):
            for image, seconds in reader:
                writer.write(
                    image + np.random.default_rng(1).integers(0, 30, image.shape).astype(np.uint8), seconds
                )
        sizes.append(out.stat().st_size)
        with VideoReader(out) as reader:
            assert [seconds for _, seconds in reader] == pytest.approx([n / 25 for n in range(25)], abs=0.002)
        with av.open(str(out)) as file:
            context = file.streams.video[0].codec_context
            assert context.codec.canonical_name == codec
            assert tag is None or context.codec_tag == tag
    assert sizes[0] < sizes[1] / 2
