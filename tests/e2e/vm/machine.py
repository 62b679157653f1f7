"""Boots the test machine, bare or with systemd, and runs one command in it."""

import os
import shlex
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from vm.image import Image

QEMU = "qemu-system-x86_64"
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
EMULATED = "-accel tcg,thread=multi -cpu Nehalem"
"""Nehalem is the x86-64-v2 that numpy's wheels ask for; AVX would only be slower to emulate."""


BARE, SYSTEMD = "", "next=/sbin/init systemd.unit=graphical.target systemd.show_status=0"
"""What runs in the guest besides the command: nothing, or all that Debian starts (and users can log in)."""


def run(
    image: Image, command: list[str], *, folder: Path, limit: float, memory: int = 4096, system: str = BARE
) -> int:
    """Run ``command`` as root in the guest, in ``folder``; return its status.

    /vm/job in the guest is ``image.folder / "job"`` here, the only place that outlives the guest. Raises
    RuntimeError with the end of the console when the guest leaves no status within ``limit`` seconds.
    """
    job = image.folder / "job"
    (job / "command").write_text(f"cd {shlex.quote(str(folder))} && exec {shlex.join(command)}\n")
    if system == SYSTEMD:
        shutil.copy(Path(__file__).with_name("system.sh"), job / "setup")
    status, console = job / "status", job / "console.log"
    start = time.monotonic()
    with console.open("wb") as log, suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [*DIES_WITH_US, QEMU, *_accelerator(image), *_hardware(image, memory, system)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
        )
    if not status.is_file():
        spent = f"after {time.monotonic() - start:.0f} s"
        raise RuntimeError(
            f"the guest left no status {spent}:\n{console.read_text(errors='replace')[-4000:]}"
        )
    return int(status.read_text())


def new_job(image: Image) -> Path:
    """Return the emptied folder that host and guest share."""
    job = image.folder / "job"
    shutil.rmtree(job, ignore_errors=True)
    job.mkdir()
    return job


def _hardware(image: Image, memory: int, system: str) -> list[str]:
    return shlex.split(
        f"-smp 2 -m {memory} -nodefaults -display none -serial stdio -monitor none -no-reboot"
        f" -kernel {image.kernel} -initrd {image.ramdisk} -append 'console=ttyS0 quiet panic=-1 {system}'"
        " -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"
        " -device virtio-9p-pci,fsdev=host,mount_tag=host"
        f" -fsdev local,id=vm,path={image.folder},security_model=none"
        " -device virtio-9p-pci,fsdev=vm,mount_tag=vm -device virtio-rng-pci"
    )


def _accelerator(image: Image) -> list[str]:
    if os.access("/dev/kvm", os.W_OK) and _kvm_boots(image):
        return ["-accel", "kvm", "-cpu", "host"]
    return EMULATED.split()


def _kvm_boots(image: Image) -> bool:
    """/dev/kvm may be there and unusable: boot without shares and see whether the first stage speaks."""
    command = f"timeout 15 {QEMU} -accel kvm -cpu host -m 512 -nographic -no-reboot -kernel {image.kernel}"
    done = subprocess.run(
        [*command.split(), "-initrd", str(image.ramdisk), "-append", "console=ttyS0 panic=-1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return b"NO-SHARE" in done.stdout
