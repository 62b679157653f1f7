"""``visard train new``, ``run``, ``export``, ``trainings`` and ``pairs``: what they say, do and refuse."""

import json
import os
import signal
import subprocess
import sys
from importlib import util
from pathlib import Path

import face_sets
import people
import pytest
from deepfacelab_files import aligned, write_face
from test_cli import Call, call
from test_extraction import frames_of, write_film

from visard.daemon.foreground.extract import Choice, extract_faces
from visard.daemon.personas.library import Library
from visard.models.swap.dfm.options import FaceType
from visard.models.track.recogniser import Recogniser
from visard.models.train.errors import Collapsed
from visard.models.train.faces.alignment import FACE_CROPS, crop_options
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.options import ExtractOptions

torch = pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")
from training import TINY  # noqa: E402

__all__ = ["call"]
_TINY = {**TINY, "target_iter": 12, "precision": "fp32"}
_OPTIONS = [part for name, value in _TINY.items() for part in ("-o", f"{name}={value}")]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def sets(tmp_path: Path) -> tuple[str, str]:
    """Two sets of five faces each, with the same names."""
    folders = tmp_path / "persona", tmp_path / "driver"
    for folder in folders:
        face_sets.write_set(folder, [face_sets.record(frame) for frame in range(5)])
    return str(folders[0]), str(folders[1])


