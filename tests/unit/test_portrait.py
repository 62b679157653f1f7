"""Pictures that a persona is made from: every kind is read safely, and every face that is no use is told."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from drivers import Driver, calibrate
from people import headshot, portrait, scene
from PIL import Image as Pillow

from visard.models.animate.puppet.animator import PuppetAnimation
from visard.models.errors import FaceUnusable, PictureUnreadable
from visard.models.face import Image
from visard.models.geometry.canonical import canonical
from visard.models.geometry.pose import Pose, fit_pose
from visard.models.geometry.raster import Raster, resample
from visard.models.picture_file import read_picture, shrink
from visard.models.portrait import LONGEST, examine

BLINKS = {"d0.mp4": 66, "desk.mov": 27, "d3.mp4": 240}
"""Frames of the shared clips in which both eyes are closed."""


@pytest.fixture(scope="module")
def robin() -> Image:
    return headshot("robin", 300)


def turned(degrees: float) -> Image:
    """Draw a shipped persona's face mesh with its head turned to the picture's right."""
    person = portrait("robin")
    points = person.face.landmarks[:468]
    turn = cv2.Rodrigues(np.array([0, -np.radians(degrees), 0]))[0].astype(np.float32)
    there = Pose(14, turn, np.float32([256, 256, 0])).picture(fit_pose(points).upright(points))
    values = np.column_stack([points[:, :2], np.ones(468, np.float32)])
    drawn = Raster(canonical().triangles, 512, 512)(there, values, background=-1)
    picture = resample(person.image, np.ascontiguousarray(drawn[..., :2]))
    picture[drawn[..., 2] < 0] = 96
    return picture


# Faces


def test_a_good_picture_has_no_remarks(robin: Image) -> None:
    found = examine(robin)
    assert found.warnings == ()
    assert found.image.shape == (300, 300, 3)
    assert found.face.landmarks.shape == (478, 3)


def test_a_path_or_a_picture(robin: Image, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), robin)
    np.testing.assert_array_equal(examine(tmp_path / "a.png").face.landmarks, examine(robin).face.landmarks)


@pytest.mark.parametrize("picture", [np.zeros((300, 400, 3), np.uint8), scene(), scene(size=(1, 1))])
def test_no_face(picture: Image) -> None:
    with pytest.raises(FaceUnusable, match=r"no face was found.*use one where"):
        examine(picture)


def test_several_faces(robin: Image) -> None:
    clara = headshot("clara", 260)
    with pytest.raises(FaceUnusable, match=r"holds 2 faces; choose one with --face N"):
        examine(scene((robin, 0, 30), (clara, 340, 50)))


def test_a_small_face_in_the_background_is_remarked(robin: Image) -> None:
    found = examine(scene((robin, 0, 30), (headshot("clara", 110), 450, 100)))
    assert found.face.centre[0] < 300
    assert any("smaller faces" in remark for remark in found.warnings)


def test_too_small() -> None:
    with pytest.raises(FaceUnusable, match=r"too small: \d+ pixels between the eyes; 24 are needed"):
        examine(scene((headshot("robin", 64), 100, 40)))


def test_small_is_remarked() -> None:
    (remark,) = examine(scene((headshot("robin", 120), 100, 40))).warnings
    assert "is small" in remark


@pytest.mark.parametrize("step", [1, -1], ids=["right", "left"])
def test_a_strong_profile(step: int) -> None:
    with pytest.raises(FaceUnusable, match=r"turned 4\d degrees; use a picture taken from the front"):
        examine(np.ascontiguousarray(turned(60)[:, ::step]))


@pytest.mark.parametrize("degrees", [-32, 32])
def test_a_half_profile_is_remarked(degrees: float) -> None:
    (remark,) = examine(turned(degrees)).warnings
    assert "one side of the face is guessed" in remark


@pytest.mark.parametrize(("clip", "number"), BLINKS.items())
def test_closed_eyes(shared: Path, clip: str, number: int) -> None:
    capture = cv2.VideoCapture(str(shared / "data/clips" / clip))
    for _ in range(number):
        capture.grab()
    with pytest.raises(FaceUnusable, match="eyes are closed"):
        examine(capture.read()[1])


def test_an_open_mouth_is_remarked() -> None:
    person = portrait("robin")
    animation, driver = PuppetAnimation(person), Driver(person.face)
    calibrate(animation, driver.does())
    (remark,) = examine(animation(driver.does(jawOpen=0.9)).copy()).warnings
    assert "mouth is wide open" in remark


def test_huge_pictures_are_made_smaller(robin: Image) -> None:
    found = examine(cv2.resize(robin, (2500, 2500)))
    assert found.image.shape == (LONGEST, LONGEST, 3)
    assert found.warnings == ()


def test_shrinking() -> None:
    picture = np.zeros((100, 400, 3), np.uint8)
    assert shrink(picture, 200).shape == (50, 200, 3)
    assert shrink(picture, 400) is picture


# Files


@pytest.fixture
def colours() -> np.ndarray:
    """RGB: red at the top left, green at the top right, blue below."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30], picture[:20, 30:], picture[20:] = (250, 10, 10), (10, 250, 10), (10, 10, 250)
    return picture


