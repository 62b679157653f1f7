"""The virtual camera on a real kernel: Visard writes, v4l2-ctl, ffmpeg and Chromium read.

Set VISARD_VM=1 to run it: as root on x86-64 Debian it installs what it needs and boots a machine under QEMU.
"""

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from vm.judge import difference, has_face, middle_of_the_face, read
from vm.pattern import Image, pattern

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.timeout(3600)]

CONSUMERS = ("v4l2_ctl", "ffmpeg", "chromium")


@pytest.fixture(scope="module")
def guest(play: Callable[..., Path], repository: Path) -> Path:
    """The folder of pictures and findings after one run of the whole scenario."""

    def fill(job: Path) -> None:
        (job / "out").mkdir()
        make_clip(repository, job / "clip.mp4")

    return play("scenario.py", limit=2400, out="/vm/job/out", fill=fill) / "out"


def make_clip(repository: Path, target: Path) -> None:
    """Write a second of a face on a wide plain ground, small enough for a slow machine."""
    shared = repository.parent / "shared/data/clips/d0.mp4"
    source = shared if shared.is_file() else repository / "daemon/visard/daemon/sources/demo.mp4"
    reader = cv2.VideoCapture(str(source))
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 240))
    for _ in range(10):
        there, image = reader.read()
        assert there, source
        small = cv2.resize(image, (240, 240), interpolation=cv2.INTER_AREA)
        writer.write(cv2.copyMakeBorder(small, 0, 0, 40, 40, cv2.BORDER_REPLICATE))
    writer.release()


def frames(path: Path) -> Iterator[Image]:
    reader = cv2.VideoCapture(str(path))
    while (picture := reader.read()[1]) is not None:
        yield picture.astype(np.uint8)


def found(guest: Path, act: str) -> dict[str, Any]:
    result = json.loads((guest / "acts.json").read_text())[act]
    assert "error" not in result, result["error"]
    return dict(result)


def taken(guest: Path, act: str, consumer: str) -> Image:
    return read(guest / f"{act}-{consumer}.png")


def test_set_up_makes_a_camera_of_our_name(guest: Path) -> None:
    set_up = found(guest, "set_up")
    assert "/dev/video60 Visard Camera" in set_up["devices"]
    assert "load the driver" in set_up["installed"]
    assert all(line.endswith(": already there") for line in set_up["again"].splitlines())


def test_without_the_cure_the_second_start_fails(guest: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    version = found(guest, "set_up")["version"]
    if not version.startswith("0.12"):
        pytest.skip(f"v4l2loopback {version} does not have the fault")
    left = found(guest, "without_cure")
    assert not left["outputs"]
    assert left["second_start"] != 0
    assert "not a video output device" in left["said"]


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize(
    ("act", "session", "size"),
    [("first", 1, (320, 240)), ("second", 2, (320, 240)), ("after_kill", 4, (640, 480))],
)
def test_consumers_see_what_was_sent(
    guest: Path, act: str, session: int, size: tuple[int, int], consumer: str
) -> None:
    found(guest, act)
    seen = taken(guest, act, consumer)
    assert difference(seen, pattern(session, *size)) < 4
    assert difference(seen, pattern(session - 1, *size)) > 40


@pytest.mark.parametrize("consumer", CONSUMERS[:2])
def test_odd_sizes_lose_their_last_row_and_column(guest: Path, consumer: str) -> None:
    found(guest, "odd_size")
    assert difference(taken(guest, "odd_size", consumer), pattern(5, 321, 241)[:240, :320]) < 4


@pytest.mark.parametrize("act", ["first", "second", "after_kill", "odd_size", "webcam"])
def test_device_is_left_able_to_take_the_next_writer(guest: Path, act: str) -> None:
    assert found(guest, act)["outputs"]


def test_a_second_writer_is_refused_and_told_who_is_there(guest: Path) -> None:
    assert "already written to by python" in found(guest, "first")["intruder"]


def test_another_size_is_refused_while_somebody_watches(guest: Path) -> None:
    said = found(guest, "first")["resized"]
    assert "YU12:320x240 by v4l2-ctl" in said
    assert "640x480" in said


def test_a_vanished_device_is_an_error(guest: Path) -> None:
    assert "/dev/video60) has gone" in found(guest, "vanished")["said"]


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_webcam_reaches_consumers(guest: Path, consumer: str) -> None:
    """vivid was told to be all red."""
    found(guest, "webcam")
    blue, green, red = taken(guest, "webcam", consumer).reshape(-1, 3).mean(0)
    assert red > 225
    assert blue < 20
    assert green < 20


RUNS = ("run_first", "run_second", "run_after_kill")


@pytest.mark.parametrize(
    ("act", "consumer"),
    [*product(RUNS[:2], CONSUMERS), *product(RUNS[2:], CONSUMERS[:2])],
)
def test_run_sends_another_face_and_consumers_see_it(guest: Path, act: str, consumer: str) -> None:
    found(guest, act)
    seen = taken(guest, act, consumer)
    nearest = min(difference(seen, sent) for sent in frames(guest / f"{act}.mkv"))
    assert nearest < 3, "not what was sent"
    driver = min(frames(guest.with_name("clip.mp4")), key=lambda real: difference(seen, real))
    face = middle_of_the_face(driver)
    assert difference(seen[:40], driver[:40]) < 8, "the scene is the driver's"
    assert difference(seen[face], driver[face]) > 12, "the driver's own face went out"
    assert has_face(seen), "there is no face in it"


@pytest.mark.parametrize("consumer", CONSUMERS[:2])
def test_animation_sends_the_portrait_and_nothing_of_the_driver(guest: Path, consumer: str) -> None:
    found(guest, "run_animated")
    seen = taken(guest, "run_animated", consumer)
    assert min(difference(seen, sent) for sent in frames(guest / "run_animated.mkv")) < 3
    assert min(difference(seen, real) for real in frames(guest.with_name("clip.mp4"))) > 30
    assert has_face(seen), "there is no face in it"


@pytest.mark.parametrize("consumer", CONSUMERS[:2])
def test_personas_differ(guest: Path, consumer: str) -> None:
    first, second = (taken(guest, act, consumer) for act in RUNS[:2])
    face = middle_of_the_face(first)
    assert difference(first[face], second[face]) > 8


def test_run_survives_being_killed(guest: Path) -> None:
    found(guest, "run_killed")
    assert found(guest, "run_after_kill")["outputs"]


@pytest.mark.parametrize("consumer", CONSUMERS[:2])
def test_run_on_a_webcam_without_a_face_shows_nothing_of_it(guest: Path, consumer: str) -> None:
    """vivid shows colour bars; a blur or the card goes out, and no edge of a bar."""
    found(guest, "run_webcam")
    seen, raw = taken(guest, "run_webcam", consumer), taken(guest, "run_webcam", "raw")
    assert min(difference(seen, sent) for sent in frames(guest / "run_webcam.mkv")) < 3
    bars = edges(raw) > 100
    assert bars.mean() > 0.005, "vivid shows no bars"
    assert max(edges(sent)[bars].mean() for sent in frames(guest / "run_webcam.mkv")) < 10


def edges(picture: Image) -> npt.NDArray[np.float32]:
    """How abruptly each pixel differs from those around it."""
    return np.abs(cv2.Laplacian(picture, cv2.CV_32F)).max(2)
