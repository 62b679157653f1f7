"""From a persona to what puts it on: which processor, with which options."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from fakes import Mask
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from visard.daemon.api.schema import Consent
from visard.daemon.config.settings import Mode
from visard.daemon.errors import PersonaError
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import FAST, candidates, chosen, configured, frames_per_second, prepare
from visard.daemon.personas.record import AUTO, RECORD, Damaged, PersonaKind, read
from visard.daemon.service.persona_index import thumbnail
from visard.engines.errors import Cancelled, ModelRefused, VisardError
from visard.models.errors import ModelMissing
from visard.models.processor import (
    Kind,
    Material,
    Prepared,
    Processor,
    Report,
    animators,
    find_processor,
    swappers,
)


class Strength(BaseModel):
    """Options with a range, a choice and a switch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: float = Field(0.5, ge=0, le=1, description="how much")
    shape: Literal["round", "square"] = Field("round", description="which outline")
    twice: bool = Field(False, description="run it again on its result")


class Fake:
    """A processor that remembers what it was given."""

    def __init__(self, name: str, quality: int, accepts: str = "photo", kind: Kind = "swap") -> None:
        self.name, self.summary, self.quality, self.kind = name, f"{name}, for tests", quality, kind
        self.accepts = frozenset({accepts})
        self.Options = Strength
        self.made: list[tuple[Material, Strength, Mask]] = []

    def check(self, material: Material) -> tuple[str, ...]:
        if material.model is not None and material.model.read_bytes() != b"weights":
            raise ModelRefused(f"{material.model.name} holds no weights")
        return (f"{self.name} has a remark",)

    def prepare(self, material: Material, options: Strength, report: Report) -> Mask:
        report(0.5, "thinking")
        mask = Mask()
        self.made.append((material, options, mask))
        return mask


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def only(*fakes: Fake) -> None:
        for registry, kind in ((swappers, "swap"), (animators, "animate")):
            monkeypatch.setattr(registry, "_found", {f.name: f for f in fakes if f.kind == kind})

    return only


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "library").mkdir()
    return Library(tmp_path / "library")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "Face.NET"
    path.write_bytes(b"weights")
    return path


def speeds(**rates: float) -> Callable[[Prepared], float]:
    """Say how fast each processor is, by the order in which they were prepared."""
    left = iter(rates.values())
    return lambda _: next(left)


def test_the_best_looking_one_that_is_fast_enough_is_taken(
    offer: Callable[..., None], library: Library
) -> None:
    plain, fine, finest = Fake("plain", 10), Fake("fine", 50), Fake("finest", 90)
    offer(plain, fine, finest)
    made = prepare(library.get("clara"), Mode.swap, speed=speeds(finest=3, fine=FAST, plain=500))
    assert (made.processor, made.mode, made.name) == ("fine", Mode.swap, "clara")
    assert made.prepared is fine.made[0][2]
    assert finest.made[0][2].closed
    assert not plain.made, "what looks worse is not even prepared"


def test_where_none_is_fast_enough_the_fastest_is_taken(offer: Callable[..., None], library: Library) -> None:
    fine, finest = Fake("fine", 50), Fake("finest", 90)
    offer(fine, finest)
    made = prepare(library.get("clara"), Mode.swap, speed=speeds(finest=4, fine=3))
    assert made.processor == "finest"
    assert [fake.made[0][2].closed for fake in (fine, finest)] == [True, False]


def test_one_whose_model_is_not_there_breaks_nothing(offer: Callable[..., None], library: Library) -> None:
    class Lacking(Fake):
        def prepare(self, material: Material, options: Strength, report: Report) -> Mask:
            raise ModelMissing("get it with: visard models fetch it")

    offer(Lacking("fine", 90), Fake("plain", 10))
    assert prepare(library.get("walter"), Mode.swap).processor == "plain"
    with pytest.raises(ModelMissing, match="visard models fetch it"):
        prepare(library.get("walter"), Mode.swap, processor="fine")


def test_the_only_one_is_not_measured(offer: Callable[..., None], library: Library) -> None:
    offer(Fake("only", 10))
    assert prepare(library.get("clara"), Mode.swap, speed=speeds()).processor == "only"


def test_speed_is_measured_on_a_face() -> None:
    mask = Mask()
    mask._before = lambda _: None
    assert frames_per_second(mask) > 0
    assert mask.calls == 6
    assert mask.forgotten == 1


def test_a_chosen_processor_is_taken_with_its_options(offer: Callable[..., None], library: Library) -> None:
    plain, fine = Fake("plain", 10), Fake("fine", 50)
    offer(plain, fine)
    library.configure("clara", "plain", {"strength": "0.25"})
    made = prepare(library.get("clara"), Mode.swap)
    assert made.processor == "plain"
    assert plain.made[0][1] == Strength(strength=0.25)
    made = prepare(library.get("clara"), Mode.swap, processor="fine", options={"twice": "true"})
    assert made.processor == "fine"
    assert fine.made[0][1] == Strength(twice=True)
    prepare(library.get("clara"), Mode.swap, options={"shape": "square"})
    assert plain.made[1][1] == Strength(strength=0.25, shape="square"), "what was kept stays"


