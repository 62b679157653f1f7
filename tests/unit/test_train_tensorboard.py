"""What TensorBoard's own reader finds of a training."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")

from training import faces, tiny  # noqa: E402

from visard.models.train.distributed import Group  # noqa: E402
from visard.models.train.events import Previewed, Stepped, read_journal  # noqa: E402
from visard.models.train.project import Project  # noqa: E402
from visard.models.train.tensorboard_log import tensorboard_log  # noqa: E402
from visard.models.train.trainer import Schedule, Trainer  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_tensorboard_reads_losses_and_previews(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is not installed"
    )
    for target in (20, 40):
        schedule = Schedule(save=1000, preview=20, workers=0)
        options = tiny(target_iter=target, precision="fp32")
        Trainer(tmp_path, options, faces(), Group(torch.device("cpu")), schedule=schedule).run()
    found = reader.EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0})
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"loss/src", "loss/dst", "steps a second"}
    assert [each.step for each in found.Scalars("loss/src")] == [10, 20, 30, 40]
    noted = [line for line in read_journal(tmp_path / "progress.jsonl") if line["event"] == "stepped"]
    assert [line["step"] for line in noted] == [10, 20, 30, 40]
    shown = [found.Images("preview")[number] for number in (0, 1)]
    assert [each.step for each in shown] == [20, 40]
    for each in shown:
        seen = cv2.imdecode(np.frombuffer(each.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
        kept = cv2.imread(str(tmp_path / "previews" / f"step-{each.step:09d}.png"))
        assert (seen == kept).all()


def test_the_page_and_the_trainer_mean_the_same_files(tmp_path: Path) -> None:
    options = tiny(target_iter=1)
    training = Trainer(tmp_path, options, faces(), Group(torch.device("cpu")))
    project = Project(tmp_path, tmp_path, tmp_path, options)
    assert project.journal == training.files.journal
    assert project.newest_preview == training.files.previews / "latest.png"


def test_a_disk_that_takes_nothing_ends_the_notes_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for note in tensorboard_log(tmp_path / "file" / "tensorboard"):
        note(Stepped(10, {"src": 1.0}, 1.0, 1.0))
        note(Previewed(10, str(tmp_path / "gone.png")))


def test_without_tensorboard_there_are_no_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert tensorboard_log(tmp_path) == []