def assert_colours(image: Image, tolerance: int = 0) -> None:
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable
    for place, bgr in (((5, 5), (10, 10, 250)), ((5, 55), (10, 250, 10)), ((35, 30), (250, 10, 10))):
        assert np.abs(image[place].astype(int) - bgr).max() <= tolerance


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "jpg", "gif"])
def test_kinds_of_files(tmp_path: Path, colours: np.ndarray, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    Pillow.fromarray(colours).save(path, **({"lossless": True} if kind == "webp" else {}))
    assert_colours(read_picture(path), 25 if kind in ("jpg", "gif") else 0)


def test_the_content_counts_and_not_the_ending(tmp_path: Path, colours: np.ndarray) -> None:
    path = tmp_path / "a photo ünïcode.txt"
    Pillow.fromarray(colours).save(path, format="PNG")
    assert_colours(read_picture(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, colours: np.ndarray, orientation: int) -> None:
    undo = {1: [], 2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # Pillow's transpositions
    stored = Pillow.fromarray(colours)
    for method in undo[orientation]:
        stored = stored.transpose(Pillow.Transpose(method))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert_colours(read_picture(tmp_path / "a.png"))


def test_alpha_is_laid_over_grey(tmp_path: Path, colours: np.ndarray) -> None:
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[20:25] = 0
    alpha[25:30] = 128
    Pillow.fromarray(np.dstack([colours, alpha])).save(tmp_path / "a.png")
    image = read_picture(tmp_path / "a.png")
    assert_colours(image)
    assert (image[22] == 128).all()
    np.testing.assert_allclose(image[27, 0], (189, 69, 69), atol=2)


def test_a_palette_with_a_transparent_colour(tmp_path: Path, colours: np.ndarray) -> None:
    picture = Pillow.fromarray(colours).quantize(4)
    picture.save(tmp_path / "a.png", transparency=picture.getpixel((0, 0)))
    image = read_picture(tmp_path / "a.png")
    assert (image[5, 5] == 128).all()
    np.testing.assert_allclose(image[35, 30], (250, 10, 10), atol=3)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "CMYK", "YCbCr", "F"])
def test_other_kinds_of_colour(tmp_path: Path, mode: str) -> None:
    slope = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    ending = {"CMYK": "jpg", "YCbCr": "jpg", "F": "tiff"}.get(mode, "png")
    Pillow.fromarray(slope).convert("RGB" if mode == "YCbCr" else mode).convert(mode).save(
        tmp_path / f"a.{ending}"
    )
    image = read_picture(tmp_path / f"a.{ending}").astype(int)
    assert image.shape == (48, 64, 3)
    assert image[:, :8].mean() < 30
    assert image[:, -8:].mean() > 225
    assert np.ptp(image.mean((0, 1))) < 3


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_sixteen_bits(tmp_path: Path, ending: str) -> None:
    slope = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
    assert cv2.imwrite(str(tmp_path / f"grey.{ending}"), slope)
    grey = read_picture(tmp_path / f"grey.{ending}")
    np.testing.assert_allclose(grey[0, :, 0], np.linspace(0, 255, 64), atol=2)
    assert grey.shape == (48, 64, 3)


def test_sixteen_bits_in_colour(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint16)
    picture[..., 2] = 40000
    assert cv2.imwrite(str(tmp_path / "a.png"), picture)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png")[0, 0], (0, 0, 156), atol=1)


def test_the_first_picture_of_a_moving_one(tmp_path: Path, colours: np.ndarray) -> None:
    first, second = Pillow.fromarray(colours), Pillow.fromarray(255 - colours)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert_colours(read_picture(tmp_path / "a.gif"), 25)


# What is no picture


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_001, 10_000), (40_000, 40_000), (2_000_000_000, 1)])
def test_a_decompression_bomb_is_not_unpacked(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(*size))
    with pytest.raises(PictureUnreadable, match=r"bomb\.png"):
        read_picture(path)


def test_a_picture_that_is_too_large_says_so(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(bomb(12_000, 10_000))
    with pytest.raises(PictureUnreadable, match=r"12000x10000 pixels; make it smaller"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff\xe0 not really", b"<svg/>", bytes(5000)])
def test_a_file_that_is_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureUnreadable, match=r"a\.jpg is not a picture that can be read"):
        examine(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_a_picture_that_was_cut_short(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    path = tmp_path / f"a.{kind}"
    Pillow.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureUnreadable, match=f"a.{kind}"):
        read_picture(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.jpg", tmp_path):
        with pytest.raises(PictureUnreadable, match="there is no picture at"):
            examine(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Pillow, "open", refuse)
    with pytest.raises(PictureUnreadable, match="Permission denied"):
        read_picture(path)