def test_preparing_can_be_cancelled(offer: Callable[..., None], library: Library) -> None:
    offer(Fake("plain", 10))

    def cancel(_share: float, _text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        prepare(library.get("clara"), Mode.swap, cancel)


@pytest.mark.parametrize(
    ("processor", "mode", "said"),
    [
        ("nothing", Mode.swap, "there is no processor 'nothing'"),
        ("puppeteer", Mode.swap, "puppeteer can animate, not swap; use --mode animate"),
        ("net", Mode.swap, "net needs net, and clara is made of photo"),
    ],
)
def test_what_cannot_be_says_why(
    offer: Callable[..., None], library: Library, processor: str, mode: Mode, said: str
) -> None:
    offer(Fake("plain", 10), Fake("puppeteer", 10, kind="animate"), Fake("net", 10, accepts="net"))
    with pytest.raises(VisardError, match=said):
        candidates(library.get("clara"), mode, processor)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strenght": 1}, "plain has no option 'strenght'; there are: strength, shape, twice"),
        ({"strength": "2"}, "plain: strength: .* less than or equal to 1, not '2'"),
        ({"shape": "oval"}, "plain: shape: .*'round' or 'square'"),
    ],
)
def test_options_are_checked(
    offer: Callable[..., None], library: Library, options: dict[str, object], said: str
) -> None:
    offer(Fake("plain", 10))
    with pytest.raises(PersonaError, match=said):
        library.configure("clara", None, options)
    assert library.get("clara").record.options == {}


def test_a_trained_model_is_a_persona(offer: Callable[..., None], library: Library, model: Path) -> None:
    net = Fake("net", 80, accepts="net")
    offer(net, Fake("plain", 10), Fake("puppeteer", 10, kind="animate"))
    face = np.full((300, 200, 3), 99, np.uint8)
    added = library.add(
        model, "trained", Consent.permission, options={"twice": True}, sample=lambda persona: face
    )
    assert (added.record.kind, added.record.files) == (PersonaKind.model, ("model.net",))
    assert added.record.options == {"net": {"twice": True}}
    assert added.record.warnings == ("net has a remark",)
    assert added.picture is None
    assert (added.folder / "thumbnail.jpg").is_file()
    made = prepare(added, Mode.swap)
    assert made.processor == "net"
    assert net.made[-1][0].model == added.folder / "model.net"
    assert net.made[-1][1] == Strength(twice=True)
    with pytest.raises(PersonaError, match="nothing can animate with trained, which is made of net"):
        prepare(added, Mode.animate)


def test_a_trained_model_with_a_picture_can_do_more(
    offer: Callable[..., None], library: Library, model: Path
) -> None:
    offer(Fake("net", 80, accepts="net"), Fake("plain", 10), Fake("puppeteer", 10, kind="animate"))
    picture = library.get("hanna").picture
    added = library.add(model, "both", Consent.self, picture=picture)
    assert [one.name for one in candidates(added, Mode.swap)] == ["net", "plain"]
    assert [one.name for one in candidates(added, Mode.animate)] == ["puppeteer"]


def test_a_model_that_is_refused_leaves_nothing(
    offer: Callable[..., None], library: Library, model: Path
) -> None:
    offer(Fake("net", 80, accepts="net"))
    model.write_bytes(b"something else")
    with pytest.raises(ModelRefused, match="holds no weights"):
        library.add(model, "trained", Consent.self)
    assert not list(library.root.iterdir())


def test_a_model_given_by_its_path(offer: Callable[..., None], library: Library, model: Path) -> None:
    net = Fake("net", 80, accepts="net")
    offer(net)
    persona = library.resolve(str(model))
    assert (persona.name, persona.saved, persona.picture) == ("Face", False, None)
    assert prepare(persona, Mode.swap).processor == "net"
    assert net.made[0][0].model == model


def test_a_model_that_was_never_seen_at_work_has_the_face_of_nobody(
    offer: Callable[..., None], library: Library, model: Path
) -> None:
    offer(Fake("net", 10, accepts="net"))
    with Image.open(BytesIO(thumbnail(library.resolve(str(model))))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (256, 256))
        assert picture.getpixel((128, 98)) != picture.getpixel((4, 4))


def test_a_file_that_is_neither(offer: Callable[..., None], library: Library, model: Path) -> None:
    offer(Fake("net", 80, accepts="net"))
    other = model.rename(model.with_suffix(".onnx"))
    for ask in (library.resolve, lambda path: library.add(Path(path), "x", Consent.self)):
        with pytest.raises(PersonaError, match=r"neither a picture nor a trained model, which ends in \.net"):
            ask(str(other))


