"""Files in, files out: every frame, sound and timing kept, nothing lost when it goes wrong."""

import signal
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from fakes import HEIGHT, WIDTH, Mask, Truth, driver_at, face_at, picture, shows_driver, worn
from leftovers import no_thread_left
from PIL import Image as Pillow
from test_upright import on_its_head

from visard.daemon.config.settings import Settings
from visard.daemon.errors import FaceUnusable, SinkError, SinkUnavailable, SourceUnavailable
from visard.daemon.foreground.convert import check, convert, pairs, save
from visard.daemon.foreground.jobs import Reporter, Writing
from visard.daemon.guard.rules import FaceCounts
from visard.daemon.media.video import Part, VideoReader, open_film
from visard.models.errors import PictureUnreadable
from visard.models.face import Sighting

PERSONA = worn()
FRAMES = 24


@pytest.fixture(autouse=True)
def threads():
    yield
    assert no_thread_left()


def film(path: Path, count: int = FRAMES) -> Path:
    """Write numbered pictures with a tone under them; codecs keep colours only roughly, so a stripe tells."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = file.add_stream("aac", rate=48_000)
        sound.layout = "mono"
        for number in range(count):
            image = picture(number)
            image[:16] = 30 + number % 25 * 8
            file.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        file.mux(video.encode(None))
        for start in range(0, int(count / 25 * 48_000), 1024):
            tone = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)[None] * 0.3
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return path


class ByOrder(Truth):
    """A tracker that counts, because a codec blurs the numbers."""

    def __init__(self, blind=()):
        super().__init__()
        self._blind, self._count = set(blind), -1

    def update(self, image, now):
        self._count += 1
        seen = self._count not in self._blind
        return Sighting((face_at(*driver_at(self._count)),) if seen else ())


def run(source, target, persona=PERSONA, progress=lambda *_: None, blind=()):
    reporter = Reporter(progress)
    return convert(source, target, persona, Settings(), reporter, tracking=lambda _: ByOrder(blind))


def read(path):
    with VideoReader(path) as reader:
        return list(reader)


def stripe(image):
    return round((float(image[4:10].mean()) - 27) / 8)


def test_every_frame_with_its_time_and_the_sound(tmp_path):
    source, target = film(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    told = []
    summary = run(source, target, progress=lambda done, total: told.append((done, total)))
    assert (summary.frames, summary.passed, summary.complete) == (FRAMES, FRAMES, True)
    assert summary.faces == FaceCounts(swapped=FRAMES)
    assert told[-1] == (FRAMES, FRAMES)
    before, after = read(source), read(target)
    assert [stripe(image) for image, _ in after] == list(range(FRAMES))
    assert [time for _, time in after] == pytest.approx([time for _, time in before], abs=0.002)
    assert not any(shows_driver(image) for image, _ in after)
    with av.open(str(target)) as file:
        assert [stream.codec_context.name for stream in file.streams.audio] == ["aac"]
        assert sum(frame.samples for frame in file.decode(audio=0)) >= FRAMES / 25 * 48_000 * 0.95
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_frames_without_a_face_are_never_shown_and_are_counted_with_the_reason(tmp_path):
    source, target = film(tmp_path / "in.mp4"), tmp_path / "out.mkv"
    summary = run(source, target, blind=[*range(5), 12])
    assert (summary.frames, summary.passed, summary.held, summary.blurred) == (FRAMES, FRAMES - 6, 1, 5)
    assert summary.faces == FaceCounts(swapped=FRAMES - 6)
    assert summary.reasons == {"no face": 6}
    assert not any(shows_driver(image) for image, _ in read(target))


def test_interrupting_leaves_a_file_that_plays(tmp_path):
    source, target = film(tmp_path / "in.mp4", 200), tmp_path / "out.mp4"
    main = threading.main_thread().ident

    def interrupt(number):
        if number == 40:
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.01)

    calls = iter(range(1000))
    mask = Mask(before=lambda _: interrupt(next(calls)))
    summary = run(source, target, worn(mask))
    assert not summary.complete
    assert 0 < summary.frames < 200
    assert not target.exists()
    assert summary.kept == tmp_path / "out.part0.mp4"
    assert [stripe(image) for image, _ in read(summary.kept)][:20] == list(range(20))


def test_a_fault_leaves_the_old_result_alone(tmp_path):
    source, target = film(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.write_bytes(b"precious")

    def boom(_):
        raise RuntimeError("boom")

    with pytest.raises(Exception, match="boom"):
        convert(source, target, PERSONA, Settings(), tracking=boom)
    assert target.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp"])
def test_a_picture(tmp_path, name):
    save(picture(0), tmp_path / "in.png")
    summary = run(tmp_path / "in.png", tmp_path / name)
    assert (summary.frames, summary.passed) == (1, 1)
    out = cv2.imread(str(tmp_path / name))
    assert out.shape == (HEIGHT, WIDTH, 3)
    assert not shows_driver(out)
    assert abs(int(out[30, 300, 0]) - int(picture(0)[30, 300, 0])) < 6


def test_a_picture_without_a_face_is_refused_and_nothing_is_written(tmp_path):
    save(picture(0), tmp_path / "in.png")
    with pytest.raises(FaceUnusable, match=r"no face in in.png could be swapped \(no face\)"):
        run(tmp_path / "in.png", tmp_path / "out.png", blind=[0])
    assert not (tmp_path / "out.png").exists()


def test_broken_and_missing_input(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"nonsense" * 100)
    (tmp_path / "broken.png").write_bytes(b"nonsense" * 100)
    for name, error in [
        ("broken.mp4", SourceUnavailable),
        ("broken.png", PictureUnreadable),
        ("none.mp4", SourceUnavailable),
    ]:
        with pytest.raises(error):
            run(tmp_path / name, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_out_must_not_be_in(tmp_path):
    source = film(tmp_path / "in.mp4", 2)
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "hard.mp4").hardlink_to(source)
    for target in (source, tmp_path / "link.mp4", tmp_path / "hard.mp4", tmp_path / "." / "in.mp4"):
        with pytest.raises(SinkUnavailable, match="is the file being read"):
            check(source, target)


def test_a_folder_gives_a_pair_for_each_video_and_picture(tmp_path):
    for name in ("a.mp4", "b.avi", "c.JPG", "d.gif", "notes.txt"):
        (tmp_path / name).touch()
    out = tmp_path / "results"
    names = [(start.name, end.relative_to(out).as_posix()) for start, end in pairs(tmp_path, out)]
    assert names == [("a.mp4", "a.mp4"), ("b.avi", "b.avi.mp4"), ("c.JPG", "c.JPG"), ("d.gif", "d.gif.png")]


def test_a_folder_with_nothing_in_it_is_refused(tmp_path):
    with pytest.raises(SourceUnavailable, match="no video and no picture"):
        list(pairs(tmp_path, tmp_path / "out"))


def test_two_files_of_a_folder_never_become_one(tmp_path):
    for name in ("a.avi", "a.mp4", "a.flv"):
        (tmp_path / name).touch()
    targets = [end for _, end in pairs(tmp_path, tmp_path / "out")]
    assert len(set(targets)) == 3


def test_a_folder_as_target_takes_the_name_along(tmp_path):
    assert list(pairs(Path("clip.mp4"), tmp_path)) == [(Path("clip.mp4"), tmp_path / "clip.mp4")]


def test_pictures_that_cannot_be_written(tmp_path):
    with pytest.raises(SinkUnavailable, match="must end in"):
        save(picture(0), tmp_path / "out.mp3")
    with pytest.raises(SinkUnavailable, match="no folder"):
        save(picture(0), tmp_path / "no" / "out.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(SinkError, match="nothing was kept"):
        save(picture(0), tmp_path / "taken.png")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]


class OnItsHead(ByOrder):
    """A tracker of faces whose eyes are below their mouths."""

    def update(self, image, now):
        return Sighting(tuple(map(on_its_head, super().update(image, now).faces)))


def test_a_film_that_is_upside_down_is_noted_with_what_turns_it(tmp_path):
    source = film(tmp_path / "in.mp4", 80)
    noted = convert(source, tmp_path / "out.mp4", PERSONA, Settings(), tracking=lambda _: OnItsHead())
    assert noted.notes == ("the picture is upside down; 'visard convert --rotate 180' turns it",)
    assert run(source, tmp_path / "right.mp4").notes == ()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_films_and_pictures_are_turned(tmp_path, degrees):
    size = (WIDTH, HEIGHT) if degrees % 180 == 0 else (HEIGHT, WIDTH)
    save(picture(0), tmp_path / "in.png")
    for source, target in ((film(tmp_path / "in.mp4", 3), "out.mp4"), (tmp_path / "in.png", "out.png")):
        settings = Settings(rotate=degrees)
        convert(source, tmp_path / target, PERSONA, settings, tracking=lambda _: ByOrder())
    ((film_image, _), *_) = read(tmp_path / "out.mp4")
    for image in (film_image, cv2.imread(str(tmp_path / "out.png"))):
        assert (image.shape[1], image.shape[0]) == size


def test_a_part_by_codec(tmp_path):
    source, target = film(tmp_path / "in.mp4", 50), tmp_path / "out.mkv"
    summary = convert(
        source,
        target,
        PERSONA,
        Settings(),
        tracking=lambda _: ByOrder(),
        writing=Writing(Part(0.8, 1.6), "hevc", 60),
    )
    assert summary.frames == 20
    assert [stripe(image) for image, _ in read(target)] == [n % 25 for n in range(20, 40)]
    with av.open(str(target)) as file:
        assert file.streams.video[0].codec_context.name == "hevc"
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert samples / 48_000 == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("name", "frames"), [("out.gif", 6), ("out.webp", 6), ("out.mp4", 6), ("out.png", 1)]
)
def test_an_animated_picture(tmp_path, name, frames):
    drawn = [Pillow.fromarray(np.ascontiguousarray(picture(n)[:, :, ::-1])) for n in range(6)]
    drawn[0].save(tmp_path / "in.gif", save_all=True, append_images=drawn[1:], duration=[80] * 6, loop=0)
    summary = run(tmp_path / "in.gif", tmp_path / name)
    assert (summary.frames, summary.passed) == (frames, frames)
    if frames > 1:
        with open_film(tmp_path / name) as reader:
            shown = list(reader)
        assert [seconds for _, seconds in shown] == pytest.approx([n * 0.08 for n in range(6)], abs=0.002)
        assert not any(shows_driver(image) for image, _ in shown)


def test_a_folder_keeps_animated_pictures_moving(tmp_path):
    frames = [Pillow.new("RGB", (32, 32), (n * 90, 0, 0)) for n in range(2)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.gif")
    names = [end.name for _, end in pairs(tmp_path, tmp_path / "out")]
    assert names == ["a.gif", "b.gif.png"]
