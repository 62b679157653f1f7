import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import MakeClip, picture
from PIL import Image as Pillow

from visard.daemon.errors import SourceEnded, SourceError, SourceLost, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Source
from visard.daemon.sources import demo as demo_module
from visard.daemon.sources import find_source
from visard.daemon.sources.demo import DemoKind


def open_source(spec: object, **options: object) -> Source:
    return find_source(str(spec)).open(str(spec), **options)  # type: ignore[arg-type]


def drain(source: Source) -> list[np.ndarray]:
    pictures = []
    while True:
        try:
            pictures.append(source.read())
        except SourceEnded:
            return pictures


# Which kind a word names.


def test_a_missing_path_is_answered_as_a_path(tmp_path: Path) -> None:
    for name in ("absent.mp4", "absent.jpg", "absent.xyz", "deep/er/absent"):
        with pytest.raises(SourceUnavailable, match="there is no file at"):
            open_source(tmp_path / name)


def test_a_word_that_means_nothing_lists_the_kinds() -> None:
    with pytest.raises(SourceUnavailable, match=r"camera: .*demo: .*picture: .*video: "):
        find_source("nonsense")


def test_words_win_over_files_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "camera").mkdir()
    assert find_source("demo").name == "demo"
    assert find_source("camera").name == "camera"
    assert find_source("./demo").name == "picture"
    assert find_source("/dev/video0").name == "camera"


# Video files.


def test_a_video_is_played_at_its_own_pace(make_clip: MakeClip) -> None:
    source = open_source(make_clip(frames=10, fps=20), loop=False)
    assert source.format == Format(160, 120, 20, live=True)
    began = time.perf_counter()
    assert len(drain(source)) == 10
    assert time.perf_counter() - began >= 9 / 20 - 0.01  # never early; how late is not a test's business


def test_unpaced_gives_every_picture_in_order(make_clip: MakeClip) -> None:
    source = open_source(make_clip(frames=30), loop=False, paced=False)
    assert not source.format.live
    for number, image in enumerate(pictures := drain(source)):
        assert cv2.PSNR(image, picture(160, 120, number)) > 28
    assert len(pictures) == 30
    with pytest.raises(SourceEnded):
        source.read()


def test_a_looped_video_begins_again_and_its_clock_goes_on(make_clip: MakeClip) -> None:
    source = open_source(make_clip(frames=10, fps=25), paced=False)
    positions = []
    for number in range(35):
        assert cv2.PSNR(source.read(), picture(160, 120, number % 10)) > 28
        positions.append(source.position)  # type: ignore[attr-defined]
    source.close()
    assert positions == pytest.approx([n / 25 for n in range(35)], abs=0.001)


def test_pictures_belong_to_the_caller(make_clip: MakeClip) -> None:
    source = open_source(make_clip(), paced=False)
    first = source.read()
    before = first.copy()
    first[:] = 0
    second = source.read()
    assert not np.shares_memory(first, second)
    assert before.any()
    source.close()


def test_a_video_that_is_removed_while_it_loops_is_lost(make_clip: MakeClip) -> None:
    path = make_clip(frames=5)
    source = open_source(path, paced=False)
    source.read()
    path.unlink()
    with pytest.raises(SourceLost, match="there is no file at"):
        drain(source)
    source.close()


def test_a_reader_that_comes_back_late_is_not_flooded(make_clip: MakeClip) -> None:
    source = open_source(make_clip(frames=60, fps=30))
    source.read()
    time.sleep(1.5)
    source.read()
    began = time.perf_counter()
    for _ in range(6):
        source.read()
    assert time.perf_counter() - began >= 4 / 30
    source.close()


def test_close_wakes_a_waiting_reader(make_clip: MakeClip) -> None:
    source = open_source(make_clip(times=[0, 60, 61]))
    source.read()
    woken: list[Exception] = []

    def wait() -> None:
        try:
            source.read()
        except SourceError as error:
            woken.append(error)

    reader = threading.Thread(target=wait)
    reader.start()
    time.sleep(0.1)
    source.close()
    reader.join(20)
    assert not reader.is_alive()
    assert isinstance(woken[0], SourceEnded)


def test_broken_videos_are_refused_when_opened(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(4000))
    (tmp_path / "empty.mp4").touch()
    for name in ("noise.mp4", "empty.mp4"):
        with pytest.raises(SourceUnavailable, match=name):
            open_source(tmp_path / name)


