"""Sets of faces as the trainer reads them, and what is done to them: sorted, pruned, chosen, looked at."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from face_sets import SIDE, embedding, landmarks, record, write_set

from visard.models.blendshapes import NAMES
from visard.models.errors import FaceSetError
from visard.models.train.faces import index
from visard.models.train.faces.duplicates import Duplicates
from visard.models.train.faces.extraction_log import NAME, ExtractionLog, PeopleChosen, SourceDone
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.folders import PEOPLE, PRUNED
from visard.models.train.faces.measures import fingerprint
from visard.models.train.faces.order import ORDERS, sort_faces
from visard.models.train.faces.people import person_numbers, sort_people
from visard.models.train.faces.prune import prune_faces, restore_faces
from visard.models.train.faces.record import MASK_SIDE, mask_to_runs, runs_to_mask
from visard.models.train.faces.sheet.files import write_sheets


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_face_is_read_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    front = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    front[: MASK_SIDE // 2] = 255
    faces = FaceSet(write_set(tmp_path / "set", [record(occlusion=mask_to_runs(front), yaw=12.5)], suffix))
    face = faces.face(0)
    assert (len(faces), face.picture.shape, face.yaw) == (1, (SIDE, SIDE, 3), 12.5)
    np.testing.assert_allclose(face.landmarks, landmarks()[:, :2], atol=1e-3)
    assert face.mask[SIDE // 2 - 8, SIDE // 2] == 0
    assert face.mask[SIDE // 2 + 8, SIDE // 2] == 255
    assert face.mask[-1, -1] == 0
    half = faces.face(0, SIDE // 2)
    assert half.picture.shape == (SIDE // 2, SIDE // 2, 3)
    assert half.mask.shape == (SIDE // 2, SIDE // 2)
    np.testing.assert_allclose(half.landmarks, face.landmarks / 2, atol=1e-3)
    np.testing.assert_allclose(half.matrix, [[0.25, 0, 1.5], [0, 0.25, 2]])


def test_a_set_goes_to_other_processes(tmp_path: Path) -> None:
    faces = FaceSet(write_set(tmp_path / "set", [record(frame) for frame in range(3)]))
    again = pickle.loads(pickle.dumps(faces))
    assert again.names == faces.names
    np.testing.assert_array_equal(again.face(2).picture, faces.face(2).picture)


@pytest.mark.parametrize("runs", [[], [65536], [0, 65536], [5, 3, 65528]])
def test_masks_as_runs(runs: list[int]) -> None:
    if runs:
        assert mask_to_runs(runs_to_mask(runs)) == runs
    for wrong in ([70000], [-1, 65537], [1]):
        with pytest.raises(FaceSetError, match="mask"):
            runs_to_mask(wrong)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_face_survives_the_loss_of_either_record(tmp_path: Path, suffix: str) -> None:
    folder = write_set(tmp_path / "set", [record(0, yaw=1), record(1, yaw=2)], suffix)
    (folder / "face-000000.json").unlink()
    (folder / f"face-000001{suffix}").rename(folder / f"renamed{suffix}")
    copied = tmp_path / "copied"
    copied.mkdir()
    shutil.copy(folder / f"renamed{suffix}", copied)
    assert FaceSet(folder).column("yaw").tolist() == [1, 2]
    assert FaceSet(copied).column("yaw").tolist() == [2]


def test_what_is_damaged_or_foreign_is_noted_and_left_out(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [record(frame) for frame in range(4)])
    (folder / "face-000001.json").write_text('{"version": 2}')
    (folder / "face-000002.json").write_text("[" * 5000)
    (folder / "holiday.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "face-000003.json").write_bytes(b"x" * 100_000)
    faces = FaceSet(folder)
    assert faces.names == ["face-000000.jpg"]
    assert len(faces.notes) == 4
    with pytest.raises(FaceSetError, match="there is no folder"):
        FaceSet(tmp_path / "none")


def test_the_index_is_only_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_set(tmp_path / "set", [record(frame, yaw=frame) for frame in range(3)])
    read: list[Path] = []
    load = index.load_record
    monkeypatch.setattr(index, "load_record", lambda path: (read.append(path), load(path))[1])
    assert len(FaceSet(folder)) == len(read) == 3
    FaceSet(folder)
    assert len(read) == 3
    (folder / "face-000001.jpg").unlink()
    assert FaceSet(folder).column("yaw").tolist() == [0, 2]
    assert len(read) == 3
    os.utime(folder / "face-000002.jpg", ns=(1, 1))
    FaceSet(folder)
    assert len(read) == 4
    (folder / index.NAME).write_bytes(b"PK damaged")
    assert FaceSet(folder).column("yaw").tolist() == [0, 2]


def _varied(folder: Path) -> Path:
    smile = [0.0] * len(NAMES)
    smile[NAMES.index("mouthSmileLeft")] = 1
    return write_set(
        folder,
        [
            record(0, yaw=20, pitch=-3, blur=0.3, brightness=0.2, embedding=embedding(1)),
            record(1, yaw=-20, pitch=9, blur=0.1, brightness=0.9, expression=smile),
            record(2, yaw=0, pitch=2, blur=0.5, brightness=0.5, fingerprint="f" * 64),
            record(3, yaw=-1, pitch=1, blur=0.4, brightness=0.4),
        ],
    )


@pytest.mark.parametrize(
    ("by", "frames"),
    [
        ("yaw", [1, 3, 2, 0]),
        ("pitch", [0, 3, 2, 1]),
        ("blur", [1, 0, 3, 2]),
        ("light", [0, 3, 2, 1]),
        ("expression", [2, 3, 0, 1]),
        ("identity", [2, 3, 1, 0]),
        ("similarity", [1, 3, 0, 2]),
        ("source", [0, 1, 2, 3]),
    ],
)
def test_sorting(tmp_path: Path, by: str, frames: list[int]) -> None:
    folder = _varied(tmp_path / "set")
    sort_faces(folder, "blur", reverse=True)
    order = sort_faces(folder, by)
    assert [path.name for path in order] == sorted(path.name for path in folder.glob("*.jpg"))
    assert FaceSet(folder).index.rows["frame"].tolist() == frames
    assert len(list(folder.glob("*.json"))) == 4
    assert set(ORDERS) >= {by}
    sort_faces(folder, "source")
    assert FaceSet(folder).names == [f"face-{number:06d}.jpg" for number in range(4)]


def test_sorting_overwrites_nothing(tmp_path: Path) -> None:
    folder = _varied(tmp_path / "set")
    (folder / "00001.face-000001.jpg").write_bytes(b"somebody's")
    sort_faces(folder, "yaw")
    assert (folder / "00001.face-000001.jpg").read_bytes() == b"somebody's"
    assert len(FaceSet(folder)) == 4


def test_pruning_keeps_directions_and_the_sharpest_and_can_be_undone(tmp_path: Path) -> None:
    records = [record(n, yaw=0, blur=0.1 + n / 100) for n in range(20)]
    records += [record(20, yaw=30, blur=0.5), record(21, yaw=-30, blur=0.45), record(22, pitch=20, blur=0.4)]
    folder = write_set(tmp_path / "set", records)
    assert prune_faces(folder, keep=5) == 18
    assert sorted(FaceSet(folder).index.rows["frame"].tolist()) == [0, 1, 20, 21, 22]
    assert len(FaceSet(folder / PRUNED)) == 18
    shutil.copy(folder / PRUNED / "face-000005.jpg", folder)
    assert restore_faces(folder) == 18
    frames = FaceSet(folder).index.rows["frame"].tolist()
    assert sorted(frames) == sorted([*range(23), 5])
    assert restore_faces(folder) == 0
    assert prune_faces(folder, worst=0.25) == 6
    assert FaceSet(folder).column("blur").max() < 0.27


def test_people_are_told_apart_and_another_can_be_chosen(tmp_path: Path) -> None:
    near = (np.eye(128)[0] * 0.8 + np.eye(128)[5] * 0.6).tolist()
    folder = write_set(
        tmp_path / "set",
        [
            *(record(n, track=0) for n in range(4)),
            record(4, track=0, embedding=embedding(3)),  # the film cuts to somebody else at the same place
            *(record(n, track=9, embedding=near) for n in range(5, 7)),
            *(record(n, track=2, embedding=embedding(1)) for n in range(7, 9)),
            record(9, track=2, yaw=60, embedding=embedding(7)),  # turned far: its track knows better
        ],
    )
    (folder / NAME).unlink()
    people = sort_people(ExtractionLog.load(folder))
    assert [(each.number, each.faces, each.chosen) for each in people] == [
        (1, 6, True),
        (2, 3, False),
        (3, 1, False),
    ]
    assert len(FaceSet(folder)) == 6
    prune_faces(folder, keep=5)
    assert [each.chosen for each in sort_people(ExtractionLog.load(folder), 2)] == [False, True, False]
    assert sorted(FaceSet(folder).index.rows["frame"].tolist()) == [7, 8, 9]
    assert len(FaceSet(folder / PEOPLE / "1")) == 6
    with pytest.raises(FaceSetError, match="no person 4; 3 were found"):
        sort_people(ExtractionLog.load(folder), 4)
    sort_people(ExtractionLog.load(folder), everybody=True)
    assert len(FaceSet(folder)) == 10
    assert not (folder / PEOPLE).exists()
    sort_people(ExtractionLog.load(folder))
    assert len(FaceSet(folder)) == 10
    sort_people(ExtractionLog.load(folder), 1)
    assert len(FaceSet(folder)) == 6


def test_nobody_is_nobody() -> None:
    assert not len(person_numbers([], np.zeros(0, index.ROW)))


def test_duplicates_need_a_like_picture_pose_and_expression() -> None:
    known, looks = Duplicates(), np.zeros(54)
    grey = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (50, 1))
    one = fingerprint(grey)
    assert known.add(one, looks)
    assert not known.add(one, looks)
    assert known.add(one, looks + np.eye(54)[0] * 3)
    assert known.add(one, looks + np.eye(54)[20] * 0.3)
    assert known.add(~one, looks)
    rng = np.random.default_rng(3)
    assert all(known.add(rng.integers(0, 256, 32, np.uint8), looks) for _ in range(600))


def test_half_a_line_is_no_loss(tmp_path: Path) -> None:
    log = ExtractionLog(tmp_path)
    done = SourceDone(path="/a", label="a", stamp=(1, 2), options="{}", kept=3)
    log.write(done)
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"kind": "people", "chosen": {}')
    assert ExtractionLog.load(tmp_path).people is None
    ExtractionLog.load(tmp_path).write(PeopleChosen(chosen=1, count=1))
    again = ExtractionLog.load(tmp_path)
    assert again.people is not None
    assert again.sources["/a"].kept == 3
    assert again.label("/a", "x") == "a"
    assert again.label("/b", "a") == "a (2)"
    (tmp_path / NAME).write_text('{"kind": "set", "version": 9}\n')
    with pytest.raises(FaceSetError, match="line 1"):
        ExtractionLog.load(tmp_path)


def test_sheets_show_what_there_is(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "<b>set", [record(n, yaw=n * 4 - 40, source="<script>") for n in range(20)])
    picture, page = write_sheets(folder)
    text = page.read_text()
    assert text.count("<img") == 20
    assert "<script" not in text
    assert "&lt;b&gt;set" in text
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(FaceSet(folder)) == 20
    empty = tmp_path / "empty"
    empty.mkdir()
    write_sheets(empty)
