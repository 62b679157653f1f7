import resource
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from limits import soft_limit
from PIL import Image

from visard.daemon.api.schema import Consent
from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, PictureUnreadable
from visard.daemon.personas.generator import ATTEMPTS
from visard.daemon.personas.library import SHIPPED, Library
from visard.daemon.personas.record import (
    PICTURE,
    RECORD,
    THUMBNAIL,
    Damaged,
    Persona,
    PersonaKind,
    check_name,
)
from visard.models.picture_file import read_picture


@pytest.fixture
def library(home: Path) -> Library:
    return Library()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A phone's photo: stored turned, with its place of taking in it."""
    path = tmp_path / "photo.jpg"
    with Image.open(SHIPPED / "hanna" / PICTURE) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        exif.get_ifd(0x8825)[1] = "N"
        picture.rotate(90).save(path, exif=exif)
    return path


def names(library: Library) -> list[str]:
    return [entry.name for entry in library.entries()]


def own(library: Library) -> list[str]:
    """Everything in the user's folder, hidden files too."""
    return sorted(path.name for path in library.root.iterdir())


def test_six_people_ship_and_every_one_is_usable(library: Library) -> None:
    entries = library.entries()
    assert len(entries) == 6
    for entry in entries:
        assert isinstance(entry, Persona)
        assert entry.shipped
        assert entry.record.consent is Consent.generated
        assert read_picture(entry.picture).shape == (512, 512, 3)
        assert (entry.folder / THUMBNAIL).is_file()


def test_without_a_choice_the_first_shipped_one_is_worn(library: Library) -> None:
    assert library.resolve() == library.entries()[0]


def test_names_and_aliases_do_not_care_about_case(library: Library) -> None:
    assert library.resolve("MARCO") == library.resolve("s101") == library.resolve("marco")


def test_the_folder_belongs_to_the_user_alone(library: Library) -> None:
    for folder in (paths.data(), paths.cache(), library.root):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_add_keeps_the_photo_upright_and_without_its_metadata(library: Library, photo: Path) -> None:
    added = library.add(photo, "Aunt May", Consent.permission, "Tante Maï")
    again = library.get("aunt may")
    assert again == added
    assert again.record.title == "Tante Maï"
    assert again.record.kind is PersonaKind.photo
    with Image.open(again.picture) as kept, Image.open(SHIPPED / "hanna" / PICTURE) as original:
        assert not kept.getexif()
        difference = np.abs(np.asarray(kept, np.int16) - np.asarray(original, np.int16)).mean()
    assert difference < 4
    with Image.open(again.folder / THUMBNAIL) as small:
        assert max(small.size) == 256
    assert own(library) == ["Aunt May"]


BAD_NAMES = [
    ".",
    "..",
    ".hidden",
    "a/b",
    "../a",
    "/etc",
    "a\\b",
    "a:b",
    "con",
    "LPT1",
    "-x",
    "end.",
    "José",
    "pаul",
    "а",
    "ｍarco",
    "💀",
    "~",
    "a*",
    "picture.jpg",
    "",
    " ",
    "a\x00b",
    "a\nb",
    "x" * 65,
    "end ",
    "a\u200bb",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_bad_name_is_refused_and_nothing_written(library: Library, photo: Path, name: str) -> None:
    with pytest.raises(PersonaError):
        library.add(photo, name, Consent.self)
    assert own(library) == []


@pytest.mark.parametrize("name", ["a", "A1", "Aunt May", "x" * 64, "a-b_c", "console"])
def test_a_good_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["May", "may", "Clara", "s112"])
def test_a_name_is_given_once_whatever_its_case(library: Library, photo: Path, name: str) -> None:
    library.add(photo, "may", Consent.self)
    with pytest.raises(PersonaError, match="already"):
        library.add(photo, name, Consent.self)


def test_a_photo_without_a_face_is_refused_and_nothing_written(library: Library, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), "gray").save(wall)
    with pytest.raises(FaceUnusable, match="no face"):
        library.add(wall, "wall", Consent.self)
    with pytest.raises(PictureUnreadable):
        library.add(tmp_path / "nothing.jpg", "nothing", Consent.self)
    assert own(library) == []


@pytest.mark.parametrize("size", [0, 5_000, 65_000])
def test_a_full_disk_leaves_nothing_half_written(library: Library, photo: Path, size: int) -> None:
    with soft_limit(resource.RLIMIT_FSIZE, size), pytest.raises(PersonaError, match="cannot be written"):
        library.add(photo, "may", Consent.self)
    assert own(library) == []


