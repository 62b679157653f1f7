"""The test machine: boots under QEMU with a folder that both sides see."""

import fcntl
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from vm.image import prepare
from vm.machine import BARE, new_job, run


@pytest.fixture(scope="module")
def play(repository: Path) -> Iterator[Callable[..., Path]]:
    """Plays a scenario of vm/ in the guest and returns the folder that it wrote to, /vm/job over there.

    There is one machine: whoever has it keeps it, and what it wrote, until the module ends.
    """
    if os.environ.get("VISARD_VM") != "1":
        pytest.skip("boots a machine and installs packages: set VISARD_VM=1, as root on x86-64 Debian")
    if os.geteuid() != 0 or platform.machine() != "x86_64" or not Path("/etc/debian_version").exists():
        pytest.fail("VISARD_VM=1 needs root on x86-64 Debian")

    folder = Path(os.environ.get("VISARD_VM_DIR", "/var/tmp/visard-vm"))

    def playing(
        script: str,
        *,
        limit: float,
        out: str = "/vm/job",
        fill: Callable[[Path], object] = lambda _: None,
        system: str = BARE,
    ) -> Path:
        image = prepare(folder, script)
        job = new_job(image)
        fill(job)
        command = [sys.executable, str(repository / "tests/e2e/vm" / script), out]
        status = run(image, command, folder=repository, limit=limit, system=system)
        assert status == 0, (job / "console.log").read_text(errors="replace")[-4000:]
        return job

    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:  # beside it: preparing may begin with an empty folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield playing