@pytest.fixture(scope="module")
def driver_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four faces of a film."""
    folder = tmp_path_factory.mktemp("driver")
    film = write_film(folder / "film.mp4", frames_of("walter", 4))
    options = ExtractOptions(resolution=256, duplicates=True)
    extract_faces([film], folder / "set", options, Choice(), lambda _share, _text: None)
    return folder / "set"


@pytest.fixture
def begun(call: Call, sets: tuple[str, str]) -> str:
    """The name of a training that was begun."""
    status, out, err = call("train", "new", "anna", "--persona", sets[0], "--driver", sets[1], *_OPTIONS)
    assert status == 0
    assert err.count("has 5 faces; a network learns a person from hundreds that differ") == 2
    assert "train it with: visard train run anna" in out
    return "anna"


def test_a_training_from_beginning_to_end(call: Call, begun: str, tmp_path: Path) -> None:
    status, out, err = call("train", "run", begun, "--workers", "0", "--device", "cpu")
    assert status == 0
    assert "12 steps are done; make a persona of it with: visard train export anna" in out
    (line,) = [line for line in err.splitlines() if line.startswith("step ")]
    assert line.startswith("step 10, src ")
    assert "it/s" in line
    assert "left" in line

    status, out, _ = call("train", "trainings", "--json")
    assert (status, [each["step"] for each in json.loads(out)]) == (0, [12])
    status, out, _ = call("train", "trainings", begun)
    assert status == 0
    assert "12 steps" in out
    assert "ae_dims          8" in out

    status, out, _ = call("train", "export", begun, str(tmp_path / "anna.dfm"), "--json")
    told = json.loads(out)
    assert (status, told["bytes"]) == (0, (tmp_path / "anna.dfm").stat().st_size)
    assert told["most"] < 2e-4


def test_what_was_trained_becomes_a_persona_that_cuts_faces_as_in_training(call: Call, begun: str) -> None:
    assert call("train", "run", begun, "--workers", "0", "-o", "target_iter=1")[0] == 0
    status, _, err = call("train", "export", begun)
    assert status == 2
    assert "say --consent" in err
    status, out, _ = call("train", "export", begun, "--consent", "generated", "--as", "anna-1", "--half")
    assert status == 0
    assert "wear it with: visard run --persona 'anna-1'" in out
    persona = Library().get("anna-1")
    coverage, _ = FACE_CROPS[FaceType.whole_face]
    options = persona.record.options["dfm"]
    assert persona.record.processor == "dfm"
    assert (options["coverage"], options["y_offset"], options["resolution"]) == (round(coverage, 4), 0.01, 64)
    status, _, err = call("train", "export", begun, "--consent", "generated", "--as", "anna-1")
    assert status == 1
    assert "there is a persona anna-1 already" in err


def test_face_types_but_one_are_cut_out_alike() -> None:
    assert crop_options(FaceType.head) == {"face_type": FaceType.head}
    assert crop_options(FaceType.whole_face)["coverage"] == 2.1314


def test_events_are_lines_of_json(call: Call, begun: str) -> None:
    status, out, _ = call("train", "run", begun, "--workers", "0", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [line["event"] for line in lines] == ["saved", "stepped", "previewed", "saved", "ended"]
    assert lines[1]["losses"].keys() == {"src", "dst"}
    assert lines[-1] == {"event": "ended", "step": 12, "complete": True}
    status, out, _ = call("train", "run", begun, "--workers", "0", "--json", "-o", "target_iter=13")
    assert status == 0
    assert json.loads(out.splitlines()[0]) == {"event": "resumed", "step": 12}


def test_a_bar_tells_losses_and_the_time_that_is_left(call: Call, begun: str) -> None:
    status, _, err = call("train", "run", begun, "--workers", "0", "--progress")
    assert status == 0
    assert "it/s" in err
    assert "step 10," not in [line[:8] for line in err.splitlines()]


TORCHRUN = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=3"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("launcher", "status"), [((), 130), (TORCHRUN, 1)])
def test_ctrl_c_keeps_what_was_learned(
    begun: str, home: Path, launcher: tuple[str, ...], status: int
) -> None:
    """Torchrun says so to its processes, too, which are not to take that for a second Ctrl-C."""
    run = "-m", "visard.daemon", "train", "run", begun, "--json", "--workers", "1", "--device", "cpu"
    command = [sys.executable, *launcher, *run]
    with subprocess.Popen(
        [*command, "-o", "target_iter=100000"], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    ) as program:  # fmt: skip
        assert program.stdout is not None
        for line in program.stdout:
            if json.loads(line)["event"] == "stepped":
                break
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does: the workers get it, too
        rest = [json.loads(line) for line in program.stdout]
    assert program.returncode == status
    saved, ended = rest[-2:]
    assert (saved["event"], ended["event"], ended["complete"]) == ("saved", "ended", False)
    assert saved["step"] == ended["step"] >= 10


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("run", "nobody"), 1, "there is no training in"),
        (("export", "nobody", "x.dfm"), 1, "there is no training in"),
        (("trainings", "nobody"), 1, "begin one with 'visard train new nobody'"),
        (("run", "../anna"), 2, "cannot be the name of a folder"),
        (("run", ".anna"), 2, "cannot be the name of a folder"),
        (("run", "anna", "-o", "lr"), 2, "'lr' is not KEY=VALUE"),
        (("run", "anna", "-o", "learning=1"), 1, "learning: "),
        (("run", "anna", "-o", "ae_dims=16"), 1, "ae_dims is 8 in this training and cannot become 16"),
        (("export", "anna", "anna.dfm"), 1, "nothing has been trained in"),
        (("run", "anna", "--persona", "nowhere"), 2, "does not exist"),
    ],
)
def test_what_cannot_be(
    call: Call, begun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], status: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    got, _, err = call("train", *arguments)
    assert got == status
    assert said in err


def test_sets_that_do_not_fit(call: Call, sets: tuple[str, str], tmp_path: Path) -> None:
    def new(persona: object, driver: object, *more: str) -> str:
        given = ("--persona", str(persona), "--driver", str(driver))
        status, _, err = call("train", "new", "other", *given, *_OPTIONS, *more)
        assert status in (1, 2)
        assert not (tmp_path / "home/data/training/other/training.json").exists()
        return err

    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"the set of the persona's faces is empty: there is none in {empty};" in new(empty, sets[1])
    (empty / "photo.png").write_bytes((Path(sets[0]) / "face-000000.jpg").read_bytes()[:99])
    assert "the set of the driver's faces is empty" in (said := new(sets[0], empty))
    assert "photo.png" in said
    assert "name the faces of two people" in new(sets[0], sets[0])
    small = face_sets.write_set(tmp_path / "small", [face_sets.record(frame) for frame in range(3)])
    assert "of 5 and 3 faces" in new(sets[0], small, "-o", "paired=true")
    heads = [face_sets.record(frame, face_type=FaceType.head) for frame in range(5)]
    assert "are head, and this training is of whole_face" in new(
        sets[0], face_sets.write_set(tmp_path / "heads", heads)
    )
    mixed = [face_sets.record(n, face_type=kind) for n, kind in enumerate((FaceType.head, FaceType.full))]
    assert "holds faces of several types (full, head)" in new(
        sets[0], face_sets.write_set(tmp_path / "mixed", mixed)
    )
    other = face_sets.write_set(tmp_path / "png", [face_sets.record(n) for n in range(5)], ".png")
    assert "have other names, so that they are no pairs" in new(sets[0], other, "-o", "paired=true")
    assert "there is no persona" in new("nobody", sets[1])
    assert "does not exist" in new(sets[0], tmp_path / "nothing")
    assert "there is no preset 'slow'" in new(*sets, "--preset", "slow")


def test_a_name_is_taken_once_and_faces_that_are_gone_are_missed(
    call: Call, begun: str, sets: tuple[str, str]
) -> None:
    status, _, err = call("train", "new", begun, "--persona", sets[0], "--driver", sets[1])
    assert status == 1
    assert "there is a training in" in err
    for path in Path(sets[0]).iterdir():
        path.unlink()
    status, _, err = call("train", "run", begun)
    assert status == 1
    assert "the set of the persona's faces is empty" in err


def test_other_faces_from_now_on(call: Call, begun: str, tmp_path: Path) -> None:
    more = face_sets.write_set(tmp_path / "more", [face_sets.record(frame) for frame in range(7)])
    given = ("--workers", "0", "-o", "target_iter=1")
    assert call("train", "run", begun, "--classic", "--persona", str(more), *given)[0] == 0
    status, out, _ = call("train", "trainings", begun, "--json")
    told = json.loads(out)
    assert (status, told["src"], told["options"]["lr"]) == (0, str(more), 5e-5)


def test_without_torch_it_is_told_how_to_get_it(
    call: Call, begun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = util.find_spec
    monkeypatch.setattr(
        "visard.models.train.project.find_spec", lambda name: None if name == "torch" else find(name)
    )
    for arguments in (("run", begun), ("export", begun, str(tmp_path / "x.dfm"))):
        status, _, err = call("train", *arguments)
        assert status == 1
        assert "training needs PyTorch, which is not installed: pip install 'visard[train]'" in err
    given = ("--persona", str(tmp_path / "persona"), "--driver", str(tmp_path / "driver"))
    status, out, err = call("train", "new", "my face", *given, *_OPTIONS)
    assert status == 0
    assert "pip install 'visard[train]'" in err
    assert "train it with: visard train run 'my face'" in out


def test_deepfacelabs_folders_are_trained_on(call: Call, tmp_path: Path) -> None:
    for name in ("walter", "clara"):
        (tmp_path / name).mkdir()
        portrait = people.portrait(name)
        for number in range(3):
            picture, data = aligned(portrait.image, portrait.face.landmarks)
            write_face(tmp_path / name / f"{number:05d}_0.jpg", picture, data)
    given = ("--persona", str(tmp_path / "clara"), "--driver", str(tmp_path / "walter"))
    assert call("train", "new", "theirs", *given, *_OPTIONS)[0] == 0
    status, out, _ = call("train", "run", "theirs", "--workers", "0", "-o", "target_iter=2")
    assert status == 0
    assert "2 steps are done" in out


def test_pairs_of_a_set(call: Call, tmp_path: Path, driver_set: Path) -> None:
    status, out, _ = call("train", "pairs", "clara", str(driver_set), str(tmp_path / "out"), "--json")
    told = json.loads(out)
    assert (status, told["persona_faces"], told["driver_faces"], told["paired"]) == (0, 4, 4, True)
    mine, theirs = FaceSet(tmp_path / "out/persona"), FaceSet(tmp_path / "out/driver")
    assert mine.names == theirs.names
    people = [faces.index.rows["embedding"] for faces in (mine, theirs)]
    assert (people[1] @ people[1].T).min() > 0.5
    assert (people[0] * people[1]).sum(1).max() < 0.5
    for number in range(4):
        one, other = mine.face(number), theirs.face(number)
        assert (one.landmarks == other.landmarks).all()
        changed = abs(one.picture.astype(int) - other.picture).mean(-1)
        assert changed[one.mask > 200].mean() > 4 * changed[one.mask == 0].mean()
    kept = (tmp_path / "out/persona" / mine.names[0]).stat().st_mtime_ns
    status, out, _ = call("train", "pairs", "clara", str(driver_set), str(tmp_path / "out"), "--json")
    assert (status, json.loads(out)["persona_faces"]) == (0, 4)
    assert (tmp_path / "out/persona" / mine.names[0]).stat().st_mtime_ns == kept


def test_pairs_need_landmarks_and_a_persona_that_is_there(
    call: Call, tmp_path: Path, sets: tuple[str, str]
) -> None:
    status, _, err = call("train", "pairs", "nobody", sets[1], str(tmp_path / "out"))
    assert status == 1
    assert "there is no persona" in err
    status, _, err = call("train", "pairs", "clara", sets[1], str(tmp_path / "out"), "--animate")
    assert status == 1
    assert "only a film can move a portrait" in err


def test_faces_of_an_animated_photo_and_a_training_of_a_persona_and_a_film(
    call: Call, tmp_path: Path, driver_set: Path
) -> None:
    film = driver_set.parent / "film.mp4"
    status, out, _ = call("train", "new", "clara-1", "--persona", "clara", "--driver", str(film), *_OPTIONS)
    assert status == 0
    status, out, _ = call("train", "trainings", "clara-1", "--json")
    told = json.loads(out)
    mine, theirs = FaceSet(Path(told["src"])), FaceSet(Path(told["dst"]))
    assert 1 <= len(mine) <= 4
    assert 1 <= len(theirs) <= 4
    own = Recogniser()(people.portrait("clara").image, people.portrait("clara").face.landmarks)
    assert (mine.index.rows["embedding"] @ own).min() > 0.5 > (theirs.index.rows["embedding"] @ own).max()
    assert [path.name for path in Path(told["src"]).parent.iterdir() if path.name.startswith(".")] == []


def test_what_ended_a_training_can_be_seen_later(
    call: Call, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collapse(*_: object) -> int:
        raise Collapsed("training has collapsed again and again")

    monkeypatch.setattr("visard.models.train.trainer.Trainer.run", collapse)
    status, _, err = call("train", "run", begun, "--workers", "0")
    assert status == 1
    assert "training has collapsed again and again" in err
    status, out, _ = call("train", "trainings")
    assert status == 0
    assert out.splitlines() == [
        "anna: quick, 64 pixels, step 0 of 12, new",
        "  training has collapsed again and again",
    ]
