"""Small trainings: options of a tiny network, and a program that tests start, kill and start again."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from generated_faces import GeneratedFaces

from visard.models.train.distributed import joined
from visard.models.train.events import Event, Stepped
from visard.models.train.options import TrainOptions, make_options
from visard.models.train.trainer import Schedule, Trainer

TINY = {
    "archi": "df-ud", "resolution": 64, "ae_dims": 8, "e_dims": 4, "d_dims": 4, "d_mask_dims": 2,
    "inter_dims": 16, "batch_size": 2, "lr": 1e-3, "ema_decay": 0.9,
}  # fmt: skip


def tiny(**changes: Any) -> TrainOptions:
    return make_options(TINY | changes)


def faces(count: int = 6) -> tuple[GeneratedFaces, GeneratedFaces]:
    return GeneratedFaces(count, seed=1, side=64), GeneratedFaces(count, seed=2, side=64)


def main(folder: str, target: str, batch: str, killed_at: str, killed_rank: str) -> None:
    """Train to ``target``; the process of ``killed_rank`` ends at ``killed_at`` as by kill -9, once."""
    torch.set_num_threads(1)
    with joined("cpu") as group:
        marker = Path(folder) / "killed"

        def tell(event: Event) -> None:
            due = isinstance(event, Stepped) and event.step == int(killed_at)
            if due and group.rank == int(killed_rank) and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        options = tiny(batch_size=int(batch), target_iter=int(target), precision="fp32")
        schedule = Schedule(save=4, preview=1000, workers=0)
        Trainer(Path(folder), options, faces(), group, schedule=schedule, tell=tell).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
