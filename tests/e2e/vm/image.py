"""Builds what the test machine boots: Debian's own kernel, v4l2loopback for it, and a first stage.

Needs root on x86-64 Debian. There is no disk image: the guest runs on the host's root file system, read-only.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BUILDERS = ("busybox-static", "cpio", "kmod", "make", "qemu-system-x86", "xz-utils")
"""Packages that build the image and boot it."""
READERS = ("chromium-headless-shell", "ffmpeg", "v4l-utils")
LOGIN = ("dbus-user-session", "libpam-systemd", "systemd-sysv", "udev")
"""Where people log in under systemd."""
PANEL = ("gir1.2-ayatanaappindicator3-0.1", "gir1.2-gtk-3.0", "python3-gi", "xdg-utils")
PLAYS = {
    "account.py": LOGIN,
    "viewers.py": (*READERS, "kmod"),
    "crash.py": ("kmod", "python3", "udev", "v4l-utils"),
    "scenario.py": (*READERS, "kmod"),
    "service.py": (
        *LOGIN,
        *PANEL,
        *READERS,
        *("curl", "init-system-helpers", "kmod", "procps", "python3", "v4l2loopback-dkms"),
    ),
    "webcam.py": ("kmod", "v4l-utils"),
}
"""All that a scenario needs in the guest beyond what every Debian has; whoever ran before does not count."""
DRIVERS = (
    "drivers/media drivers/virtio drivers/char drivers/usb drivers/video drivers/i2c drivers/net/dummy.ko*"
    " net/9p fs sound lib"
)
OTHER_LOOPBACK = "VISARD_VM_LOOPBACK"
"""Environment variable: a folder with the source of another v4l2loopback than Debian's own."""
FIRST = "virtio_pci 9pnet_virtio 9p overlay virtio_rng"
"""What the first stage needs before it can reach the host's files."""


@dataclass(frozen=True)
class Image:
    """A folder with everything QEMU needs; the guest sees it as /vm."""

    folder: Path
    version: str

    @property
    def kernel(self) -> Path:
        """The kernel to boot."""
        return self.folder / f"kernel/boot/vmlinuz-{self.version}"

    @property
    def ramdisk(self) -> Path:
        """The first stage."""
        return self.folder / "ramdisk.gz"


def prepare(folder: Path, script: str) -> Image:
    """Install what ``script`` and the image need, and build it in ``folder`` unless it is already there."""
    _run("apt-get update -qq")
    kernel = _output("apt-cache depends linux-image-amd64").split("Depends: ")[1].split()[0]
    image = Image(folder, kernel.removeprefix("linux-image-"))
    with _no_module_of_the_host():
        _install([*BUILDERS, *PLAYS[script], f"linux-headers-{image.version}"])
    stamp, made_of = folder / "stamp", _made_of(kernel)
    if not (stamp.is_file() and stamp.read_text() == made_of):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _fetch_kernel(image, kernel)
        _build_loopback(image)
        _build_ramdisk(image)
        stamp.write_text(made_of)
    return image


def _made_of(kernel: str) -> str:
    versions = _output(f"apt-cache policy {kernel} v4l2loopback-dkms")
    stages = [HERE / name for name in ("stage1.sh", "stage2.sh", "image.py")]
    sources = sorted(Path(other).glob("*.[ch]")) if (other := os.environ.get(OTHER_LOOPBACK)) else []
    content = b"".join(file.read_bytes() for file in [*stages, *sources])
    return versions + hashlib.sha256(content).hexdigest()


@contextmanager
def _no_module_of_the_host() -> Iterator[None]:
    """Keep DKMS from building v4l2loopback: the guest gets its own, and the host's kernel is none of ours."""
    switch = Path("/etc/dkms/no-autoinstall")
    ours = not switch.exists()
    switch.parent.mkdir(exist_ok=True)
    switch.touch()
    try:
        yield
    finally:
        if ours:
            switch.unlink()


def _install(packages: list[str]) -> None:
    states = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    missing = [package for package in packages if f"{package} installed" not in states]
    if missing:
        _run(f"apt-get install -y -qq --no-install-recommends {' '.join(missing)}")


def _fetch_kernel(image: Image, package: str) -> None:
    _run(f"apt-get download -qq {package}", image.folder)
    modules = f"./lib/modules/{image.version}"
    wanted = ["./boot", f"{modules}/modules.*", *(f"{modules}/kernel/{part}" for part in DRIVERS.split())]
    target = image.folder / "kernel"
    target.mkdir()
    _run(
        f"dpkg-deb --fsys-tarfile {package}_*.deb | tar -x -C kernel --wildcards {' '.join(wanted)}",
        image.folder,
    )


def _build_loopback(image: Image) -> None:
    sources = image.folder / "loopback/usr/src"
    if other := os.environ.get(OTHER_LOOPBACK):
        shutil.copytree(other, sources / "v4l2loopback-other")
    else:
        fetch = "apt-get download -qq v4l2loopback-dkms && dpkg-deb -x v4l2loopback-dkms_*.deb loopback"
        _run(fetch, image.folder)
    source = next(sources.glob("v4l2loopback-*"))
    _run(f"make -s -C /usr/src/linux-headers-{image.version} M={source} modules")
    target = image.folder / f"kernel/lib/modules/{image.version}/extra"
    target.mkdir()
    shutil.copy(source / "v4l2loopback.ko", target)
    _run(f"depmod -b {image.folder / 'kernel'} {image.version}")


def _build_ramdisk(image: Image) -> None:
    root = image.folder / "ramdisk"
    for part in ("bin", "modules"):
        (root / part).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin")
    shutil.copy("/bin/busybox", image.folder)
    shutil.copy(HERE / "stage2.sh", image.folder)
    (image.folder / "stage2.sh").chmod(0o755)
    shutil.copy(HERE / "stage1.sh", root / "init")
    (root / "init").chmod(0o755)
    for number, module in enumerate(_in_loading_order(image)):
        shutil.copy(module, root / "modules" / f"{number:03}-{module.name}")
    archive = subprocess.run(
        "find . | cpio -o -H newc --quiet", cwd=root, shell=True, check=True, stdout=subprocess.PIPE
    )
    image.ramdisk.write_bytes(gzip.compress(archive.stdout, 1))


def _in_loading_order(image: Image) -> list[Path]:
    lines = [
        line
        for module in FIRST.split()
        for line in _output(
            f"modprobe -d {image.folder / 'kernel'} -S {image.version} --show-depends {module}"
        ).splitlines()
    ]
    return list(dict.fromkeys(Path(line.split()[1]) for line in lines if line.startswith("insmod")))


def _run(command: str, folder: Path | None = None) -> None:
    _output(command, folder)


def _output(command: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ
        | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