def test_a_choice_for_a_shipped_persona_is_kept_beside_it(
    offer: Callable[..., None], library: Library
) -> None:
    offer(Fake("plain", 10), Fake("fine", 50))
    before = (library.shipped / "clara" / RECORD).read_bytes()
    stamp = library.root.stat().st_mtime_ns
    library.configure("Clara", "plain", {"strength": 0.9, "twice": False})
    again = Library(library.root).get("clara").record
    assert (again.processor, again.options) == ("plain", {"plain": {"strength": 0.9}})
    assert (library.shipped / "clara" / RECORD).read_bytes() == before
    assert library.root.stat().st_mtime_ns != stamp, "whoever watches the library notices"
    assert len(library.entries()) == 6
    library.configure("clara", AUTO, {})
    assert Library(library.root).get("clara").record.processor == AUTO
    library.configure("clara", "plain", {"strength": None})
    assert Library(library.root).get("clara").record.options == {}


def test_choosing_keeps_the_options_of_the_others(offer: Callable[..., None], library: Library) -> None:
    offer(Fake("plain", 10), Fake("fine", 50))
    persona = library.get("clara")
    first = chosen(persona, "plain", {"strength": 0.9})
    library.configure("clara", "plain", {"strength": 0.9})
    second = chosen(library.get("clara"), "fine", {"twice": True})
    assert second.options == {**first.options, "fine": {"twice": True}}


def test_with_auto_options_are_those_of_what_is_at_work(offer: Callable[..., None], library: Library) -> None:
    offer(Fake("fine", 90), Fake("plain", 10))
    clara = library.get("clara")
    assert chosen(clara, None, {"strength": 1}).options == {"fine": {"strength": 1}}
    assert chosen(clara, None, {"strength": 1}, "plain").options == {"plain": {"strength": 1}}
    assert chosen(clara, None, {"strength": 1}, "gone").options == {"fine": {"strength": 1}}
    assert chosen(clara, "fine", {"strength": 1}, "plain").options == {"fine": {"strength": 1}}


def test_all_options_go_back_at_once(offer: Callable[..., None], library: Library) -> None:
    offer(Fake("fine", 90), Fake("plain", 10))
    for name in ("fine", "plain"):
        library.configure("clara", name, {"strength": 1})
    assert library.configure("clara", None, None).record.options == {}
    assert library.get("clara").record.processor == "plain"


def test_a_choice_that_is_not_kept(offer: Callable[..., None], library: Library) -> None:
    mover = Fake("mover", 90, kind="animate")
    offer(mover, Fake("plain", 10))
    other = configured(library.get("clara"), "mover", {"strength": "1"})
    assert (other.record.processor, other.record.options) == ("mover", {"mover": {"strength": 1.0}})
    assert library.get("clara").record.processor == AUTO
    made = prepare(other, None)
    assert (made.mode, made.processor, mover.made[0][1].strength) == (Mode.animate, "mover", 1.0)
    assert prepare(library.get("clara"), None).mode is Mode.swap
    assert prepare(library.get("clara"), None, processor="mover").mode is Mode.animate


def test_a_guest_is_configured_in_memory_and_its_files_are_left_alone(
    offer: Callable[..., None], library: Library, tmp_path: Path
) -> None:
    offer(Fake("fine", 90), Fake("plain", 10))
    photo = tmp_path / "photos" / "me.jpg"
    photo.parent.mkdir()
    photo.touch()
    library.guest = library.resolve(str(photo))
    record = library.configure("me", "plain", {"strength": 1}).record
    assert (record.processor, record.options) == ("plain", {"plain": {"strength": 1}})
    assert library.get("me").record == record
    for change in (lambda: library.remove("me"), lambda: library.rename("me", "you")):
        with pytest.raises(PersonaError, match="not in the library"):
            change()
    assert list(photo.parent.iterdir()) == [photo]


def test_old_records_are_read(tmp_path: Path, library: Library) -> None:
    folder = library.root / "old"
    folder.mkdir()
    old = {
        "name": "old",
        "title": "Old",
        "consent": "self",
        "kind": "photo",
        "created": "2026-01-01T00:00:00Z",
    }
    (folder / RECORD).write_text(json.dumps(old))
    (folder / "picture.jpg").write_bytes((library.shipped / "clara/picture.jpg").read_bytes())
    record = library.get("old").record
    assert (record.processor, record.options, record.files) == (AUTO, {}, ())


@pytest.mark.parametrize("name", ["model.net", "../outside.net"])
def test_a_record_with_a_file_that_is_not_there_is_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.net").write_bytes(b"weights")
    folder = tmp_path / "entry"
    folder.mkdir()
    record = {
        "name": "x", "title": "X", "kind": "model", "created": "2026-01-01T00:00:00Z", "files": [name]
    }  # fmt: skip
    (folder / RECORD).write_text(json.dumps(record))
    entry = read(folder)
    assert isinstance(entry, Damaged)
    assert name in entry.reason


def test_broken_plugins_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(swappers.broken, "odd", "ImportError: no such library")
    with pytest.raises(VisardError, match="odd cannot be used here: ImportError"):
        find_processor("odd")


def accepted(fake: Fake) -> Processor:
    """The type checker agrees that a fake is a processor."""
    return fake
