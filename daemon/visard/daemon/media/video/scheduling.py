"""Encoders that take more of the processor than they are due."""

import os
from contextlib import suppress
from pathlib import Path


def leave_real_time() -> None:
    """Take every thread of this process back to ordinary scheduling; only Linux has the other kind here.

    SVT-AV1, where it may (as root), puts its threads and the one that opens it before everything else on the
    machine, tracking and the desktop among it.
    """
    if not hasattr(os, "sched_setscheduler"):
        return
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # a thread that has ended
            if os.sched_getscheduler(int(task.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
