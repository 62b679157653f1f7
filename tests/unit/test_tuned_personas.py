"""Corrections in the library: kept, put on and off, and dropped with the photos that they were found for."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli_personas import Call
from test_mesh_correction import correction

from visard.daemon.api.schema import Consent
from visard.daemon.cli import main
from visard.daemon.config import paths
from visard.daemon.config.file import ConfigFile
from visard.daemon.errors import PersonaError
from visard.daemon.personas.entries import APPEARANCES
from visard.daemon.personas.library import SHIPPED, Library
from visard.daemon.personas.record import PICTURE, Persona
from visard.daemon.pipeline import tuning
from visard.daemon.sources.demo import CLIP
from visard.models.face import Image
from visard.models.portrait import examine
from visard.models.swap.mesh.correction import Correction


def outcome(found: Correction | None, refused: str | None, picture: Image) -> object:
    """What tuning gives; skips without what tuning needs."""
    pytest.importorskip("torch", reason="tuning needs PyTorch: the extra 'train'")
    from visard.models.train.tune.tuner import Outcome
    from visard.models.train.tune.verdict import Scores, Verdict

    scores = Scores(persona=0.6, driver=0.2, expression=0.9, jitter=1.0, unsure=0.03, shape=0.1)
    return Outcome(found, Verdict(scores, scores, refused), picture)


@pytest.fixture
def library(home: Path) -> Library:
    return Library()


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(("personas", *arguments))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture
def mine(library: Library) -> str:
    return library.add(SHIPPED / "hanna" / PICTURE, "mine", Consent.generated).name


@pytest.mark.parametrize("shipped", [True, False])
def test_a_correction_is_kept_and_put_on_and_off(library: Library, mine: str, shipped: bool) -> None:
    name = "clara" if shipped else mine
    library.keep_correction(name, correction())
    tuned = Library().get(name).material.tuned
    assert tuned is not None
    assert Correction.load(tuned).shape == pytest.approx(correction().shape, abs=1e-3)
    assert SHIPPED not in tuned.path.parents
    assert library.put_tuned(name, False).material.tuned is None
    assert Library().get(name).material.tuned is None
    assert library.put_tuned(name, True).material.tuned == tuned


def test_only_the_newest_is_kept(library: Library, mine: str) -> None:
    for strength in (0.1, 0.2):
        library.keep_correction(mine, correction(strength))
    persona = library.get(mine)
    assert [path.name for path in persona.folder.glob("*.npz")] == [persona.record.tuned.file]


def test_other_photos_need_another_correction(library: Library, mine: str) -> None:
    library.keep_correction(mine, correction())
    library.change_photos(mine, [examine(SHIPPED / "hanna" / PICTURE)])
    assert library.get(mine).material.tuned is None


def test_a_name_and_a_title_change_nothing(library: Library, mine: str) -> None:
    library.keep_correction(mine, correction())
    library.rename(mine, "other", "Someone")
    tuned = library.get("other").material.tuned
    assert tuned is not None
    Correction.load(tuned)


def test_what_ships_later_takes_the_place_of_a_file_that_is_gone(library: Library) -> None:
    before = library.get("clara").record.tuned
    library.keep_correction("clara", correction())
    for path in (library.root / APPEARANCES).glob("*.npz"):
        path.unlink()
    assert library.get("clara").record.tuned == before


def test_who_was_not_tuned_has_no_other_look(library: Library, mine: str) -> None:
    with pytest.raises(PersonaError, match="visard personas tune mine"):
        library.put_tuned(mine, False)


def test_undo_and_redo(call: Call, library: Library, mine: str) -> None:
    library.keep_correction(mine, correction())
    assert call("tune", mine, "--undo")[0] == 0
    assert library.get(mine).material.tuned is None
    status, out, _ = call("tune", mine, "--redo", "--json")
    assert status == 0
    assert json.loads(out)["tuned"]["on"] is True
    assert call("tune", mine, "--undo", "--redo")[0] == 2
    assert call("tune", mine, "--driver", "x.mp4", "--keep-driver", "y.mp4")[0] == 2


def test_without_pytorch_it_is_said_how_to_get_it(
    call: Call, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "find_spec", lambda _name: None)
    status, _, err = call("tune", mine)
    assert status == 1
    assert "pip install 'visard[train]'" in err


def test_given_up_it_leaves_all_as_it_was(
    call: Call, library: Library, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = library.get(mine).record
    monkeypatch.setattr(tuning, "everybody", interrupted)
    assert call("tune", mine)[0] == 130
    assert library.get(mine).record == before
    assert not list(library.get(mine).folder.glob("*.npz"))


@pytest.mark.parametrize("keep", [False, True])
def test_a_camera_is_a_file_on_request_alone(
    call: Call, library: Library, mine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keep: bool
) -> None:
    """Without a daemon the camera is opened here; a film stands in for it."""
    pytest.importorskip("torch", reason="tuning needs PyTorch: the extra 'train'")
    seen: list[int] = []

    def tuned(persona: Persona, drivers: tuning.Drivers, *_: object, **__: object) -> object:
        (frames,) = drivers.values()
        seen.append(len(frames))
        assert not list((paths.cache() / "tuning").glob("*.mp4"))
        return outcome(correction(), None, frames[0][0])

    film, clip = tmp_path / "camera.mp4", tmp_path / "me.mp4"
    film.write_bytes(CLIP.read_bytes())
    ConfigFile(paths.config() / "config.toml").change({"camera": str(film)})
    monkeypatch.setattr(tuning, "tune", tuned)
    monkeypatch.setattr(tuning, "FEWEST", 1)
    monkeypatch.setattr(tuning, "MINUTE", 4.0)
    status, out, err = call(
        "tune", mine, "--driver", "camera", *(("--keep-driver", str(clip)) if keep else ())
    )
    assert (status, len(seen)) == (0, 1), err
    assert "is tuned: likeness 0.60 -> 0.60" in out
    assert clip.exists() is keep
    assert not keep or clip.stat().st_mode & 0o777 == 0o600
    assert library.get(mine).record.tuned is not None
    assert [path.name for path in (paths.cache() / "tuning").iterdir()] == ["lock"]


def test_adding_offers_to_tune_or_does_it(
    call: Call, library: Library, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="tuning needs PyTorch: the extra 'train'")
    photo = str(SHIPPED / "hanna" / PICTURE)
    _, out, _ = call("add", photo, "--name", "one", "--consent", "generated")
    assert "visard personas tune 'one'" in out
    monkeypatch.setattr(tuning, "everybody", lambda _: {"hanna": [(np.zeros((9, 9, 3), np.uint8), None)]})
    made = outcome(None, "it trembles", np.zeros((9, 9, 3), np.uint8))
    monkeypatch.setattr(tuning, "tune", lambda *_, **__: made)
    status, out, _ = call("add", photo, "--name", "two", "--consent", "generated", "--tune")
    assert (status, library.get("two").record.tuned) == (0, None)
    assert "two stays as it was: it trembles" in out
