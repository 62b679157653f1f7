import resource
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import soft_limit
from PIL import Image

from visard.daemon.api.schema import Consent
from visard.daemon.config import paths
from visard.daemon.errors import FaceUnusable, PersonaError, PictureUnreadable
from visard.daemon.personas import bin as bin_
from visard.daemon.personas import photos
from visard.daemon.personas.entry_files import new_folder
from visard.daemon.personas.generator import ATTEMPTS
from visard.daemon.personas.library import SHIPPED, Library
from visard.daemon.personas.names import is_name, name_for
from visard.daemon.personas.record import (
    PICTURE,
    RECORD,
    THUMBNAIL,
    Damaged,
    Persona,
    PersonaKind,
)
from visard.models.picture_file import read_picture
from visard.models.portrait import Portrait, examine


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
def test_no_folder_has_a_bad_name(name: str) -> None:
    assert not is_name(name)
    assert is_name(name_for(name, []))


@pytest.mark.parametrize("name", ["a", "A1", "Aunt May", "x" * 64, "a-b_c", "console"])
def test_a_good_name_is_taken(name: str) -> None:
    assert is_name(name)


def test_what_is_no_name_becomes_the_title(library: Library, photo: Path) -> None:
    added = library.add(photo, "陈静", Consent.self)
    assert (added.name, added.record.title) == ("persona", "陈静")
    assert library.get("陈静") == added
    assert own(library) == ["persona"]
    assert library.add(photo, "../Zoë", Consent.self).name == "Zoe"
    with pytest.raises(PersonaError, match="already"):
        library.add(photo, "zoe", Consent.self)


@given(title=st.text(min_size=1, max_size=200), taken=st.lists(st.sampled_from(["persona", "A", "con"])))
def test_whatever_people_type_becomes_a_new_name(title: str, taken: list[str]) -> None:
    name = name_for(title, taken)
    assert is_name(name)
    assert name.lower() not in {other.lower() for other in taken}


@pytest.mark.parametrize(
    ("title", "name"),
    [("Zoë Smith", "Zoe-Smith"), ("妈妈", "persona"), ("con", "persona-con"), ("a" * 99, "a" * 56)],
)
def test_names_stay_readable(title: str, name: str) -> None:
    assert name_for(title, []) == name


TITLES = [
    "陈静",
    "أمّي",
    "שלום עולם",
    "नमस्ते",
    "می\u200cخواهم",
    "👩\u200d👩\u200d👧\u200d👦",
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "a\u0301\u0323",
    "全角\u3000空白",
    "Tante\u00a0Maï",
    "\u200fعربي\u200e",
    "x" * 200,
]


@pytest.mark.parametrize("title", TITLES, ids=ascii)
def test_titles_are_in_any_script(library: Library, portraits: list[Portrait], title: str) -> None:
    added = library.add_portraits(portraits[:1], None, Consent.self, title)
    assert library.get(title) == added
    assert is_name(added.name)


BAD_TITLES = ["", " ", "\u200d", "\u0301", "a\nb", "a\x1b[31m", "a\x85b", "a\u2028b", "x" * 201, "a\udc80"]
STEERING = ["me\u202egpj.exe", "\u2066a", "a\u2069", "a\u202ab", "\ufeffa"]


@pytest.mark.parametrize("title", BAD_TITLES + STEERING, ids=ascii)
def test_what_is_no_line_of_text_is_no_title(library: Library, photo: Path, title: str) -> None:
    with pytest.raises(PersonaError, match="cannot be a title"):
        library.add(photo, "may", Consent.self, title)
    with pytest.raises(PersonaError, match="cannot be a title"):
        library.rename("clara", None, title)
    assert own(library) == []


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
    slower = new_folder(library.root, "may")
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
        library.change_photos("clara", remove=[1])
    assert len(library.personas()) == 6


def test_rename_changes_what_is_seen_and_old_names_go_on_to_work(library: Library, photo: Path) -> None:
    library.add(photo, "may", Consent.self, "Tante May")
    renamed = library.rename("may", "June")
    assert (renamed.name, renamed.record.title) == ("June", "June")
    assert library.rename("JUNE", "july", "七月").record.title == "七月"
    assert {library.get(name).name for name in ("may", "june", "July", "七月")} == {"july"}
    assert (library.rename("july", "八月").name, library.get("八月").name) == ("july", "july")
    assert library.add(photo, "june", Consent.self).name == "june"  # nobody has this name any more
    assert library.get("June").name == "june"
    assert names(library)[6:] == ["july", "june"]


