"""How fast presets train here, and how much memory that takes: ``python tests/bench/train.py [PRESET...]``.

Each preset is measured in a process of its own. Besides steps a second by the clock, which other programs
slow down, there are seconds of CPU a step.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
STEPS = 3


def measure(name: str, batch: int, precision: str) -> None:
    sys.path.insert(0, str(HERE.parents[1]))
    import torch
    from generated_faces import GeneratedFaces

    from visard.models.train.dataset import Batches
    from visard.models.train.distributed import Group
    from visard.models.train.learner import Learner
    from visard.models.train.presets import preset

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    options = preset(name, {"batch_size": batch, "precision": precision})
    faces = GeneratedFaces(8, 1, options.resolution), GeneratedFaces(8, 2, options.resolution)
    batches, learner = Batches(*faces, options), Learner(options, Group(torch.device("cpu")))
    learner.step(batches[0], 0)
    wall, cpu = time.monotonic(), time.process_time()
    for step in range(1, STEPS + 1):
        learner.step(batches[step], step)
    wall, cpu = (time.monotonic() - wall) / STEPS, (time.process_time() - cpu) / STEPS
    weights = sum(each.numel() for each in learner.network.parameters()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:14} {precision}  {batch:5}  {weights:7.1f}  {1 / wall:6.3f}  {cpu:8.2f}  {peak:6.2f}",
        flush=True,
    )


def main(names: list[str]) -> None:
    from visard.models.train.presets import PRESETS

    print("preset         prec. batch  weights/M  it/s  CPU s/it  peak GiB")
    for name in names or PRESETS:
        for precision in ("bf16", "fp32"):
            subprocess.run([sys.executable, HERE, "--one", name, "4", precision], check=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main(sys.argv[1:])
