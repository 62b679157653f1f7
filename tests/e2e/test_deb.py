"""The Debian package: what is in it, and what it does to a system that lies over this one like a sheet.

The virtual machine's tests install it for real; here neither systemd nor a driver is there to be talked to.
"""

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dfm_files import tinted

from visard.daemon.sources.demo import CLIP

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

HOME = "usr/lib/visard"


def run(*command: str | Path, **environment: str) -> str:
    merged = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=merged)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def control(deb: Path) -> dict[str, str]:
    fields = run("dpkg-deb", "--field", deb).replace("\n ", " ").splitlines()
    return dict(line.split(": ", 1) for line in fields)


@pytest.fixture(scope="module")
def tree(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package's files, unpacked where no user of it would expect them."""
    folder = tmp_path_factory.mktemp("deb") / "a place"
    run("dpkg-deb", "--extract", deb, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def visard(tree: Path, home: Path) -> Callable[..., str]:
    """Call the unpacked program with the interpreter of its own."""

    def call(*arguments: str, **environment: str) -> str:
        program = (tree / f"{HOME}/bin/python3", "-I", tree / "usr/bin/visard")
        return run(*program, *arguments, VISARD_HOME=str(home), **environment)

    return call


def test_it_fits_the_python_it_was_built_for(control: dict[str, str]) -> None:
    major, minor = run("/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])").split()
    needs = control["Depends"].split(", ")
    assert f"python3 (>= {major}.{minor})" in needs
    assert f"python3 (<< {major}.{int(minor) + 1})" in needs
    assert {"v4l2loopback-dkms", "python3-gi", "gir1.2-ayatanaappindicator3-0.1"} <= set(needs)


def test_every_library_it_does_not_carry_is_among_what_it_depends_on(tree: Path) -> None:
    """Each shared object finds all it needs inside the package or in the C and C++ runtimes."""
    readelf = shutil.which("readelf") or pytest.skip("needs binutils")
    objects = [path for path in tree.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    assert len(objects) > 100
    said = run(readelf, "-d", *objects)
    needed = {line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line}
    outside = {name.split(".so")[0].split("-")[0] for name in needed - {path.name for path in objects}}
    assert outside <= {
        "libc",
        "libm",
        "libdl",
        "librt",
        "libpthread",
        "libmvec",
        "ld",
        "libgcc_s",
        "libstdc++",
        "libz",
    }


def test_it_works_from_wherever_it_lies(visard: Callable[..., str], repository: Path) -> None:
    findings = {one["name"]: one for one in json.loads(visard("doctor", "--json"))["findings"]}
    for name in ("engine openvino", "engine onnxruntime", "networks", "swappers", "animators", "personas"):
        assert findings[name]["state"] == "ok", findings[name]
    assert findings["pyvirtualcam"]["state"] == "ok"


def test_it_swaps(visard: Callable[..., str], tmp_path: Path) -> None:
    done = json.loads(visard("convert", str(CLIP), str(tmp_path / "out.mp4"), "--json"))
    assert done["faces"]["swapped"] > 0.9 * done["frames"] > 10
    visard("run", "--source", "demo", "--sink", str(tmp_path / "run.mp4"), "--seconds", "2")
    assert (tmp_path / "run.mp4").is_file()


def test_it_puts_a_trained_face_on(visard: Callable[..., str], tmp_path: Path) -> None:
    """With the parts of onnx that were left in the package for rewriting networks."""
    face, out = tinted(tmp_path / "face.dfm"), tmp_path / "out.mp4"
    visard("personas", "add", str(face), "--name", "tinted", "--consent", "generated")
    made = json.loads(visard("convert", str(CLIP), str(out), "--persona", "tinted", "--json"))
    assert made["faces"]["swapped"] > 0.9 * made["frames"] > 10


def test_it_is_alone_with_its_libraries(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither PYTHONPATH nor any other packages reach the program, only the system's PyGObject."""
    poison = tmp_path / "poison"
    poison.mkdir()
    (poison / "click.py").write_text("raise SystemExit('poisoned')")
    (poison / "sitecustomize.py").write_text("raise SystemExit('poisoned')")
    monkeypatch.setenv("PYTHONPATH", str(poison))
    monkeypatch.setenv("PYTHONHOME", str(poison))
    monkeypatch.chdir(poison)
    python = tree / f"{HOME}/bin/python3"
    assert run(python, "-I", tree / "usr/bin/visard", "--version").startswith("visard ")
    first = (tree / "usr/bin/visard").read_text().splitlines()[0]
    assert first == f"#!/{HOME}/bin/python3 -I"
    reached = run(python, "-I", "-c", "import sys; print(*sys.path, sep='\\n')").splitlines()
    assert not [place for place in reached if "dist-packages" in place or "/home/" in place]
    asked = "from visard.tray import system_gi; print(system_gi.find())"
    assert run(python, "-I", "-c", asked) == f"{Path('/usr/lib/python3/dist-packages/gi').exists()}\n"


def test_it_brings_pip_for_what_is_fetched_on_demand(tree: Path) -> None:
    assert run(tree / f"{HOME}/bin/python3", "-m", "pip", "--version").startswith("pip ")


def test_everything_is_compiled_and_running_it_writes_nothing(visard: Callable[..., str], tree: Path) -> None:
    sources = {path for path in tree.rglob("*.py") if HOME in str(path) and "__pycache__" not in str(path)}
    compiled = {path.parent.parent / f"{path.name.split('.cpython')[0]}.py" for path in tree.rglob("*.pyc")}
    missing = {str(path.relative_to(tree)) for path in sources - compiled}
    assert not [name for name in missing if "/visard/" in name.removeprefix(HOME)], missing
    before = set(tree.rglob("*"))
    visard("doctor")
    visard("--help")
    assert set(tree.rglob("*")) == before


def test_nothing_tells_where_it_was_built(tree: Path, repository: Path) -> None:
    needle = str(repository).encode()
    ours = [path for path in (tree / HOME).rglob("visard*/**/*") if path.is_file()]
    others = [path for path in tree.rglob("*") if path.is_file() and HOME not in str(path)]
    assert len(ours) > 100
    assert not [path for path in (*ours, *others) if needle in path.read_bytes()]


def test_the_manual_tells_of_every_command(tree: Path) -> None:
    from visard.daemon.cli import COMMANDS

    text = gzip.decompress((tree / "usr/share/man/man1/visard.1.gz").read_bytes()).decode()
    for name in COMMANDS:
        assert f".SS \\fBvisard {name}\\fR" in text
    man = shutil.which("man") or pytest.skip("needs man-db")
    page = tree / "visard.1"
    page.write_text(text)
    done = subprocess.run(
        [man, "--local-file", "--warnings", str(page)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
    )
    assert done.stderr == ""
    assert "Visard Camera" in done.stdout
    page.unlink()


@pytest.mark.parametrize(
    ("shell", "check", "path"),
    [
        ("bash", ("bash", "-n"), "bash-completion/completions/visard"),
        ("zsh", ("zsh", "-n"), "zsh/vendor-completions/_visard"),
        ("fish", ("fish", "--no-execute"), "fish/vendor_completions.d/visard.fish"),
    ],
)
def test_shells_accept_the_completions(tree: Path, shell: str, check: tuple[str, ...], path: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    run(*check, tree / "usr/share" / path)


def test_bash_completes_commands(tree: Path, tmp_path: Path) -> None:
    """The way bash does it at every press of Tab."""
    program = tmp_path / "visard"
    program.write_text(f'#!/bin/sh\nexec "{tree}/{HOME}/bin/python3" -I "{tree}/usr/bin/visard" "$@"\n')
    program.chmod(0o755)
    script = (
        f'source "{tree}/usr/share/bash-completion/completions/visard"\n'
        'COMP_WORDS=(visard per) COMP_CWORD=1; _visard_completion visard; echo "${COMPREPLY[*]}"'
    )
    said = run("bash", "-c", script, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert set(said.split()) == {"persona", "personas"}


def test_entries_and_units_are_those_that_install_writes(tree: Path, tmp_path: Path) -> None:
    unit = (tree / "usr/lib/systemd/user/visard.service").read_text()
    assert "\nExecStart=:/usr/bin/visard daemon\n" in unit
    bridge = next(line for line in unit.splitlines() if line.startswith("ExecStopPost="))
    file = next(word for word in bridge.split() if word.endswith("keep_format.py"))
    assert (tree / file.lstrip("/")).is_file()
    start = tree / "etc/xdg/autostart/visard.desktop"
    entry = tree / str(start.readlink()).lstrip("/")
    assert "\nExec=/usr/bin/visard tray\n" in entry.read_text()
    validate = shutil.which("desktop-file-validate") or pytest.skip("needs desktop-file-utils")
    assert run(validate, entry, tree / "usr/share/applications/visard.desktop") == ""


def test_the_driver_gets_the_same_options_as_from_the_script(tree: Path, repository: Path) -> None:
    for packed, name in (
        ("usr/lib/modprobe.d/visard-camera.conf", "modprobe.conf"),
        ("usr/lib/modules-load.d/visard-camera.conf", "modules-load.conf"),
        ("usr/lib/udev/rules.d/65-visard-camera.rules", "udev.rules"),
    ):
        assert (tree / packed).read_text() == (repository / "packaging/v4l2loopback" / name).read_text()


def test_udev_accepts_the_rule(repository: Path) -> None:
    """Newer versions check rules; older ones do not."""
    udevadm = shutil.which("udevadm") or pytest.skip("needs udev")
    known = subprocess.run([udevadm, "verify", "--help"], capture_output=True, check=False).returncode == 0
    if not known:
        pytest.skip("this udevadm checks no rules")
    run(udevadm, "verify", repository / "packaging/v4l2loopback/udev.rules")


def test_the_copyright_file_names_every_library(tree: Path) -> None:
    text = (tree / "usr/share/doc/visard/copyright").read_text()
    site = next((tree / HOME / "lib").glob("*/site-packages"))
    for info in site.glob("*.dist-info"):
        name = info.name.split("-")[0]
        assert name.lower() in text.lower().replace("-", "_"), name
    for term in ("GPLv2", "LGPL", "Apache-2.0", "MIT"):
        assert term in text
    assert "see below" not in text, "a library states no terms"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that is /mnt inside what ``over`` runs."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to lay a scratch file system over this one")
    folder = tmp_path_factory.mktemp("sheet")
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    try:
        over(folder, "true")
    except AssertionError as error:
        pytest.skip(f"no scratch file system here: {error}")
    yield folder
    shutil.rmtree(folder)


def over(sheet: Path, script: str) -> str:
    """Run a script as root over this system; what it changes lands on the sheet and is thrown away."""
    lay = (
        f"set -e; cd {sheet}; mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root\n"
        "mount -t proc proc root/proc; mount --bind /dev root/dev; mount -t tmpfs tmpfs root/run\n"
        f'mount --bind {sheet} root/mnt; exec chroot root /bin/bash -euc "$0"'
    )
    root = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return run("unshare", "--mount", "bash", "-c", lay, script, **root)


REMEMBERED = ("var/lib/dpkg/", "var/log/", "var/cache/")
"""Where the package manager and its helpers keep what they know."""


def changes(sheet: Path) -> set[str]:
    """Return what is on the sheet and not below it, and what it hides."""
    laid = {path: path.relative_to(sheet / "upper") for path in (sheet / "upper").rglob("*")}
    hidden = {str(name) for path, name in laid.items() if path.is_char_device()}
    new = {str(name) for name in laid.values() if not os.path.lexists(Path("/", name))}
    return {name for name in hidden | new if not name.startswith(REMEMBERED)}


def test_installed_used_and_removed_it_leaves_nothing(deb: Path, sheet: Path) -> None:
    """Dependencies are not asked for: this needs neither the driver nor the panel's libraries."""
    shutil.copy(deb, sheet / "visard.deb")
    said = over(
        sheet,
        "dpkg --force-depends --force-unsafe-io --install /mnt/visard.deb\n"
        "VISARD_HOME=/mnt/home visard doctor --json >/mnt/doctor.json\n"
        "readlink /etc/systemd/user/default.target.wants/visard.service\n"
        "dpkg --verify visard >/mnt/verify\n",
    )
    assert "\n/usr/lib/systemd/user/visard.service\n" in said, "everybody's sessions start it"
    assert json.loads((sheet / "doctor.json").read_text())["ok"]
    assert (sheet / "verify").read_text() == "", "it rewrote files of its own"
    assert "usr/lib/visard/bin/visard" in changes(sheet)
    over(sheet, "dpkg --remove visard")
    assert changes(sheet) == set()
    assert "is not installed" in over(sheet, "dpkg --purge visard; dpkg --status visard 2>&1 || true")
    assert changes(sheet) == set()