# Pictures.


def save(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    Pillow.fromarray(array, mode).save(path, **options)
    return path


def only(path: Path) -> np.ndarray:
    source = open_source(path, paced=False)
    image = source.read()
    source.close()
    assert image.shape == (source.format.height, source.format.width, 3)
    assert image.dtype == np.uint8
    return image


def test_a_picture_is_shown_in_its_own_size_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), picture(321, 241))
    source = open_source(path, paced=False)
    assert (source.format.width, source.format.height, source.format.fps) == (321, 241, 30)
    for _ in range(200):
        image = source.read()
        assert np.array_equal(image, picture(321, 241))
        image[:] = 0
    source.close()


def test_without_a_loop_a_picture_is_three_seconds(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), picture(64, 48))
    assert len(drain(open_source(tmp_path / "a.png", loop=False, paced=False))) == 90


def test_grey_alpha_and_deep_pictures(tmp_path: Path) -> None:
    grey = np.tile(np.arange(0, 240, 4, np.uint8), (40, 1))
    assert np.array_equal(only(save(tmp_path / "grey.png", grey)), np.dstack([grey] * 3))
    deep = save(tmp_path / "deep.png", grey.astype(np.uint16) * 256)
    assert np.array_equal(only(deep), np.dstack([grey] * 3))
    rgba = np.dstack([grey, grey, grey, np.where(grey > 100, 255, 0).astype(np.uint8)])
    seen = only(save(tmp_path / "alpha.png", rgba))
    assert np.array_equal(seen[grey > 100], np.dstack([grey] * 3)[grey > 100])
    assert len(np.unique(seen[grey <= 100])) == 1


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right of what is stored
    stored = np.rot90(picture(160, 120))[:, :, ::-1]
    path = save(tmp_path / "turned.jpg", np.ascontiguousarray(stored), exif=exif, quality=95)
    assert cv2.PSNR(only(path), picture(160, 120)) > 28


def test_a_large_photo_is_scaled_down(tmp_path: Path) -> None:
    assert only(save(tmp_path / "large.png", np.zeros((3000, 4000), np.uint8))).shape == (1440, 1920, 3)


def test_bombs_and_broken_pictures_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "bomb.png", np.zeros((11_000, 10_000), np.uint8))
    (tmp_path / "noise.jpg").write_bytes(np.random.default_rng(0).bytes(4000))
    (tmp_path / "empty.png").touch()
    for name in ("bomb.png", "noise.jpg", "empty.png"):
        with pytest.raises(SourceUnavailable, match=name):
            open_source(tmp_path / name)


def test_a_folder_is_a_slide_show_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("no picture")
    for name, colour, size in (("c.png", 200, (90, 30)), ("a.png", 100, (180, 60))):
        cv2.imwrite(str(tmp_path / name), np.full((*size, 3), colour, np.uint8))
    pictures = drain(open_source(tmp_path, wanted=Format(160, 90, 10), loop=False, paced=False))
    assert len(pictures) == 60
    assert {image.shape for image in pictures} == {(90, 160, 3)}
    assert [int(image[45, 80, 0]) for image in pictures] == [100] * 30 + [200] * 30
    assert [int(image[45, 2, 0]) for image in pictures] == [0] * 60  # centred on black, not stretched


def test_folders_without_a_picture_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="there is no picture in"):
        open_source(tmp_path)
    (tmp_path / "b.jpg").write_bytes(b"broken")
    with pytest.raises(SourceUnavailable, match=r"b\.jpg"):
        open_source(tmp_path)


# The demo.


def test_a_missing_demo_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="demo clip is not part"):
        DemoKind(tmp_path / "absent.mp4").open("demo")


def test_the_demo_plays_its_clip(make_clip: MakeClip) -> None:
    source = DemoKind(make_clip(frames=5)).open("demo", loop=False, paced=False)
    assert len(drain(source)) == 5


@pytest.mark.skipif(not demo_module.CLIP.is_file(), reason="the demo clip has not been made yet")
def test_the_shipped_demo_is_a_person_in_a_usual_format() -> None:
    source = open_source("demo", loop=False, paced=False)
    assert 480 <= source.format.height <= 1080
    assert 24 <= source.format.fps <= 60
    assert len(drain(source)) >= 3 * source.format.fps
