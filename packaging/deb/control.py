"""The package's control file: control.py TREE VERSION. It fits the Python and the machine it is run on."""

import platform
import sys
from pathlib import Path

TEXT = """\
Package: visard
Version: {version}
Architecture: {architecture}
Maintainer: The Visard authors <visard@localhost>
Installed-Size: {size}
Section: video
Priority: optional
Depends: {depends}
Recommends: linux-headers-{architecture} | linux-headers-generic, xdg-utils
Suggests: v4l-utils
Description: another face in any video call
 Visard reads the webcam, puts the face of a persona on yours (or moves a
 portrait as you move) and shows the result as a camera that meeting programs
 and browsers can choose: "Visard Camera". One photo is enough, nothing is
 trained, and a plain laptop's processor does the work.
 .
 A daemon starts at login, an icon in the panel switches faces. The real face
 leaves the machine only after it was asked for.
"""

LIBRARIES = ("libc6 (>= 2.34)", "libgcc-s1", "libstdc++6 (>= 12)", "zlib1g")
SYSTEM = ("v4l2loopback-dkms", "kmod", "python3-gi", "gir1.2-gtk-3.0", "gir1.2-ayatanaappindicator3-0.1")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def main(tree: Path, version: str) -> None:
    """Print the file."""
    major, minor = sys.version_info[:2]
    python = (f"python3 (>= {major}.{minor})", f"python3 (<< {major}.{minor + 1})")
    size = sum(-(-path.lstat().st_size // 1024) for path in tree.rglob("*") if not path.is_dir())
    facts = {
        "version": version,
        "architecture": ARCHITECTURES[platform.machine()],
        "size": size,
        "depends": ", ".join((*python, *LIBRARIES, *SYSTEM)),
    }
    print(TEXT.format(**facts), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
