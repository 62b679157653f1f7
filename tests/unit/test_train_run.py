"""Trainings that learn, stop, die, go on and notice when something is wrong."""

import math
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")

from training import faces, tiny  # noqa: E402

from visard.models.train import checkpoint  # noqa: E402
from visard.models.train.distributed import Group  # noqa: E402
from visard.models.train.errors import CheckpointNotKept, CheckpointUnusable, Collapsed, OptionsRefused  # noqa: E402
from visard.models.train.events import (  # noqa: E402
    Event,
    Journal,
    Previewed,
    Resumed,
    Saved,
    Stepped,
    Trouble,
    read_journal,
)
from visard.models.train.export import export  # noqa: E402
from visard.models.train.networks import build  # noqa: E402
from visard.models.train.optimizer import Optimizer, rate_at  # noqa: E402
from visard.models.train.options import TrainOptions  # noqa: E402
from visard.models.train.trainer import Schedule, Trainer  # noqa: E402
from visard.models.train.watch import LossWatch  # noqa: E402

PROGRAM = Path(__file__).parents[1] / "training.py"
ALONE = Group(torch.device("cpu"))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def trainer(folder: Path, options: TrainOptions, told: list[Event] | None = None, **schedule: int) -> Trainer:
    plan = Schedule(**{"save": 4, "preview": 1000, "workers": 0} | schedule)
    tell = told.append if told is not None else None
    return Trainer(folder, options, faces(), ALONE, schedule=plan, tell=tell)


def content(folder: Path) -> dict[str, Any]:
    found = checkpoint.load(folder / "checkpoints")
    assert found
    return found.content


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def environment() -> dict[str, str]:
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "PYTHONPATH": str(PROGRAM.parent),
    }


def launched(folder: Path, *arguments: object, ranks: int = 1) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    torchrun = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--max-restarts=6",
        f"--nproc-per-node={ranks}",
    ]
    command = [sys.executable, *(torchrun if ranks > 1 else []), PROGRAM, folder, *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment(), check=False
    )


def losses(folder: Path) -> list[float]:
    lines = [line for line in read_journal(folder / "progress.jsonl") if line["event"] == "stepped"]
    return [line["losses"]["src"] + line["losses"]["dst"] for line in lines]


