"""Puts what is not a library into the tree of the Debian package: furnish.py CHECKOUT TREE.

Run by the tree's own interpreter, so that units and entries are the ones that 'visard install' writes too.
"""

import gzip
import os
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib.metadata import version
from pathlib import Path

from click.shell_completion import get_completion_class

from visard.daemon.cli import commands
from visard.daemon.install import freedesktop, systemd
from visard.daemon.install.icons import icons

COMMAND = ("/usr/bin/visard",)

SCRIPT = """\
#!/usr/lib/visard/bin/python3 -I
from visard.daemon.cli import program

program()
"""

COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/visard",
    "zsh": "usr/share/zsh/vendor-completions/_visard",
    "fish": "usr/share/fish/vendor_completions.d/visard.fish",
}


def main(checkout: Path, tree: Path) -> None:
    """Write every file."""
    sys.path.insert(0, str(Path(__file__).parent))
    from licences import copyright_file
    from man import page

    place = tree / "usr/lib/visard"
    write(place / "bin/visard", SCRIPT).chmod(0o755)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/visard").symlink_to("../lib/visard/bin/visard")
    start_at_login(tree)
    virtual_camera(checkout / "packaging/v4l2loopback", tree)
    for shell, path in COMPLETIONS.items():
        write(tree / path, completion(shell))
    documents = tree / "usr/share/doc/visard"
    write(documents / "copyright", copyright_file(checkout, place))
    write_packed(documents / "changelog.gz", changelog())
    write_packed(documents / "CHANGELOG.md.gz", (checkout / "CHANGELOG.md").read_text())
    overrides = (Path(__file__).parent / "lintian-overrides").read_text()
    write(tree / "usr/share/lintian/overrides/visard", overrides)
    write_packed(tree / "usr/share/man/man1/visard.1.gz", page(commands))


def start_at_login(tree: Path) -> None:
    """Write the units, what the desktop starts and shows, and the icons."""
    units = tree / "usr/lib/systemd/user"
    packages = next(tree.glob("usr/lib/visard/lib/*/site-packages")).relative_to(tree)
    bridging = systemd.keep_format_command("/usr/bin/python3", f"/{packages}")
    write(units / systemd.SERVICE, systemd.service(COMMAND, bridging))
    write(units / systemd.RETRY, systemd.retry())
    write(tree / "usr/share/visard" / freedesktop.NAME, freedesktop.autostart_entry(COMMAND))
    start = tree / "etc/xdg/autostart" / freedesktop.NAME  # a link, so that it goes with the package
    start.parent.mkdir(parents=True)
    start.symlink_to(f"/usr/share/visard/{freedesktop.NAME}")
    write(tree / "usr/share/applications" / freedesktop.NAME, freedesktop.menu_entry(COMMAND))
    for path, content in icons().items():
        target = tree / "usr/share/icons/hicolor" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def virtual_camera(driver: Path, tree: Path) -> None:
    """Write how the driver is loaded: below /usr, so that a file of the same name below /etc replaces it."""
    for name, path in (
        ("modprobe.conf", "usr/lib/modprobe.d/visard-camera.conf"),
        ("modules-load.conf", "usr/lib/modules-load.d/visard-camera.conf"),
        ("udev.rules", "usr/lib/udev/rules.d/65-visard-camera.rules"),
    ):
        write(tree / path, (driver / name).read_text())


def changelog() -> str:
    """Return the package's own change log, as Debian wants it."""
    when = format_datetime(datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC))
    who = "The Visard authors <visard@localhost>"
    entry = "  * What changed is told in CHANGELOG.md.gz beside this file."
    return f"visard ({version('visard')}) unstable; urgency=medium\n\n{entry}\n\n -- {who}  {when}\n"


def completion(shell: str) -> str:
    """Return click's completion script for a shell."""
    kind = get_completion_class(shell)
    assert kind is not None, shell
    return kind(commands, {}, "visard", "_VISARD_COMPLETE").source()


def write(path: Path, text: str) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_packed(path: Path, text: str) -> None:
    """Write a file the way Debian wants documents: packed, and the same every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