def test_killed_while_it_is_renamed_it_is_found_by_both_names(
    library: Library, portraits: list[Portrait], monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add_portraits(portraits[:1], "may", Consent.self)
    library.move("may", "clara")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            library.rename("may", "june")
    assert library.get("june") == library.get("may")
    assert names(library)[0] == "may"
    assert library.rename("may", "june").name == "june"
    assert names(library)[0] == "june"


def test_rename_also_of_case_alone(library: Library, photo: Path) -> None:
    library.add(photo, "may", Consent.self)
    assert library.rename("may", "May").name == "May"
    with pytest.raises(PersonaError, match="already"):
        library.rename("May", "s101")
    assert library.rename("May", "../May").record.title == "../May"
    assert names(library)[6:] == ["May"]


def test_people_who_ship_get_another_title_and_keep_their_name(library: Library) -> None:
    library.rename("clara", "Carla")
    library.hide("clara")
    again = Library().get("Carla")
    assert (again.name, again.record.title, again.record.hidden) == ("clara", "Carla", True)
    library.configure("clara", "mesh", {})
    assert library.get("clara").record.title == "Carla"


def test_a_title_of_several_names_nobody(library: Library, photo: Path) -> None:
    for name in ("a", "b"):
        library.add(photo, name, Consent.self, "Twin")
    with pytest.raises(PersonaError, match="say which one: a, b"):
        library.get("twin")


def test_who_is_hidden_is_not_worn_unasked(library: Library) -> None:
    library.hide("clara")
    assert library.resolve().name == "hanna"
    assert [persona.name for persona in library.visible()] == names(library)[1:]
    assert library.hide("clara", False).record.hidden is False
    assert library.resolve().name == "clara"


def test_the_order_is_kept_and_follows_names(library: Library, photo: Path) -> None:
    library.add(photo, "may", Consent.self)
    library.move("may", "clara")
    library.move("marco", None)
    assert names(library) == ["may", "clara", "hanna", "nico", "robin", "walter", "marco"]
    library.rename("may", "zoe")
    library.move("hanna", "hanna")
    library.add(photo, "new", Consent.self)
    assert names(Library()) == ["zoe", "clara", "hanna", "nico", "robin", "walter", "marco", "new"]
    (library.root / ".order.json").write_text("{")
    assert names(library)[0] == "clara"
    with pytest.raises(PersonaError, match="no persona"):
        library.move("zoe", "nobody")


@pytest.fixture(scope="module")
def portraits() -> list[Portrait]:
    return [examine(SHIPPED / name / PICTURE) for name in ("hanna", "marco", "nico")]


def test_a_persona_has_several_photos(library: Library, portraits: list[Portrait]) -> None:
    made = library.add_portraits(portraits[:2], "may", Consent.self)
    assert [path.name for path in made.photos] == ["picture.jpg", "photo-2.jpg"]
    assert made.material.photos == made.photos
    changed = library.change_photos("may", add=portraits[2:], remove=[1], first=2)
    assert [path.name for path in changed.photos] == ["photo-3.jpg", "photo-2.jpg"]
    shown = read_picture(changed.folder / THUMBNAIL).astype(int)
    assert np.abs(shown - read_picture(SHIPPED / "nico" / PICTURE, 256)).mean() < 4
    assert [(item.name, item.photo) for item in library.removed()] == [("may", True)]
    back = library.restore("may")
    assert isinstance(back, Persona)
    assert [path.name for path in back.photos] == ["photo-3.jpg", "photo-2.jpg", "photo-4.jpg"]
    assert library.removed() == []


def test_a_persona_keeps_a_photo_and_not_too_many(library: Library, portraits: list[Portrait]) -> None:
    library.add_portraits(portraits[:1], "may", Consent.self)
    before = own(library), sorted(library.get("may").folder.iterdir())
    changes: list[dict[str, Any]] = [{"remove": [1]}, {"remove": [2]}, {"first": 2}, {"add": portraits * 3}]
    for change in changes:
        with pytest.raises(PersonaError, match="photo"):
            library.change_photos("may", **change)
    assert (own(library), sorted(library.get("may").folder.iterdir())) == before


@pytest.mark.parametrize("step", ["write_record", "copy_file", "unlink"])
def test_killed_while_photos_change_nothing_is_lost(
    library: Library, portraits: list[Portrait], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = library.add_portraits(portraits[:2], "may", Consent.self).folder
    gone = (folder / "photo-2.jpg").read_bytes()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    place: Any = {"write_record": photos, "copy_file": bin_, "unlink": Path}[step]
    with monkeypatch.context() as patch:
        patch.setattr(place, step, die)
        with pytest.raises(KeyboardInterrupt):
            library.change_photos("may", remove=[2])
    known = [path.read_bytes() for path in library.get("may").photos]
    assert gone in [*known, *(item.path.read_bytes() for item in library.removed())]
    assert len(known) in (1, 2)


def test_the_bin_is_listed_and_emptied(library: Library, photo: Path) -> None:
    library.add(photo, "may", Consent.self, "五月")
    library.remove("五月")
    (library.root / ".removed" / "may.99999999T999999999999").mkdir()
    assert [(item.name, item.title, item.photo) for item in library.removed()] == [("may", "五月", False)]
    assert library.restore("五月").name == "may"
    library.remove("may")
    assert library.empty_bin() == 2
    assert (library.removed(), library.empty_bin()) == ([], 0)


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
