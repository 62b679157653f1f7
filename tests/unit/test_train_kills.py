"""Trainings and exports that are killed at random: what was kept is whole, and going on loses nothing."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="face models are trained with PyTorch: the extra 'train'")

from training import faces, tiny  # noqa: E402

from visard.models.train import checkpoint  # noqa: E402
from visard.models.train.distributed import Group  # noqa: E402
from visard.models.train.events import Stepped  # noqa: E402
from visard.models.train.export import export  # noqa: E402
from visard.models.train.networks import build  # noqa: E402
from visard.models.train.trainer import Schedule, Trainer  # noqa: E402

ROUNDS = 12
TARGET = 12

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def train(folder: Path, told: int) -> None:
    """Train, with a byte told for each step."""

    def tell(event: object) -> None:
        if isinstance(event, Stepped):
            os.write(told, b"x")

    plan = Schedule(save=2, preview=5, workers=0)
    options = tiny(target_iter=TARGET)
    Trainer(folder, options, faces(), Group(torch.device("cpu")), schedule=plan, tell=tell).run()


def killed(work: Callable[[int], None], after: int, seconds: float) -> bool:
    """Do something in a process that is killed after so many bytes and then so long; False: it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    while after and os.read(reading, 1):
        after -= 1
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "it failed by itself"
    return os.WIFSIGNALED(status)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = checkpoint.load(folder / "checkpoints")
    assert found
    assert found.step == TARGET
    content = found.content
    return content["network"] | {f"{n}": each for n, each in enumerate(content["optimizer"]["second"])}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_training_that_is_killed_at_random_learns_what_one_that_is_not_does(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    null = os.open(os.devnull, os.O_WRONLY)
    train(tmp_path / "straight", null)
    rounds = sum(
        killed(lambda told: train(tmp_path / "killed", told), chance.randrange(4), chance.random() * 0.05)
        for _ in range(ROUNDS)
    )
    assert rounds > ROUNDS // 3
    train(tmp_path / "killed", null)
    os.close(null)
    one, other = weights(tmp_path / "straight"), weights(tmp_path / "killed")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    left = [path.name for path in tmp_path.rglob("*") if path.name.startswith(".half-")]
    assert left == []
    assert len(list((tmp_path / "killed" / "checkpoints").iterdir())) == 2


def test_an_export_that_is_killed_at_random_leaves_the_earlier_one_or_is_whole(tmp_path: Path) -> None:
    chance, path = random.Random(0), tmp_path / "face.dfm"
    contents = {}
    for seed in (0, 1):
        options = tiny(seed=seed)
        export(build(options), options, path)
        contents[seed] = path.read_bytes()

    def exporting(told: int) -> None:
        for seed in (0, 1) * 50:
            options = tiny(seed=seed)
            os.write(told, b"x")
            export(build(options), options, path)

    for _ in range(ROUNDS):
        assert killed(exporting, chance.randrange(1, 4), chance.random() * 0.1)
        assert path.read_bytes() in contents.values()
    export(build(tiny(seed=0)), tiny(seed=0), path)
    assert [each.name for each in tmp_path.iterdir()] == ["face.dfm"]
    assert path.read_bytes() == contents[0]
