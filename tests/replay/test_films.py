"""The built-in driver in films of other kinds: in HDR, and upside down."""

from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from visard.daemon.media.video import VideoReader
from visard.daemon.pipeline.tracking import every_frame
from visard.daemon.pipeline.upright import UprightCheck
from visard.daemon.sources.demo import CLIP
from visard.models.face import Image

FRAMES = 80
FROM_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
WEIGHTS = np.array([0.2627, 0.6780, 0.0593])


@pytest.fixture(scope="module")
def driver() -> list[Image]:
    with VideoReader(CLIP) as reader:
        return [image for image, _ in islice(reader, FRAMES)]


def write(path: Path, frames: list[av.VideoFrame], pixels: str, codec: str, *, hdr: bool = False) -> Path:
    with av.open(str(path), "w") as output:
        options = {"x265-params": "log-level=error:crf=8"} if codec == "libx265" else {"crf": "18"}
        video = output.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = frames[0].width, frames[0].height, pixels
        if hdr:
            context = video.codec_context
            context.colorspace, context.color_trc, context.color_primaries, context.color_range = 9, 18, 9, 1
        for frame in frames:
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path


def hlg(image: Image) -> av.VideoFrame:
    """Return BGR as a phone's HDR camera would film it: HLG in BT.2020, white paper at 203 nits."""
    light = (image[:, :, ::-1] / 255) ** 2.2 @ FROM_BT709.T * 0.203
    scene = light * np.maximum(light @ WEIGHTS, 1e-6)[..., None] ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
    red, green, blue = np.moveaxis(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high), -1, 0)
    luma = WEIGHTS @ np.stack([red.ravel(), green.ravel(), blue.ravel()])
    chroma = [(side - luma.reshape(red.shape)) / spread for side, spread in ((blue, 1.8814), (red, 1.4746))]
    half = [cv2.resize(each, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for each in chroma]
    planes = [luma * 876 + 64, *(each.ravel() * 896 + 512 for each in half)]
    whole = np.concatenate(planes).round().astype(np.uint16).reshape(-1, image.shape[1])
    return av.VideoFrame.from_ndarray(whole, format="yuv420p10le")


def test_the_driver_looks_the_same_in_hdr(driver: list[Image], tmp_path: Path) -> None:
    path = write(
        tmp_path / "hdr.mp4", [hlg(image) for image in driver[:5]], "yuv420p10le", "libx265", hdr=True
    )
    with VideoReader(path) as reader:
        shown = [image for image, _ in reader]
    assert len(shown) == 5
    for before, after in zip(driver, shown, strict=False):
        dark = cv2.GaussianBlur(before, (0, 0), 3).max(2) < 150  # lighter is rolled off
        light = cv2.GaussianBlur(before, (0, 0), 3).max(2) > 200
        difference = after.astype(int) - before
        assert np.abs(difference[dark]).mean() < 4
        assert np.abs(difference[dark].mean(0)).max() < 2, "no colour cast"
        assert not light.any() or after[light].mean() > 150, "nor grey"
    face = every_frame(1).update(shown[0], 0.0).faces
    assert len(face) == 1


@pytest.mark.parametrize("turned", [False, True])
def test_a_real_face_on_its_head_is_noticed(driver: list[Image], tmp_path: Path, turned: bool) -> None:
    pictures = [np.ascontiguousarray(image[::-1, ::-1]) if turned else image for image in driver]
    frames = [av.VideoFrame.from_ndarray(image, format="bgr24") for image in pictures]
    path = write(tmp_path / "a.mp4", frames, "yuv420p", "libx264")
    tracker, check = every_frame(4), UprightCheck()
    with VideoReader(path) as reader:
        for image, seconds in reader:
            check(tracker.update(image, seconds), seconds)
    assert check.ever is turned
