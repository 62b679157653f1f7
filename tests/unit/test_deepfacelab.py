"""DeepFaceLab's face folders: what they tell is read, and nothing in them is run."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import people
import pytest
from deepfacelab_files import SIDE, aligned, png_mask, write_face

from visard.models.errors import FaceSetError
from visard.models.face import Image
from visard.models.geometry.pose import fit_pose
from visard.models.swap.dfm.options import FaceType
from visard.models.train.faces.deepfacelab import read_deepfacelab
from visard.models.train.faces.extraction_log import ExtractionLog
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.order import sort_faces
from visard.models.train.faces.people import sort_people
from visard.models.train.faces.prune import prune_faces, restore_faces

BLANK = np.full((SIDE, SIDE, 3), 90, np.uint8)
POINTS = (np.random.default_rng(1).random((68, 2)) * 80 + 20).tolist()
PLAIN = {"face_type": "full_face", "landmarks": POINTS}


@pytest.fixture(scope="module")
def walter() -> tuple[Image, dict[str, Any]]:
    portrait = people.portrait("walter")
    return aligned(portrait.image, portrait.face.landmarks)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_deepfacelab_wrote_is_read(
    walter: tuple[Image, dict[str, Any]], tmp_path: Path, protocol: int
) -> None:
    picture, data = walter
    square = np.zeros((SIDE, SIDE), np.uint8)
    square[30:60, 40:70] = 255
    data = data | {
        "landmarks": np.array(data["landmarks"], np.float32),
        "source_rect": np.array(data["source_rect"], ">i4"),
        "xseg_mask": png_mask(square),
        "seg_ie_polys": {"polys": [{"type": 0, "pts": np.array([[40, 30], [50, 30], [50, 60], [40, 60]])}]},
    }
    path = write_face(tmp_path / "00001_0.jpg", picture, data, protocol)
    record = read_deepfacelab(path)
    assert record is not None
    assert record.face_type is FaceType.whole_face
    np.testing.assert_allclose(record.landmarks, data["landmarks"], atol=1e-4)
    np.testing.assert_allclose(record.matrix, data["image_to_face_mat"])
    assert record.source == "00001.png"
    mask = record.mask(SIDE)
    assert mask[45, 60] == 255
    assert mask[45, 45] == 0
    assert mask[90, 90] == 0


def test_a_folder_is_a_set_of_faces(walter: tuple[Image, dict[str, Any]], tmp_path: Path) -> None:
    picture, data = walter
    write_face(tmp_path / "00001_0.jpg", picture, data)
    write_face(tmp_path / "00002_0.jpg", picture[:, ::-1], data)
    faces = FaceSet(tmp_path)
    face = faces.face(0, 64)
    assert (len(faces), faces.face_type, face.picture.shape, face.landmarks.shape) == (
        2, FaceType.whole_face, (64, 64, 3), (68, 2),
    )  # fmt: skip
    nose = face.landmarks[30].round().astype(int)
    assert face.mask[nose[1], nose[0]] == 255
    assert face.mask[0, 0] == 0
    yaw, pitch, _ = fit_pose(people.portrait("walter").face.landmarks).degrees
    assert abs(face.yaw - yaw) < 10
    assert abs(face.pitch - pitch) < 15
    assert sort_faces(tmp_path, "light")[0].name.startswith("00001.0000")
    assert prune_faces(tmp_path, keep=1) == 1
    assert restore_faces(tmp_path) == 1
    assert [path.name for path in sort_faces(tmp_path, "source")] == ["00001_0.jpg", "00002_0.jpg"]
    with pytest.raises(FaceSetError, match="tell no identity"):
        sort_faces(tmp_path, "identity")
    with pytest.raises(FaceSetError, match="tell no identity"):
        sort_people(ExtractionLog.load(tmp_path))
    assert len(FaceSet(tmp_path)) == 2


class Malicious:
    def __init__(self, call: Any, *given: Any) -> None:
        self._call, self._given = call, given

    def __reduce__(self) -> Any:
        return self._call, self._given


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "call",
    [os.system, eval, exec, __import__, np.load, getattr, pickle.loads],
    ids=lambda call: call.__name__,
)
def test_nothing_is_run(tmp_path: Path, call: Any, protocol: int) -> None:
    mark = tmp_path / "ran"
    data = PLAIN | {"xseg_mask": Malicious(call, f"touch {mark}")}
    with pytest.raises(FaceSetError, match=r"would run|holds the instruction"):
        read_deepfacelab(write_face(tmp_path / "a.jpg", BLANK, data, protocol))
    assert not mark.exists()


def _array(shape: bytes, kind: bytes = b"f4", data: bytes = b"\0" * 8) -> bytes:
    """Return a pickle of a face whose landmarks are an array with such a state."""
    return (
        b"\x80\x02}(X\x09\0\0\0face_typeX\x09\0\0\0full_faceX\x09\0\0\0landmarks"
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tc_codecs\nencode\n(X\x01\0\0\0bX\x06\0\0\0latin1tRtR"
        b"(K\x01" + shape + b"cnumpy\ndtype\n(X" + len(kind).to_bytes(4, "little") + kind + b"K\0K\x01tR"
        b"(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89"
        b"T" + len(data).to_bytes(4, "little") + data + b"tbu."
    )


@pytest.mark.parametrize(
    "data",
    [
        _array(b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"),
        _array(b"(K\x01t", b"O8"),
        _array(b"(K\x01t", b"V9999999"),
        b"\x80\x02}.",
        b"\x80\x02]",
        b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b".",
        b"\x80\x02}q\x00(X\x01\0\0\0ah\x00u.",
        pickle.dumps(PLAIN | {"landmarks": POINTS[:5]}),
        pickle.dumps(PLAIN | {"landmarks": [[float("nan"), 1.0]] * 68}),
        pickle.dumps(PLAIN | {"landmarks": [[1e30, 1.0]] * 68}),
        pickle.dumps(PLAIN | {"face_type": "mask_only"}),
        pickle.dumps(PLAIN | {"seg_ie_polys": [{"type": "x"}]}),
        pickle.dumps(PLAIN | {"image_to_face_mat": [1, 2, 3]}),
        pickle.dumps([1, 2, 3]),
    ],
)
def test_damage_is_one_kind_of_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(FaceSetError):
        read_deepfacelab(write_face(tmp_path / "a.jpg", BLANK, data))


def test_one_damaged_face_leaves_the_others(walter: tuple[Image, dict[str, Any]], tmp_path: Path) -> None:
    write_face(tmp_path / "a.jpg", *walter)
    write_face(tmp_path / "b.jpg", BLANK, b"\x80\x02]")
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    (tmp_path / "d.png").write_bytes(b"")
    faces = FaceSet(tmp_path)
    assert faces.names == ["a.jpg"]
    assert len(faces.notes) == 3


def test_other_segments_are_no_faces(tmp_path: Path) -> None:
    for number, data in enumerate([b"plain text", b"", b"\xff" * 40]):
        assert read_deepfacelab(write_face(tmp_path / f"{number}.jpg", BLANK, data)) is None
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(write_face(tmp_path / "x.jpg", BLANK, PLAIN).read_bytes()[:100])
    with pytest.raises(FaceSetError):
        read_deepfacelab(cut)
