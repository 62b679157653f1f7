"""Faces out of films and photos: what is taken, what is left out and why, and how it goes on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import people
import pytest

from visard.daemon.cli import main
from visard.models.face import Image
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.alignment import FACE_CROPS, face_matrix
from visard.models.train.faces.extraction_log import ExtractionLog
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.folders import DROPPED, UNSORTED
from visard.models.train.faces.record import load_record

SIZE = 320, 320
Call = Callable[..., tuple[int, dict, str]]


def frames_of(name: str, count: int) -> list[Image]:
    """Return a person who leans aside, further in every picture."""
    head = people.headshot(name, SIZE[0])
    turns = [cv2.getRotationMatrix2D((160, 160), 5 * n, 0.85 + 0.03 * n) for n in range(count)]
    return [cv2.warpAffine(head, turn, SIZE, borderMode=cv2.BORDER_REPLICATE) for turn in turns]


def write_film(path: Path, pictures: list[Image]) -> Path:
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"crf": "12"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures:
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(video.encode(None))
    return path


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of one person, another and the first again, and a folder of good and of wrong pictures."""
    folder = tmp_path_factory.mktemp("material")
    walter, grey = frames_of("walter", 6), np.full((*SIZE, 3), 80, np.uint8)
    write_film(folder / "film.mp4", [*walter, *frames_of("clara", 3), grey, *walter[:1] * 4])
    photos = folder / "photos"
    photos.mkdir()
    hidden = people.headshot("marco", 320)
    hidden[150:] = (70, 60, 50)
    tiny = cv2.resize(walter[2], (60, 60), interpolation=cv2.INTER_AREA)
    small = people.scene((tiny, 100, 100))
    blurred = cv2.GaussianBlur(walter[1], (0, 0), 7)
    pictures = {"blurred": blurred, "hidden": hidden, "small": small, "wall": np.full_like(small, 90)}
    for name, picture in pictures.items():
        cv2.imwrite(str(photos / f"{name}.png"), picture)
    (photos / "broken.jpg").write_bytes(b"no picture at all")
    (photos / "broken.mp4").write_bytes(b"no film at all")
    (photos / "notes.txt").write_text("not for us")
    return folder


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: object) -> tuple[int, dict, str]:
        with pytest.raises(SystemExit) as left:
            main(["train", *map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), json.loads(out), err

    return run


def test_one_person_is_taken_and_the_rest_is_counted(call: Call, material: Path, tmp_path: Path) -> None:
    target = tmp_path / "set"
    given = ("extract", material / "film.mp4", material / "photos", material / "none.mp4", target)
    options = ("--resolution", "128", "--min-size", "70")
    status, told, _ = call(*given, *options)
    assert status == 0
    assert told["complete"]
    first, second = told["people"]
    repeated = told["dropped"]["duplicate"]
    assert (first["chosen"], second["chosen"]) == (True, False)
    assert (first["faces"] + repeated, second["faces"]) == (10, 3)
    assert repeated >= 3
    assert told["faces"] == len(FaceSet(target)) == first["faces"]
    assert told["dropped"]["small"] == 1
    assert told["dropped"]["blurred"] == 1
    assert told["dropped"]["occluded"] == 1
    assert (told["unreadable"], told["others"]) == (3, 1)
    notes = " ".join(told["notes"])
    assert "none.mp4" in notes
    assert "broken.jpg" in notes
    assert "broken.mp4" in notes
    assert len(list((target / DROPPED / "duplicate").glob("*.jpg"))) == repeated
    assert not (target / UNSORTED).exists()
    assert all(Path(sheet).is_file() for sheet in told["sheets"])

    status, again, _ = call(*given, *options)
    assert (status, again["faces"], again["added"], again["frames"]) == (0, first["faces"], 0, 0)
    assert again["dropped"] == told["dropped"]
    status, refused, _ = call(*given, "--resolution", "256")
    assert (status, refused["error"]["code"]) == (1, "face-set")
    assert "whole_face of 128 pixels" in refused["error"]["message"]

    status, listed, _ = call("people", target, "--person", "2")
    assert [each["chosen"] for each in listed][:2] == [False, True]
    assert len(FaceSet(target)) == 3
    status, told, _ = call("extract", material / "film.mp4", target, *options)
    assert (status, told["faces"], told["added"]) == (0, 3, 0)


def test_a_folder_full_of_wrong_things(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is named in a line of its own, all are counted, and the good picture among them is found."""
    wrong = tmp_path / "wrong"
    for folder in (wrong, wrong / "folder.jpg", wrong / "below"):
        folder.mkdir()
    jpeg, png = (cv2.imencode(each, people.headshot("walter", 320))[1].tobytes() for each in (".jpg", ".png"))
    huge = jpeg.replace(jpeg[(at := jpeg.find(b"\xff\xc0") + 5) : at + 4], b"\x4e\x20\x4e\x20", 1)
    files = {
        "empty.jpg": b"", "text.jpg": b"words", "half.jpg": jpeg[: len(jpeg) // 2], "half.png": png[:3000],
        "huge.jpg": huge, "empty.mp4": b"", "new\nline.jpg": jpeg[:99],
    }  # fmt: skip
    for name, data in files.items():
        (wrong / name).write_bytes(data)
    (wrong / "below" / "good 😀.jpg").write_bytes(jpeg)
    (wrong / "below" / "around").symlink_to(wrong)
    (wrong / "nowhere.jpg").symlink_to(tmp_path / "nothing")
    (wrong / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(wrong / "pipe.mp4")
    (wrong / os.fsdecode(b"bytes\xff.jpg")).write_bytes(jpeg)
    status, told, _ = call("extract", wrong, tmp_path / "set", "--resolution", "128")
    assert (status, told["faces"], told["unreadable"]) == (0, 1, len(files) + 4)
    for name in (*files, "nowhere.jpg", "itself.jpg", "pipe.mp4", "bytes?.jpg"):
        assert sum(name in note for note in told["notes"]) == 1, name
    with pytest.raises(SystemExit):
        main(["train", "extract", str(wrong), str(tmp_path / "set"), "--resolution", "128"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  could not be read: 11"
    assert lines[-2] == "  note: and 3 more; -v names all"


@pytest.mark.parametrize("command", [("sort", "--by", "yaw"), ("prune", "--keep", "3"), ("sheet",)])
def test_a_folder_without_faces_is_no_set(call: Call, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "photo.jpg").write_bytes(b"words")
    status, told, _ = call(command[0], tmp_path, *command[1:])
    assert (status, told["error"]["code"]) == (1, "face-set")
    assert f"there is no face in {tmp_path}" in told["error"]["message"]
    assert not (tmp_path / "sheet").exists()


def test_a_face_is_what_its_record_says(call: Call, material: Path, tmp_path: Path) -> None:
    target = tmp_path / "set"
    assert (
        call("extract", material / "film.mp4", target, "--every", "2", "--format", "png", "--all-people")[0]
        == 0
    )
    faces = FaceSet(target)
    assert sorted(set(faces.index.rows["frame"].tolist())) == [0, 2, 4, 6, 8, 10]
    path = faces.path(0)
    record, face = load_record(path), faces.face(0)
    assert record is not None
    assert (path.suffix, record.source, record.resolution) == (".png", "film.mp4", 512)
    capture = cv2.VideoCapture(str(material / "film.mp4"))
    frame = capture.read()[1]
    cut = cv2.warpAffine(frame, record.affine, (512, 512))
    inside = face.mask > 200
    assert np.abs(cut[inside].astype(int) - face.picture[inside]).mean() < 6
    seen = people.look(frame)[0]
    assert np.abs(record.source_points - seen.landmarks[:, :2]).max() < 0.05 * seen.size
    assert 0.15 < inside.mean() < 0.6


@pytest.mark.parametrize("face_type", FaceType)
def test_face_types_are_deepfacelabs(face_type: FaceType) -> None:
    face = people.portrait("robin").face
    matrix = face_matrix(face.landmarks, face_type, 256)
    coverage = dict(zip(FaceType, (1.0, 1.19, 1.6, 2.13, 2.98), strict=True))[face_type]
    assert FACE_CROPS[face_type][0] == pytest.approx(coverage, abs=0.006)
    half = face_matrix(face.landmarks, FaceType.half, 256)
    sides = [np.sqrt(abs(np.linalg.det(each[:, :2]))) for each in (half, matrix)]
    assert sides[0] / sides[1] == pytest.approx(coverage, abs=0.006)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["none.mp4"], "there is nothing at"),
        (["photos/notes.txt"], "is not a video that can be read"),
        (["photos/wall.png"], "no face was taken from 1 sources"),
        (["photos/small.png"], "left out were 1 too few pixels"),
    ],
)
def test_where_there_is_nothing_one_sentence_says_so(
    call: Call, material: Path, tmp_path: Path, given: list[str], message: str
) -> None:
    status, told, _ = call("extract", *(material / each for each in given), tmp_path / "set")
    assert status == 1
    assert message in told["error"]["message"]


def test_a_folder_of_other_things_is_left_alone(call: Call, material: Path, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    status, told, _ = call("extract", material / "film.mp4", tmp_path)
    assert (status, told["error"]["code"]) == (1, "face-set")
    assert "holiday.jpg" in told["error"]["message"]
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["holiday.jpg"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_the_middle_it_goes_on_from_there(
    call: Call, material: Path, tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "set"
    given = ["train", "extract", str(material / "film.mp4"), str(target), "--resolution", "128", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "visard.daemon", *given], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and len(list((target / UNSORTED).glob("*.jpg"))) < 2:
        time.sleep(0.02)
    os.kill(process.pid, number)
    process.wait(120)
    before = {path.name for path in target.glob("**/*.jpg")}
    status, told, _ = call(*given[1:-1])
    assert status == 0
    assert told["people"][0]["faces"] + told["dropped"]["duplicate"] == 10
    assert before - {"01.jpg", "02.jpg"} <= {path.name for path in target.glob("**/*.jpg")}
    assert ExtractionLog.load(target).sources[str(material / "film.mp4")].frames == 14