VARIANTS = {
    "df": {"archi": "df-ud"},
    "liae": {
        "archi": "liae-udt",
        "eyes_mouth_prio": True,
        "lr_dropout": True,
        "accumulation": 2,
        "batch_size": 1,
    },
    "amp": {"archi": "amp", "adabelief": False, "clipgrad": True, "blur_out_mask": True},
    "critics": {"gan_power": 0.1, "true_face_power": 0.1, "face_style_power": 1, "bg_style_power": 1},
    "paired": {
        "archi": "liae",
        "paired": True,
        "masked_training": False,
        "precision": "fp32",
        "gan_power": 0.1,
        "lr_by_width": True,
        "lr_decay": 0.5,
    },
    "unwarped": {"archi": "liae", "random_warp": False},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_it_goes_on_bit_exactly(tmp_path: Path, name: str) -> None:
    options, told = tiny(target_iter=4, **VARIANTS[name]), []
    trainer(tmp_path / "straight", options).run()
    assert trainer(tmp_path / "halved", options).run(until=2) == 2
    assert trainer(tmp_path / "halved", options, told).run() == 4
    assert told[0] == Resumed(2)
    assert equal(content(tmp_path / "straight"), content(tmp_path / "halved"))
    assert all(torch.isfinite(value).all() for value in content(tmp_path / "halved")["average"].values())


def test_it_learns_and_what_it_learned_is_exported(tmp_path: Path) -> None:
    options, told = tiny(target_iter=60, d_dims=8, ae_dims=16), []
    training = trainer(tmp_path, options, told, save=50, preview=30)
    training.run()
    steps = [event.losses for event in told if isinstance(event, Stepped)]
    assert len(steps) == 60
    for name in ("src", "dst"):
        assert np.mean([each[name] for each in steps[-5:]]) < 0.6 * steps[0][name]
    shown = [event for event in told if isinstance(event, Previewed)]
    assert [event.step for event in shown] == [30, 60]
    assert cv2.imread(shown[-1].path).shape == (4 * 64, 6 * 64, 3)
    assert Path(shown[-1].path).read_bytes() == training.files.previews.joinpath("latest.png").read_bytes()
    assert [event.step for event in told if isinstance(event, Saved)] == [0, 50, 60]
    assert [path.name for path in sorted(training.files.checkpoints.iterdir())] == [
        "step-000000050.pt", "step-000000060.pt",
    ]  # fmt: skip
    assert len([line for line in read_journal(training.files.journal) if line["event"] == "stepped"]) == 6
    assert export(training.learner.average, options, tmp_path / "face.dfm").most < 2e-5


def test_workers_read_the_same_faces(tmp_path: Path) -> None:
    options = tiny(target_iter=2)
    trainer(tmp_path / "none", options).run()
    trainer(tmp_path / "two", options, workers=2).run()
    assert equal(content(tmp_path / "none"), content(tmp_path / "two"))


def test_from_pairs_the_swap_alone_is_learned(tmp_path: Path) -> None:
    how = {"paired": True, "random_warp": False, "lr": 2e-3, "lr_by_width": True}
    training = trainer(tmp_path, tiny(target_iter=40, d_dims=8, ae_dims=16, **how), told := [], preview=40)
    before = {name: value.clone() for name, value in training.learner.network.state_dict().items()}
    training.run()
    steps = [event.losses for event in told if isinstance(event, Stepped)]
    assert list(steps[0]) == ["swap", "mask"]
    assert all(np.mean([each[n] for each in steps[-5:]]) < 0.6 * steps[0][n] for n in steps[0])
    after = training.learner.network.state_dict()
    same = {name for name, value in before.items() if torch.equal(value, after[name])}
    driver = {name for name in before if name.startswith("decoder_dst.")}
    assert same == {name for name in driver if ".upscalem" not in name and ".out_convm" not in name}
    shown = next(event.path for event in told if isinstance(event, Previewed))
    assert cv2.imread(shown).shape == (4 * 64, 4 * 64, 3)


def test_wide_layers_learn_slower_and_rates_fall() -> None:
    layers = torch.nn.Linear(1024, 2), torch.nn.Linear(64, 2)
    parameters = [each for layer in layers for each in layer.parameters()]
    assert Optimizer(parameters, belief=True, by_width=True).shares == [0.25, 1, 1, 1]
    assert Optimizer(parameters, belief=True).shares == [1, 1, 1, 1]
    falling = tiny(lr=1e-3, lr_decay=0.5, target_iter=100)
    rates = [rate_at(falling, step) / 1e-3 for step in (0, 50, 75, 99, 120)]
    assert np.allclose(rates, [1, 1, 0.5, 0.02, 0.02])
    dropout = tiny(lr=1e-3, lr_dropout=True)
    assert np.allclose([rate_at(dropout, step) for step in (0, 250, 500)], [1e-3, 0, 1e-3])


def test_signals_keep_their_size_on_the_way() -> None:
    network = build(tiny(d_dims=16, ae_dims=32, e_dims=16))
    coarse = torch.rand(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    made = network.swap(torch.nn.functional.interpolate(coarse, size=(64, 64))).swap.detach()
    assert 0.02 < float(made.std()) < 0.3
    assert float((made - made.mean(0)).std()) > 0.4 * float(made.std())


def test_a_line_that_a_crash_cut_off_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    Journal(path)(Saved(4, "x"))
    with path.open("a") as file:
        file.write('{"event": "stepped", "st')
    Journal(path)(Resumed(4))
    assert [line["event"] for line in read_journal(path)] == ["saved", "resumed"]


def test_asked_to_stop_it_keeps_what_it_has(tmp_path: Path) -> None:
    asked = iter([False, False, True])
    assert trainer(tmp_path, tiny()).run(lambda: next(asked)) == 3
    assert content(tmp_path)["step"] == 3


def test_killed_it_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    assert launched(tmp_path / "straight", 10, 2, 0, 0).returncode == 0
    assert launched(tmp_path / "killed", 10, 2, 7, 0).returncode == -signal.SIGKILL
    assert content(tmp_path / "killed")["step"] == 4
    assert launched(tmp_path / "killed", 10, 2, 7, 0).returncode == 0
    assert equal(content(tmp_path / "straight"), content(tmp_path / "killed"))


def test_a_changed_option_is_refused_or_taken(tmp_path: Path) -> None:
    trainer(tmp_path, tiny(target_iter=2)).run()
    with pytest.raises(OptionsRefused, match="d_dims is 4 in this training and cannot become 8, as"):
        trainer(tmp_path, tiny(d_dims=8))
    told: list[Event] = []
    trainer(tmp_path, tiny(target_iter=4, gan_power=0.1, random_warp=False, batch_size=3), told).run()
    assert "gan" in content(tmp_path)["critics"]
    assert content(tmp_path)["options"]["batch_size"] == 3
    trainer(tmp_path, tiny(target_iter=6, gan_power=0.1, gan_dims=8), told).run()
    assert content(tmp_path)["step"] == 6


def test_a_damaged_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    trainer(tmp_path, tiny(target_iter=6)).run()
    old, new = sorted((tmp_path / "checkpoints").iterdir())
    new.write_bytes(new.read_bytes()[:5000])
    assert content(tmp_path)["step"] == 4
    old.write_bytes(b"")
    with pytest.raises(CheckpointUnusable, match=r"no checkpoint in .* can be read"):
        checkpoint.load(tmp_path / "checkpoints")


def test_a_full_disk_leaves_what_is_there(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"value": torch.ones(3)})
    code = (
        "import resource, signal, sys, torch; from pathlib import Path\n"
        "from visard.models.train import checkpoint\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    checkpoint.save(Path(sys.argv[1]), 2, {'value': torch.ones(1_000_000)})\n"
        "except checkpoint.CheckpointNotKept as error:\n"
        "    print(error)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] in (resource.RLIM_INFINITY, 2**63 - 1)
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert "the checkpoint of step 2 could not be written to" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.pt"]
    found = checkpoint.load(tmp_path)
    assert found
    assert found.step == 1


def test_a_checkpoint_that_is_not_kept_is_said_at_once_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = trainer(tmp_path, tiny(target_iter=6), told := [])

    def full(*_: object) -> None:
        raise CheckpointNotKept("the checkpoint could not be written (No space left on device)")

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(CheckpointNotKept, match="No space left"):
        training.run()
    assert sum(isinstance(event, Stepped) for event in told) == 6
    assert [event.step for event in told if isinstance(event, Trouble)] == [0, 4, 6]


def test_a_step_without_numbers_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(tmp_path, tiny(target_iter=3), told := [])
    real = training.batches.sample

    def spoiled(step: int, slot: int) -> dict[str, np.ndarray]:
        sample = real(step, slot)
        if step == 1:
            sample["src"] = sample["src"] * math.nan
        return sample

    monkeypatch.setattr(training.batches, "sample", spoiled)
    training.run()
    assert [event.step for event in told if isinstance(event, Trouble)] == [2]
    assert training.learner.optimizer.steps == 2
    assert all(torch.isfinite(value).all() for value in content(tmp_path)["network"].values())


def test_weights_without_numbers_are_replaced_by_the_last_good_ones(tmp_path: Path) -> None:
    training = trainer(tmp_path, tiny(target_iter=20), told := [])
    training.run(until=4)
    with torch.no_grad():
        training.learner.network.inter.dense1.weight.fill_(math.nan)
    training.run()
    text = "gradients were no numbers in 10 steps; went back to the weights of step 4"
    assert Trouble(14, text) in told
    assert content(tmp_path)["step"] == 20
    assert all(torch.isfinite(value).all() for value in content(tmp_path)["network"].values())


def test_a_collapse_that_comes_again_and_again_ends_it(tmp_path: Path) -> None:
    training = trainer(tmp_path, tiny(target_iter=1000), save=1000)
    training._save()
    for _ in range(3):
        training._go_back("losses are 9 times what they were")
    with pytest.raises(Collapsed, match=r"again and again, at last at step 0: losses are 9 times"):
        training._go_back("losses are 9 times what they were")


def test_what_counts_as_a_collapse() -> None:
    watch = LossWatch()
    assert not any(watch.look(1.0, 0.005, applied=True) for _ in range(100))  # nothing to see yet
    assert watch.calm
    assert not any(watch.look(loss, 0.2, applied=True) for loss in (1.5, 0.5, 2.0) * 20)
    assert watch.look(50.0, 0.2, applied=True) == "losses are 11.2 times what they were"
    assert not watch.calm
    watch = LossWatch()
    assert not any(watch.look(1.0, spread, applied=True) for spread in [0.2] * 5 + [0.001] * 46 + [0.2])
    assert watch.calm
    said = [watch.look(1.0, 0.001, applied=True) for _ in range(20)]
    assert said == [None] * 19 + ["pictures have shown nothing for 20 steps"]
    assert [watch.look(1.0, math.nan, applied=False) for _ in range(10)][-1]


@pytest.mark.slow
@pytest.mark.timeout(3600)  # seconds where there is room, and minutes where torchrun gets a tenth of a core
def test_two_processes_learn_what_one_does_and_outlive_a_death(tmp_path: Path) -> None:
    """By torchrun and gloo; in the second run one process is killed, and all begin anew from step 4."""
    assert launched(tmp_path / "one", 20, 4, 0, 0).returncode == 0
    both = launched(tmp_path / "two", 20, 2, 0, 0, ranks=2)
    assert both.returncode == 0, both.stderr
    died = launched(tmp_path / "died", 20, 2, 6, 1, ranks=2)
    assert died.returncode == 0, died.stderr
    assert (tmp_path / "died" / "killed").exists()
    one, two, third = (losses(tmp_path / name) for name in ("one", "two", "died"))
    assert len(one) == len(two) == len(third) == 2
    assert np.allclose(one, two, rtol=1e-3)
    assert np.isclose(two[-1], third[-1], rtol=1e-3)  # the mean over the last ten steps
    lines = (tmp_path / "died" / "progress.jsonl").read_text()
    assert '"event": "resumed"' in lines
    assert content(tmp_path / "died")["step"] == content(tmp_path / "two")["step"] == 20
