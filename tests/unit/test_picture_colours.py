"""Colour profiles, HEIC, AVIF and HDR pictures: one reader gives sRGB of them all."""

import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from pillow_heif import HeifFile, from_pillow

from visard.daemon.foreground.convert import save
from visard.models.errors import PictureUnreadable
from visard.models.picture_file import SUFFIXES, read_picture

SRGB = (200, 100, 60)
TO_P3 = np.array([[0.8225, 0.1775, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])
TO_ADOBE = np.array([[0.7152, 0.2848, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0412, 0.9588]])


def curve(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def light(colour: tuple[int, ...]) -> np.ndarray:
    value = np.array(colour) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def profile(primaries: np.ndarray, gamma: float) -> bytes:
    """Make an ICC profile of version 2: ``primaries`` are its colorants in XYZ of D50, by column."""
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, 5) + b"Test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"nobody\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249),
        **{
            kind: b"XYZ " + bytes(4) + fixed(*primaries[:, number])
            for number, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        **{
            kind: b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)
            for kind in (b"rTRC", b"gTRC", b"bTRC")
        },
    }
    place, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for kind, content in tags.items():
        content += bytes(-len(content) % 4)  # noqa: PLW2901
        table += kind + struct.pack(">II", place + len(data), len(content))
        data += content
    head = struct.pack(">I4sI4s4s4s", 0, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    whole = head + struct.pack(">I", len(tags)) + table + data
    return struct.pack(">I", len(whole)) + whole[4:]


SRGB_D50 = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
P3 = profile(SRGB_D50 @ np.linalg.inv(TO_P3), 2.2)
ADOBE = profile(SRGB_D50 @ np.linalg.inv(TO_ADOBE), 2.2)


def seen(path: Path) -> np.ndarray:
    image = read_picture(path)
    return image[image.shape[0] // 2, image.shape[1] // 2, ::-1].astype(int)


@pytest.mark.parametrize(("matrix", "icc"), [(TO_P3, P3), (TO_ADOBE, ADOBE)], ids=["p3", "adobe"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tiff", "a.webp", "a.avif", "a.heic"])
def test_the_profile_is_followed(tmp_path: Path, matrix: np.ndarray, icc: bytes, name: str) -> None:
    stored = tuple(round(255 * value) for value in (matrix @ light(SRGB)) ** (1 / 2.2))
    Pillow.new("RGB", (64, 48), stored).save(tmp_path / name, icc_profile=icc, quality=100)
    assert max(abs(a - b) for a, b in zip(stored, SRGB, strict=True)) > 8, "it matters"
    assert np.abs(seen(tmp_path / name) - SRGB).max() <= 6


def test_alpha_and_a_profile(tmp_path: Path) -> None:
    stored = tuple(round(255 * value) for value in (TO_P3 @ light(SRGB)) ** (1 / 2.2))
    picture = Pillow.new("RGBA", (64, 48), (*stored, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 64, 10))
    picture.save(tmp_path / "a.png", icc_profile=P3)
    assert np.abs(seen(tmp_path / "a.png") - SRGB).max() <= 4
    assert (read_picture(tmp_path / "a.png")[5, 5] == 128).all()


def test_a_palette_and_a_profile(tmp_path: Path) -> None:
    stored = tuple(round(255 * value) for value in (TO_P3 @ light(SRGB)) ** (1 / 2.2))
    Pillow.new("RGB", (64, 48), stored).quantize(4).save(tmp_path / "a.png", icc_profile=P3)
    assert np.abs(seen(tmp_path / "a.png") - SRGB).max() <= 4


def test_the_usual_profile_changes_nothing(tmp_path: Path) -> None:
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    Pillow.fromarray(noise).save(tmp_path / "a.png", icc_profile=usual)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[:, :, ::-1], noise)


@pytest.mark.parametrize("icc", [b"nonsense", P3[:200], b""])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_broken_profile_or_one_of_other_colours_is_ignored(tmp_path: Path, icc: bytes, mode: str) -> None:
    Pillow.new("RGB", (64, 48), (90, 90, 90)).convert(mode).save(tmp_path / "a.jpg", icc_profile=icc)
    assert np.abs(seen(tmp_path / "a.jpg") - 90).max() <= 3
    if mode != "RGB":
        Pillow.new("RGB", (64, 48), (90, 90, 90)).convert(mode).save(tmp_path / "a.jpg", icc_profile=P3)
        assert np.abs(seen(tmp_path / "a.jpg") - 90).max() <= 3


def test_grey_with_a_profile_of_grey(tmp_path: Path) -> None:
    head = struct.pack(">I4sI4s4s4s", 0, b"none", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    tone = b"curv" + struct.pack(">IIH", 0, 1, 256) + bytes(2)  # linear light
    white = b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)
    table = b"".join(
        kind + struct.pack(">II", place, size)
        for kind, place, size in ((b"kTRC", 156, len(tone)), (b"wtpt", 156 + len(tone), len(white)))
    )
    whole = head + struct.pack(">I", 2) + table + tone + white
    icc = struct.pack(">I", len(whole)) + whole[4:]
    Pillow.new("L", (64, 48), 55).save(tmp_path / "a.png", icc_profile=icc)
    assert np.abs(seen(tmp_path / "a.png") - round(float(curve(np.array(55 / 255))) * 255)).max() <= 3


# HEIC


@pytest.mark.parametrize("ending", ["heic", "heif", "hif"])
def test_heic(tmp_path: Path, ending: str) -> None:
    from_pillow(Pillow.new("RGB", (64, 48), SRGB)).save(tmp_path / "a.heic", quality=95)
    (tmp_path / "a.heic").rename(tmp_path / f"b.{ending}")
    assert read_picture(tmp_path / f"b.{ending}").shape == (48, 64, 3)
    assert np.abs(seen(tmp_path / f"b.{ending}") - SRGB).max() <= 4
    assert f".{ending}" in SUFFIXES


def test_heic_of_ten_bits(tmp_path: Path) -> None:
    deep = np.full((48, 64, 3), np.array(SRGB) * 257, np.uint16)
    file = HeifFile()
    file.add_frombytes("RGB;16", (64, 48), deep.tobytes())
    file.save(tmp_path / "a.heic", quality=95)
    assert np.abs(seen(tmp_path / "a.heic") - SRGB).max() <= 4


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_heic_is_turned_once(tmp_path: Path, orientation: int) -> None:
    picture = Pillow.new("RGB", (64, 48), (20, 20, 20))
    picture.paste((230, 230, 230), (0, 0, 64, 12))  # light at the top
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.heic", exif=exif.tobytes(), quality=95)
    grey = read_picture(tmp_path / "a.heic").mean(2)
    light_side = {3: grey[-6:], 6: grey[:, -6:], 8: grey[:, :6]}[orientation]
    assert grey.shape == ((48, 64) if orientation == 3 else (64, 48))
    assert light_side.mean() > 200
    assert grey.mean() < 110


def test_a_broken_heic_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    Pillow.fromarray(noise).save(tmp_path / "a.heic")
    data = (tmp_path / "a.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureUnreadable, match=r"a\.heic"):
        read_picture(tmp_path / "a.heic")


# HDR and deep pictures


def test_of_a_picture_with_a_gain_map_the_picture_is_read(tmp_path: Path) -> None:
    base, gain = Pillow.new("RGB", (64, 48), SRGB), Pillow.new("L", (32, 24), 255)
    base.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[gain], quality=100)
    assert read_picture(tmp_path / "a.jpg").shape == (48, 64, 3)
    assert np.abs(seen(tmp_path / "a.jpg") - SRGB).max() <= 3


def test_sixteen_bits_with_a_profile(tmp_path: Path) -> None:
    stored = np.rint(65535 * (TO_P3 @ light(SRGB)) ** (1 / 2.2)).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((48, 64, 3), stored[::-1], np.uint16))
    data = (tmp_path / "a.png").read_bytes()
    content = b"iCCP" + b"test\0\0" + zlib.compress(P3)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert np.abs(seen(tmp_path / "a.png") - SRGB).max() <= 3


@pytest.mark.parametrize("name", ["a.heic", "a.avif", "a.webp", "a.png", "a.jpg"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    image = np.full((48, 64, 3), SRGB[::-1], np.uint8)
    save(image, tmp_path / name)
    assert np.abs(seen(tmp_path / name) - SRGB).max() <= 4


def test_a_heic_that_says_it_is_enormous_is_not_unpacked(tmp_path: Path) -> None:
    Pillow.new("RGB", (64, 48), SRGB).save(tmp_path / "a.heic")
    data = bytearray((tmp_path / "a.heic").read_bytes())
    sizes = [found.end() + 4 for found in re.finditer(b"ispe", data)]
    assert sizes
    for place in sizes:
        data[place : place + 8] = struct.pack(">II", 30_000, 30_000)
    (tmp_path / "a.heic").write_bytes(data)
    with pytest.raises(PictureUnreadable, match=r"a\.heic"):
        read_picture(tmp_path / "a.heic")
