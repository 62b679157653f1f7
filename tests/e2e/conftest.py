"""The test machine: boots under QEMU with a folder that both sides see."""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from vm.image import prepare
from vm.machine import BARE, new_job, run


@pytest.fixture(scope="module")
def play(repository: Path) -> Callable[..., Path]:
    """Plays a scenario of vm/ in the guest and returns the folder that it wrote to, /vm/job over there."""
    if os.environ.get("VISARD_VM") != "1":
        pytest.skip("boots a machine and installs packages: set VISARD_VM=1, as root on x86-64 Debian")
    if os.geteuid() != 0 or platform.machine() != "x86_64" or not Path("/etc/debian_version").exists():
        pytest.fail("VISARD_VM=1 needs root on x86-64 Debian")

    def playing(
        script: str,
        *,
        limit: float,
        out: str = "/vm/job",
        fill: Callable[[Path], object] = lambda _: None,
        system: str = BARE,
    ) -> Path:
        image = prepare(Path(os.environ.get("VISARD_VM_DIR", "/var/tmp/visard-vm")), script)
        job = new_job(image)
        fill(job)
        command = [sys.executable, str(repository / "tests/e2e/vm" / script), out]
        status = run(image, command, folder=repository, limit=limit, system=system)
        assert status == 0, (job / "console.log").read_text(errors="replace")[-4000:]
        return job

    return playing
