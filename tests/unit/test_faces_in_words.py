"""What became of the faces in view, as people read it: on the command line, in a terminal and in the tray."""

from pathlib import Path

import pytest
from fakes import Truth, driver_at, face_at, picture, worn
from statuses import status

from visard.daemon.api.schema import Faces, GuardStatus, Status
from visard.daemon.cli.convert import _lines
from visard.daemon.cli.status import overview
from visard.daemon.config.settings import Settings, Who
from visard.daemon.foreground.convert import convert, save
from visard.daemon.foreground.interactive import line
from visard.daemon.foreground.jobs import Summary
from visard.daemon.guard.rules import FaceCounts
from visard.models.face import Sighting
from visard.tray import texts

WORDS = [
    (Faces(), "no face in view", "画面中没有脸"),
    (Faces(swapped=1), "1 face swapped", "已替换 1 张脸"),
    (Faces(swapped=1, covered=2), "1 face swapped, 2 covered", "已替换 1 张脸，已遮盖 2 张"),
    (Faces(covered=2), "2 faces covered", "已遮盖 2 张脸"),
    (Faces(shown=1), "1 face shown", "可见 1 张脸"),
    (Faces(covered=1, shown=3), "1 face covered, 3 shown", "已遮盖 1 张脸，可见 3 张"),
    (Faces(swapped=3, covered=2, shown=1), "3 faces swapped, 2 covered, 1 shown",
     "已替换 3 张脸，已遮盖 2 张，可见 1 张"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def crowd(faces: Faces, verdict: str = "frame") -> Status:
    """Return a status with these in view."""
    now = status(guard=GuardStatus(verdict=verdict, faces=faces))
    return now.model_copy(update={"numbers": now.numbers.model_copy(update={"faces": Faces(swapped=240)})})


@pytest.mark.parametrize(("faces", "english", "chinese"), WORDS)
def test_everywhere_in_the_same_words(
    faces: Faces, english: str, chinese: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = crowd(faces)
    assert faces.words() == english
    assert (
        f"faces     {english}\n          240 faces swapped, 0 covered, 0 shown since the start"
        in overview(now)
    )
    assert line(now).plain.startswith(f"clara {english}  ")
    assert texts.title(now) == f"Visard: Live as Clara: {english}"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert texts.headline(now) == f"正以 Clara 的形象出镜：{chinese}"


def test_totals_say_also_what_became_of_none() -> None:
    assert Faces(swapped=240, covered=12).words(zeros=True) == "240 faces swapped, 12 covered, 0 shown"
    assert Faces(swapped=1).words(zeros=True) == "1 face swapped, 0 covered, 0 shown"
    assert Faces().words(zeros=True) == "0 faces swapped, 0 covered, 0 shown"


@pytest.mark.parametrize(("faces", "red"), [(Faces(swapped=1, covered=2), False), (Faces(shown=1), True)])
def test_the_line_of_run_is_red_where_somebody_is_shown(faces: Faces, red: bool) -> None:
    assert any("red" in str(span.style) for span in line(crowd(faces)).spans) is red


def test_a_frame_that_did_not_pass_tells_why_instead() -> None:
    assert "face swapped" not in line(crowd(Faces(swapped=1), "last-good")).plain


def test_the_summary_of_convert_counts_faces_before_frames() -> None:
    summary = Summary(Path("out.mp4"), FaceCounts(240, 12), 128, passed=120, held=8, reasons={"no face": 8})
    assert _lines(summary) == (
        "out.mp4: 240 faces swapped, 12 covered, 0 shown\n"
        "  128 frames in 0.0 s (120 passed, 8 held because: no face 8)"
    )


def _two(_: int) -> Truth:
    """Make a tracker that finds the driver and, beside, somebody whose face is smaller."""
    return Truth(lambda number: Sighting((face_at(*driver_at(number)), face_at(270, 60, 2, size=24))))


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        (Settings(), FaceCounts(swapped=2)),
        (Settings(who=Who.largest), FaceCounts(swapped=1, covered=1)),
        (Settings(who=Who.largest, bystanders=True), FaceCounts(swapped=1, shown=1)),
        (Settings(opacity=0.5), FaceCounts(shown=2)),
    ],
)
def test_faces_are_counted_by_what_became_of_them(
    tmp_path: Path, settings: Settings, counts: FaceCounts
) -> None:
    save(picture(0), tmp_path / "in.png")
    made = convert(tmp_path / "in.png", tmp_path / "out.png", worn(), settings, tracking=_two)
    assert (made.faces, made.frames) == (counts, 1)
