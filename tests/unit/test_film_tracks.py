"""Sound, subtitles, languages and chapters on their way into another file, whole and in part."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.subtitles.subtitle import SubtitleSet
from media import picture

from visard.daemon.media.video import Part, VideoReader, VideoWriter, open_film

SUFFIXES = [".mp4", ".mov", ".mkv", ".webm"]
Lines = list[tuple[float, float, str]]
LINES: Lines = [(1.0, 2.0, "Grüß Gott"), (4.0, 6.0, "Second line"), (8.0, 9.5, "The end")]
MS = Fraction(1, 1000)
HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def film(
    path: Path,
    subtitles: str = "subrip",
    audio: str = "aac",
    seconds: int = 10,
    said: Lines = LINES,
    fps: int = 10,
) -> Path:
    """Write a film with two languages to hear, two to read, and three chapters."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=fps, options={"g": "20", "bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [output.add_stream(audio, rate=48_000) for _ in range(2)]
        texts = [output.add_stream(subtitles) for _ in range(2)]
        for sound in sounds:
            sound.layout = "mono"
        for text in texts:
            text.codec_context.subtitle_header = HEADER
            text.codec_context.time_base = MS
        for stream, language, title in zip(
            (*sounds, *texts),
            ("deu", "fra", "eng", "jpn"),
            ("Ton", "Commentaire", "English", ""),
            strict=True,
        ):
            stream.metadata.update({"language": language} | ({"title": title} if title else {}))
        sounds[1].disposition = av.stream.Disposition.comment
        output.metadata.update({"title": "Holiday", "location": "+48.1+011.5/", "artist": "Nobody"})
        output.set_chapters(
            [
                {
                    "id": n,
                    "start": n * 4,
                    "end": (n + 1) * 4,
                    "time_base": Fraction(1),
                    "metadata": {"title": f"Part {n}"},
                }
                for n in range(3)
            ]
        )
        output.start_encoding()
        for number in range(seconds * fps):
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture(64, 48, number), format="bgr24")))
        output.mux(video.encode(None))
        for stream, pitch in zip(sounds, (440, 880), strict=True):
            _tone(output, stream, pitch, seconds)
        for stream in texts:
            for begin, end, words in said:
                packet = stream.codec_context.encode_subtitle(
                    SubtitleSet.create(
                        f"0,0,Default,,0,0,0,,{words}".encode(), 0, round((end - begin) * 1000)
                    )
                )
                packet.time_base, packet.stream = MS, stream
                packet.pts = packet.dts = round(begin * 1000)
                packet.duration = round((end - begin) * 1000)
                output.mux(packet)
    return path


def _tone(output, stream, pitch: int, seconds: int) -> None:
    wave = np.sin(np.arange(seconds * 48_000) * 2 * np.pi * pitch / 48_000).astype(np.float32) * 0.3
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def convert(original: Path, result: Path, part: Part | None = None) -> VideoWriter:
    with (
        open_film(original, part or Part()) as reader,
        VideoWriter(result, reader.format, original=reader) as writer,
    ):
        for image, seconds in reader:
            writer.write(image, seconds)
    return writer


def lines(path: Path, number: int = 0) -> list[tuple[float, float, str]]:
    """Return what is read, from when to when, in one track of subtitles."""
    found = []
    with av.open(str(path)) as file:
        for packet in file.demux(file.streams.subtitles[number]):
            if packet.dts is None:
                continue
            shown = packet.stream.codec_context.decode2(packet)
            for one in shown or ():
                begin = float(packet.pts * packet.time_base)
                words = one.ass.decode().split(",", 8)[-1]
                found.append((begin, begin + float(packet.duration * packet.time_base), words))
    return found