def test_two_programs_that_add_one_name_do_not_overwrite_each_other(library: Library, photo: Path) -> None:
    slower = library._new_folder("may")
    (slower.__enter__() / "mine").touch()
    library.add(photo, "may", Consent.self)
    with pytest.raises(PersonaError):
        slower.__exit__(None, None, None)
    assert own(library) == ["may"]
    assert isinstance(library.get("may"), Persona)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (RECORD, b"{", "broken"),
        (RECORD, b'{"name": "may"}', "broken"),
        (RECORD, b"\xff\xfe\x00", "broken"),
        (RECORD, None, "cannot be read"),
        (PICTURE, None, "picture is missing"),
    ],
)
def test_a_damaged_entry_is_listed_and_harms_no_other(
    library: Library, photo: Path, file: str, content: bytes | None, reason: str
) -> None:
    folder = library.add(photo, "may", Consent.self).folder
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    entry = library.find("may")
    assert isinstance(entry, Damaged)
    assert reason in entry.reason
    assert len(library.personas()) == 6
    with pytest.raises(PersonaError, match="damaged"):
        library.resolve("may")
    library.remove("may")
    assert library.find("may") is None


def test_foreign_things_in_the_folder_are_no_trouble(library: Library) -> None:
    (library.root / "notes.txt").touch()
    (library.root / "empty").mkdir()
    assert names(library)[6:] == ["empty"]
    assert len(library.personas()) == 6


def test_what_was_removed_comes_back_the_newest_first(library: Library, photo: Path) -> None:
    for title in ("first", "second"):
        library.add(photo, "may", Consent.self, title)
        library.remove("MAY")
    assert names(library)[6:] == []
    back = library.restore("May")
    assert isinstance(back, Persona)
    assert back.record.title == "second"
    with pytest.raises(PersonaError, match="already"):
        library.restore("may")
    library.remove("may", forever=True)
    restored = library.restore("may")
    assert isinstance(restored, Persona)
    assert restored.record.title == "first"
    with pytest.raises(PersonaError, match="nothing"):
        library.restore("may")


def test_shipped_people_stay(library: Library) -> None:
    with pytest.raises(PersonaError, match="ships"):
        library.remove("s101")
    with pytest.raises(PersonaError, match="ships"):
        library.rename("clara", "carla")
    assert len(library.personas()) == 6


def test_rename_also_of_case_alone(library: Library, photo: Path) -> None:
    library.add(photo, "may", Consent.self)
    assert library.rename("may", "May").name == "May"
    with pytest.raises(PersonaError, match="already"):
        library.rename("May", "s101")
    with pytest.raises(PersonaError, match="cannot be a persona's name"):
        library.rename("May", "../May")
    assert names(library)[6:] == ["May"]


def test_a_photo_is_worn_by_its_path(library: Library, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = library.resolve(str(photo))
    assert (chosen.picture, chosen.saved, chosen.record.consent) == (photo, False, None)
    monkeypatch.chdir(photo.parent)
    shutil.copy(photo, "clara")
    assert library.resolve("clara").shipped
    assert library.resolve("./clara").picture == Path("clara")


def test_an_unknown_name_says_what_there_is(library: Library) -> None:
    with pytest.raises(PersonaError, match="did you mean marco"):
        library.resolve("marko")
    with pytest.raises(PersonaError, match="clara, hanna"):
        library.resolve("/no/such/photo.jpg")


def test_generated_takes_the_first_usable_attempt(library: Library) -> None:
    face = read_picture(SHIPPED / "marco" / PICTURE)
    asked = []

    def person(seed: int, attempt: int) -> np.ndarray:
        asked.append((seed, attempt))
        return face if attempt == 2 else np.full_like(face, 90)

    made = library.generate(person, 17)
    assert asked == [(17, 0), (17, 1), (17, 2)]
    assert (made.name, made.record.seed, made.record.kind) == ("person-17", 17, PersonaKind.generated)
    assert library.get("person-17") == made


def test_generated_gives_up_with_a_reason(library: Library) -> None:
    asked = []

    def nobody(_seed: int, attempt: int) -> np.ndarray:
        asked.append(attempt)
        return np.full((300, 300, 3), 90, np.uint8)

    with pytest.raises(PersonaError, match="another seed"):
        library.generate(nobody, 17)
    assert len(asked) == ATTEMPTS
    assert own(library) == []
