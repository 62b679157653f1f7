"""Pictures, persona folders, names and modes made to harm: one clear error, and the rest goes on."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin
from PIL import Image as Pillow

from visard.daemon.api.schema import Consent
from visard.daemon.config import paths
from visard.daemon.config.file import ConfigFile
from visard.daemon.errors import ConfigError, PictureUnreadable, SinkUnavailable, SourceUnavailable
from visard.daemon.personas.library import SHIPPED, Library
from visard.daemon.personas.record import PICTURE, RECORD, THUMBNAIL, Damaged
from visard.daemon.service.persona_index import thumbnail
from visard.daemon.sinks import find_sink
from visard.daemon.sinks._reconnecting import ReconnectingSink
from visard.daemon.sources import find_source
from visard.models.picture_file import MAX_PIXELS, read_picture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pipes and file modes")


@pytest.fixture
def library(home: Path) -> Library:
    made = Library()
    made.add(SHIPPED / "hanna" / PICTURE, "may", Consent.self)
    return made


def test_a_small_file_of_many_pixels_is_refused(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    Pillow.new("1", (side, side)).save(tmp_path / "a.png")
    with pytest.raises(PictureUnreadable, match="make it smaller"):
        read_picture(tmp_path / "a.png", 1600)


def test_a_large_jpeg_is_decoded_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pillow.new("RGB", (6400, 3200), "red").save(tmp_path / "a.jpg")
    sizes = []
    load = Pillow.Image.reduce
    monkeypatch.setattr(Pillow.Image, "reduce", lambda self, f: (sizes.append(self.size), load(self, f))[1])
    assert read_picture(tmp_path / "a.jpg", 700).shape == (350, 700, 3)
    assert max(size[0] for size in sizes or [(0, 0)]) <= 1600


def test_a_postscript_named_like_a_photo_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a, **_: started.append(a))
    Pillow.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(PictureUnreadable, match="it is none of"):
        read_picture(tmp_path / "a.jpg")
    assert not started


def pipe(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 10 << 30)


@pytest.mark.parametrize("file", [RECORD, PICTURE])
@pytest.mark.parametrize("put", [pipe, zeros, sparse, Path.mkdir])
def test_what_is_no_plain_file_is_listed_with_its_reason(library: Library, file: str, put: object) -> None:
    place = library.root / "may" / file
    place.unlink()
    put(place)  # type: ignore[operator]
    entry = library.find("may")
    assert isinstance(entry, Damaged)
    assert file in entry.reason
    assert len(library.personas()) == 6


@pytest.mark.parametrize(
    "change",
    [
        ('"title": "may"', f'"title": "{"x" * 300}"'),
        ('"title": "may"', f'"title": "{"x" * 5_000_000}"'),
        ('"title": "may"', '"title": "a\\u001b[2J"'),
        ('"options": {}', '"options": {"mesh": {"a": Infinity}}'),
        ('"options": {}', '"options": {"mesh": {"a": ' + "[" * 150 + "]" * 150 + "}}"),
        ('"options": {}', '"options": ' + "[" * 20_000),
    ],
    ids=["long", "huge", "control", "infinity", "nested", "deep"],
)
def test_a_record_has_bounds(library: Library, change: tuple[str, str]) -> None:
    record = library.root / "may" / RECORD
    before = record.read_text()
    assert change[0] in before
    record.write_text(before.replace(*change))
    entry = library.find("may")
    assert isinstance(entry, Damaged)
    assert len(entry.reason) < 300


@pytest.mark.parametrize("put", [pipe, zeros, lambda path: path.write_bytes(b"<script>")])
def test_a_thumbnail_that_is_no_picture_is_made_anew(library: Library, put: object) -> None:
    kept = library.root / "may" / THUMBNAIL
    kept.unlink()
    put(kept)  # type: ignore[operator]
    assert thumbnail(library.get("may")).startswith(b"\xff\xd8")


def test_everything_is_private_whatever_the_umask(home: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Library().add(SHIPPED / "hanna" / PICTURE, "may", Consent.self)
        ConfigFile(paths.config() / "config.toml").change({"zoom": 2})
        paths.logs()
    finally:
        os.umask(before)
    for path in (home, *home.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_an_open_folder_is_closed_and_a_foreign_one_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = paths.config()
    folder.chmod(0o777)
    assert stat.S_IMODE(paths.config().stat().st_mode) == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        paths.config()


@pytest.mark.parametrize("text", ["a\0.mp4", "camera:\x1b[2J", "a\nb.mp4"])
def test_control_characters_are_refused_where_they_are_given(text: str) -> None:
    for field in ("output", "camera"):
        with pytest.raises(ConfigError, match="without control characters"):
            ConfigFile(None).change({field: text})
    with pytest.raises(SinkUnavailable, match="control characters"):
        find_sink(text)
    with pytest.raises(SourceUnavailable, match="control characters"):
        find_source(text)


def test_any_error_of_a_sink_is_told() -> None:
    def broken() -> object:
        raise ValueError("embedded null byte")

    sink = ReconnectingSink("camera", broken, lambda _: None)  # type: ignore[arg-type]
    sink.write(np.zeros((2, 2, 3), np.uint8))
    assert "embedded null byte" in sink.trouble