def pitch(path: Path, number: int) -> tuple[float, float]:
    """Return the pitch of a sound track, Hz, and its length in seconds."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[number]
        wave = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(stream)])
        rate = stream.rate
    spectrum = np.abs(np.fft.rfft(wave[rate // 2 : rate * 3 // 2]))
    return float(spectrum.argmax()), len(wave) / rate


def same(found: list[tuple[float, float, str]], wanted: list[tuple[float, float, str]]) -> bool:
    return [words for *_, words in found] == [words for *_, words in wanted] and [
        time for *times, _ in found for time in times
    ] == pytest.approx([time for *times, _ in wanted for time in times], abs=0.03)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "original.mkv")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_languages_titles_and_chapters_are_kept(original: Path, tmp_path: Path, suffix: str) -> None:
    result = tmp_path / f"out{suffix}"
    convert(original, result)
    with av.open(str(result)) as file:
        kinds = [stream.type for stream in file.streams if stream.type != "data"]
        told = [stream.language for stream in (*file.streams.audio, *file.streams.subtitles)]
        titles = [s.metadata.get("title") or s.metadata.get("name") for s in file.streams.audio]
        chapters = file.chapters()
        assert kinds == ["video", "audio", "audio", "subtitle", "subtitle"]
        assert told == ["ger" if suffix == ".mov" else "deu", "fra", "eng", "jpn"]
        assert titles == ["Ton", "Commentaire"]
        names = [chapter["metadata"]["title"] for chapter in chapters]
        starts = [float(chapter["start"] * chapter["time_base"]) for chapter in chapters]
        assert names == ["Part 0", "Part 1", "Part 2"]
        assert starts == pytest.approx([0, 4, 8])
        assert file.metadata.get("title", file.metadata.get("TITLE")) == "Holiday"
        assert not [key for key in file.metadata if "location" in key.lower()], "nor where it was taken"
    assert pitch(result, 0)[0] == pytest.approx(440, abs=3)
    assert pitch(result, 1)[0] == pytest.approx(880, abs=3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_subtitles_become_what_the_container_holds(original: Path, tmp_path: Path, suffix: str) -> None:
    result = tmp_path / f"out{suffix}"
    convert(original, result)
    kind = {".mkv": "subrip", ".webm": "webvtt"}.get(suffix, "mov_text")
    with av.open(str(result)) as file:
        assert {s.codec_context.codec.canonical_name for s in file.streams.subtitles} == {kind}
    assert same(lines(result, 0), LINES)
    assert same(lines(result, 1), LINES)


@pytest.mark.parametrize(("suffix", "subtitles"), [(".mp4", "mov_text"), (".mkv", "ass"), (".mkv", "subrip")])
@pytest.mark.parametrize("into", [".mp4", ".mkv", ".webm"])
def test_every_kind_of_text_into_every_container(
    tmp_path: Path, suffix: str, subtitles: str, into: str
) -> None:
    convert(film(tmp_path / f"in{suffix}", subtitles), tmp_path / f"out{into}")
    assert same(lines(tmp_path / f"out{into}"), LINES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_part_has_its_sound_subtitles_and_chapters(original: Path, tmp_path: Path, suffix: str) -> None:
    result = tmp_path / f"out{suffix}"
    convert(original, result, Part(5.0, 9.0))
    with VideoReader(result) as reader:
        assert [seconds for _, seconds in reader] == pytest.approx([n / 10 for n in range(40)], abs=0.002)
    assert same(lines(result), [(0, 1, "Second line"), (3, 4, "The end")])
    height, length = pitch(result, 1)
    assert height == pytest.approx(880, abs=3)
    assert length == pytest.approx(4, abs=0.06)
    with av.open(str(result)) as file:
        times = [
            float(chapter[side] * chapter["time_base"])
            for chapter in file.chapters()
            for side in ("start", "end")
        ]
    assert times == pytest.approx([0, 3, 3, 4], abs=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    "said",
    [
        [(0.503, 1.503, "a"), (2.003, 3.003, "b")],
        [(0.0, 0.5, "a"), (0.5, 1.0, "b"), (1.0, 3.9, "c")],
        [(0.2, 2.0, "a"), (1.0, 3.0, "b"), (1.0, 1.5, "c"), (3.2, 3.3, "d")],
    ],
    ids=["gaps", "one after the other", "at once"],
)
def test_lines_of_any_timing_do_not_end_the_program(tmp_path: Path, suffix: str, said: Lines) -> None:
    original = film(tmp_path / "in.mkv", audio="libopus", seconds=4, said=said, fps=30)
    for part in (Part(), Part(1.0, 3.0)):
        convert(original, tmp_path / f"out{suffix}", part)
        kept = [words for begin, end, words in said if end > part.start + 0.001 and begin < part.end]
        assert [words for *_, words in lines(tmp_path / f"out{suffix}")] == kept


def test_sound_and_pictures_of_a_part_stay_together(tmp_path: Path) -> None:
    """A click and a flash at the same moment are at the same moment afterwards."""
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"g": "10"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("aac", rate=48_000)
        sound.layout = "mono"
        for number in range(250):
            grey = np.full((48, 64, 3), 255 if number == 200 else 0, np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
        output.mux(video.encode(None))
        wave = np.zeros(480_000, np.float32)
        wave[8 * 48_000 : 8 * 48_000 + 1920] = 0.8 * np.sin(np.arange(1920) / 5)
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    result = tmp_path / "out.mp4"
    convert(path, result, Part(6.5))
    with VideoReader(result) as reader:
        flash = next(seconds for image, seconds in reader if image.mean() > 128)
    with av.open(str(result)) as file:
        click = next(
            float(frame.pts * frame.time_base) + np.abs(frame.to_ndarray()[0]).argmax() / 48_000
            for frame in file.decode(audio=0)
            if np.abs(frame.to_ndarray()).max() > 0.4
        )
    assert flash == pytest.approx(1.5, abs=0.01)
    assert click == pytest.approx(flash, abs=0.05)


def test_subtitles_that_are_pictures_are_said_to_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        output.add_mux_stream("dvdsub", time_base=MS)
        output.start_encoding()
        for number in range(5):
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture(64, 48, number), format="bgr24")))
        output.mux(video.encode(None))
    assert "1 track of subtitles is left out" in convert(path, tmp_path / "out.mp4").notes[0]
    assert convert(path, tmp_path / "out.mkv").notes == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_subtitle_far_away_holds_no_picture_back(tmp_path: Path, suffix: str) -> None:
    """What is written so far plays, which is what makes a kill harmless."""
    said = [(1.0, 2.0, "soon"), (18.0, 19.0, "late")]
    original = film(tmp_path / "in.mkv", seconds=20, said=said)
    with (
        VideoReader(original) as reader,
        VideoWriter(tmp_path / f"out{suffix}", reader.format, original=reader) as writer,
    ):
        for number, (image, seconds) in enumerate(reader):
            writer.write(image, seconds)
            if number == 149:
                with VideoReader(tmp_path / f"out.part0{suffix}") as part:
                    assert len(list(part)) > 80
                assert [words for *_, words in lines(tmp_path / f"out.part0{suffix}")] == ["soon"]
