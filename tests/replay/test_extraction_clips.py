"""Faces taken out of real clips: whose they are, and what is left out."""

from pathlib import Path

import pytest

from visard.daemon.foreground.extract import Choice, extract_faces
from visard.models.train.faces.face_set import FaceSet
from visard.models.train.faces.options import ExtractOptions

pytestmark = pytest.mark.slow


def silent(_share: float, _words: str) -> None:
    """Tell nobody."""


def test_three_people_in_three_clips_are_three(shared: Path, tmp_path: Path) -> None:
    clips = [shared / "data" / "clips" / name for name in ("d0.mp4", "d3.mp4", "d9.mp4")]
    options = ExtractOptions(every=12, resolution=256)
    summary = extract_faces(clips, tmp_path / "set", options, Choice(), silent)
    assert len(summary.people) == 3
    faces = FaceSet(tmp_path / "set")
    assert set(faces.index.sources) == {"d9.mp4"}
    assert summary.faces == len(faces) > 20
    assert summary.unreadable == 0


def test_what_is_in_front_is_cut_out_of_the_mask(shared: Path, tmp_path: Path) -> None:
    clip = shared / "data" / "hard" / "microphone.mp4"
    options = ExtractOptions(every=8, resolution=256, duplicates=True)
    extract_faces([clip], tmp_path / "set", options, Choice(everybody=True), silent)
    faces = FaceSet(tmp_path / "set")
    covered = faces.column("occluded") > 0.02
    assert covered.any()
    number = int(faces.column("occluded").argmax())
    with_thing = faces.face(number).mask > 127
    assert with_thing.mean() < 0.5
