"""Films as players show them: HDR, oblong pixels, turned and mirrored, tagged and untagged, in part."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import MakeClip, picture

from visard.daemon.errors import SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.video import Part, VideoReader, VideoWriter

PQ, HLG, BT2020, P3 = 16, 18, 9, 12
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Of red and blue in the luma of each matrix, by H.273."""
FROM_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""To light in BT.2020's colours, as BT.2087 gives it."""


def flat_film(path: Path, colour: tuple[float, ...], *, size=(64, 48), matrix=1, tags=(), bits=8, full=False):
    """Write one colour, non-linear RGB 0..1, without loss; ``tags`` are matrix, transfer and primaries."""
    red, green, blue = colour
    kr, kb = WEIGHTS[matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    high = 2 ** (bits - 8)
    scale, offset, spread = (255 * high, 0, 255 * high) if full else (219 * high, 16 * high, 224 * high)
    width, height = size
    kind = np.uint8 if bits == 8 else np.uint16
    planes = np.empty(width * height * 3 // 2, kind)
    planes[: width * height] = round(luma * scale + offset)
    planes[width * height : width * height * 5 // 4] = round(chroma[0] * spread + 128 * high)
    planes[width * height * 5 // 4 :] = round(chroma[1] * spread + 128 * high)
    form = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    with av.open(str(path), "w") as output:
        video = output.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = width, height, form
        codec = video.codec_context
        if tags:
            codec.colorspace, codec.color_trc, codec.color_primaries = tags
        codec.color_range = 2 if full else 1
        frame = av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), format=form)
        if tags:
            frame.colorspace = tags[0]
        frame.color_range = codec.color_range
        output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path


def shown(path: Path) -> np.ndarray:
    """Return the colour in the middle of the first picture, RGB."""
    with VideoReader(path) as reader:
        image, _ = next(iter(reader))
    return image[image.shape[0] // 2, image.shape[1] // 2, ::-1].astype(int)


def pq(nits: np.ndarray) -> np.ndarray:
    power = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(nits: np.ndarray) -> np.ndarray:
    light = nits / 1000
    scene = light * (light @ np.array(WEIGHTS_RGB)) ** (1 / 1.2 - 1)
    return np.where(
        scene <= 1 / 12,
        np.sqrt(3 * scene),
        0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073,
    )


WEIGHTS_RGB = (0.2627, 0.6780, 0.0593)
COLOURS = [(130, 94, 76), (90, 60, 50), (60, 120, 150), (20, 90, 40), (150, 150, 150)]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("transfer", "curve"), [(PQ, pq), (HLG, hlg)])
def test_colours_up_to_half_of_paper_come_out_of_hdr_as_they_are(
    tmp_path: Path, colour: tuple[int, ...], transfer: int, curve
) -> None:
    light = FROM_BT709 @ (np.array(colour) / 255) ** 2.2 * 203
    path = flat_film(
        tmp_path / "hdr.mkv", tuple(curve(light)), matrix=9, bits=10, tags=(BT2020, transfer, BT2020)
    )
    assert np.abs(shown(path) - colour).max() <= 4


@pytest.mark.parametrize(("transfer", "curve"), [(PQ, pq), (HLG, hlg)])
def test_highlights_of_hdr_are_told_apart_and_do_not_burn_out(tmp_path: Path, transfer: int, curve) -> None:
    greys = []
    for nits in (100, 203, 400, 1000):
        path = flat_film(
            tmp_path / f"{nits}.mkv", tuple(curve(np.full(3, float(nits)))),
            matrix=9, bits=10, tags=(BT2020, transfer, BT2020),
        )  # fmt: skip
        red, green, blue = shown(path)
        assert max(red, green, blue) - min(red, green, blue) <= 3
        greys.append(green)
    assert 180 < greys[0] < greys[1] - 15 < greys[2] - 25 < 240
    assert 215 < greys[1] < 232
    assert greys[3] > 250


def test_hdr_without_other_tags_is_taken_for_bt2020(tmp_path: Path) -> None:
    light = FROM_BT709 @ (np.array((130, 94, 76)) / 255) ** 2.2 * 203
    path = flat_film(tmp_path / "hdr.mkv", tuple(pq(light)), matrix=9, bits=10, tags=(2, PQ, 2))
    assert np.abs(shown(path) - (130, 94, 76)).max() <= 4


def test_the_wide_gamut_of_an_ordinary_film_is_followed(tmp_path: Path) -> None:
    colour = np.array((150, 80, 70))
    wide = (FROM_BT709 @ (colour / 255) ** 2.2) ** (1 / 2.2)
    path = flat_film(tmp_path / "wide.mkv", tuple(wide), matrix=9, bits=10, tags=(BT2020, 14, BT2020))
    assert np.abs(shown(path) - colour).max() <= 4


@pytest.mark.parametrize(
    ("size", "matrix"), [((1280, 720), 1), ((1920, 1080), 1), ((640, 360), 6), ((720, 576), 6)]
)
@pytest.mark.parametrize("full", [False, True])
def test_untagged_films_are_bt709_from_hd_on(
    tmp_path: Path, size: tuple[int, int], matrix: int, full: bool
) -> None:
    path = flat_film(tmp_path / "a.mkv", (0.8, 0.3, 0.2), size=size, matrix=matrix, full=full)
    assert np.abs(shown(path) - (204, 76.5, 51)).max() <= 4


@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_a_tag_counts_whatever_the_size(tmp_path: Path, matrix: int) -> None:
    path = flat_film(
        tmp_path / "a.mkv", (0.8, 0.3, 0.2), size=(1280, 720), matrix=matrix, tags=(matrix, 1, 1)
    )
    assert np.abs(shown(path) - (204, 76.5, 51)).max() <= 4


@pytest.mark.parametrize(("size", "matrix"), [((1280, 720), 1), ((640, 360), 6)])
def test_what_is_written_is_tagged_as_players_take_it_untagged(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    with VideoWriter(tmp_path / "a.mp4", Format(*size, 25, live=False)) as writer:
        writer.write(np.full((size[1], size[0], 3), (51, 76, 204), np.uint8))
    with av.open(str(tmp_path / "a.mp4")) as file:
        frame = next(file.decode(video=0))
        assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (
            matrix,
            1,
            1,
            1,
        )
    assert np.abs(shown(tmp_path / "a.mp4") - (204, 76, 51)).max() <= 3


@pytest.mark.parametrize(
    ("aspect", "size"), [("4/3", (214, 120)), ("1/2", (160, 240)), ("1/1", (160, 120)), ("100/1", (160, 120))]
)
def test_oblong_pixels_are_shown_square(tmp_path: Path, aspect: str, size: tuple[int, int]) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"crf": "5"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(aspect)
        output.mux(video.encode(av.VideoFrame.from_ndarray(picture(160, 120), format="bgr24")))
        output.mux(video.encode(None))
    with VideoReader(path) as reader:
        assert (reader.format.width, reader.format.height) == size
        image, _ = next(iter(reader))
    assert cv2.PSNR(image, cv2.resize(picture(160, 120), size)) > 27


MATRICES = {
    (1, 0, 0, 1): lambda image: image,
    (-1, 0, 0, 1): lambda image: image[:, ::-1],
    (1, 0, 0, -1): lambda image: image[::-1],
    (-1, 0, 0, -1): lambda image: image[::-1, ::-1],
    (0, 1, 1, 0): lambda image: image.transpose(1, 0, 2),
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (0, -1, 1, 0): np.rot90,
    (0, -1, -1, 0): lambda image: np.rot90(image, 2).transpose(1, 0, 2),
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_all_eight_orientations(make_clip: MakeClip, matrix: tuple[int, ...]) -> None:
    path = make_clip()
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44  # the track's matrix, fixed-point numbers of 16.16
    a, b, c, d = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    with VideoReader(path) as reader:
        image, _ = next(iter(reader))
    assert image.flags.c_contiguous
    assert cv2.PSNR(image, np.ascontiguousarray(MATRICES[matrix](picture(160, 120)))) > 28


# Parts


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_a_part_begins_and_ends_with_the_frame(make_clip: MakeClip, name: str) -> None:
    path = make_clip(name, frames=300, size=(64, 48), codec="mpeg4" if name == "a.avi" else "libx264")
    with VideoReader(path) as whole, VideoReader(path, Part(8.0, 9.0)) as part:
        everything = list(whole)
        pictures = list(part)
        assert part.length == pytest.approx(25, abs=1)
    assert [seconds for _, seconds in pictures] == pytest.approx([n / 25 for n in range(25)], abs=0.002)
    for (image, _), (same, _) in zip(pictures, everything[200:225], strict=True):
        np.testing.assert_array_equal(image, same)


def test_parts_that_are_none(make_clip: MakeClip) -> None:
    with pytest.raises(SourceUnavailable, match="is nothing"):
        Part(3, 3)
    with pytest.raises(SourceUnavailable, match="from 20 s to 30 s"):
        VideoReader(make_clip(), Part(20, 30))
