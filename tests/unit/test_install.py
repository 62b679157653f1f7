"""What is planned on Linux, and what carrying it out leaves behind."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from visard.daemon import install
from visard.daemon.errors import InstallError
from visard.daemon.install import InstallOptions
from visard.daemon.install.computer import Computer, InstallRecord
from visard.daemon.install.icons import SIZES
from visard.daemon.install.linux import Linux
from visard.daemon.install.steps import Remove, Run, StartProcess, Step, Symlink, Write
from visard.daemon.install.windows import NoRegistry

BRIDGE = ("/usr/bin/python3", "/opt/my tools/keep_format.py", "Visard Camera")
OPTIONS = InstallOptions(("/opt/my tools/visard",))


class Recorder(Computer):
    """A computer whose programs are only written down."""

    def __init__(self, record: Path) -> None:
        super().__init__(InstallRecord(record), NoRegistry())
        self.commands: list[tuple[str, ...]] = []
        self.refuses: tuple[str, ...] = ()

    def run(self, command: Sequence[str]) -> None:
        self.commands.append(tuple(command))
        if self.refuses and self.refuses == tuple(command)[: len(self.refuses)]:
            raise InstallError("it does not want to")

    def spawn(self, command: Sequence[str]) -> None:
        self.commands.append(("&", *command))

    def running(self, what: str) -> list[int]:
        return []

    def end(self, what: str) -> None:
        raise AssertionError("nothing runs")


@pytest.fixture
def computer(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "visard/installed.json")


@pytest.fixture
def linux(tmp_path: Path) -> Linux:
    return Linux(tmp_path / "config", tmp_path / "share", BRIDGE, session=True, desktop=True)


def apply(steps: Sequence[Step], computer: Recorder) -> list[str]:
    """Do the steps as the next call of the program would, with the record read anew."""
    computer.record = InstallRecord(computer.record.path)
    return install.apply(steps, computer, lambda _: None)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_install_writes_units_entries_and_icons(linux: Linux, computer: Recorder, tmp_path: Path) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    unit = linux.config / "systemd/user/visard.service"
    assert '\nExecStart=:"/opt/my tools/visard" daemon\n' in unit.read_text()
    after = 'ExecStopPost=-:/usr/bin/python3 "/opt/my tools/keep_format.py" "Visard Camera"\n'
    assert after in unit.read_text()
    wanted = linux.config / "systemd/user/default.target.wants/visard.service"
    assert wanted.readlink() == unit
    tray = (linux.config / "autostart/visard.desktop").read_text()
    assert '\nExec="/opt/my tools/visard" tray\n' in tray
    assert (linux.data / "applications/visard.desktop").is_file()
    for size in SIZES:
        picture = linux.data / f"icons/hicolor/{size}x{size}/apps/visard.png"
        assert picture.read_bytes()[16:24] == size.to_bytes(4) * 2, "PNG keeps width and height there"
    assert computer.commands == [
        ("systemctl", "--user", "daemon-reload"),
        ("systemctl", "--user", "restart", "visard.service"),
        ("&", "/opt/my tools/visard", "tray"),
    ]


def test_a_second_install_changes_no_file(linux: Linux, computer: Recorder, tmp_path: Path) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert all(what.startswith(("run ", "start ")) for what in apply(linux.install(OPTIONS).steps, computer))
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_dry_run_touches_nothing(linux: Linux, computer: Recorder, tmp_path: Path) -> None:
    plan = linux.install(OPTIONS)
    told = install.dry_run(plan.steps, computer)
    assert not list(tmp_path.iterdir())
    assert computer.commands == []
    assert told == apply(plan.steps, computer), "what is told is what is done"
    before = tree(tmp_path)
    assert install.dry_run(linux.uninstall(OPTIONS).steps, computer)
    assert tree(tmp_path) == before


def test_uninstall_leaves_nothing_but_what_was_there(
    linux: Linux, computer: Recorder, tmp_path: Path
) -> None:
    other = linux.config / "autostart/other.desktop"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    before = tree(tmp_path)
    apply(linux.install(OPTIONS).steps, computer)
    apply(linux.uninstall(OPTIONS).steps, computer)
    assert tree(tmp_path) == before
    assert other.read_text() == "mine"
    assert ("systemctl", "--user", "stop", "visard.service", "visard-retry.timer") in computer.commands


def test_uninstall_twice_finds_nothing_the_second_time(linux: Linux, computer: Recorder) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    apply(linux.uninstall(OPTIONS).steps, computer)
    assert all(what.startswith("run ") for what in apply(linux.uninstall(OPTIONS).steps, computer))


def test_a_file_that_was_edited_is_put_aside_and_that_is_said(linux: Linux, computer: Recorder) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    unit = linux.config / "systemd/user/visard.service"
    unit.write_text("edited")
    told = apply(linux.uninstall(OPTIONS).steps, computer)
    assert not unit.exists()
    assert unit.with_name("visard.service.bak").read_text() == "edited"
    assert [what for what in told if "visard.service.bak" in what and "changed" in what]


def test_install_keeps_a_foreign_file_that_is_in_the_way(linux: Linux, computer: Recorder) -> None:
    unit = linux.config / "systemd/user/visard.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("somebody's own")
    unit.with_name("visard.service.bak").write_text("older still")
    told = apply(linux.install(OPTIONS).steps, computer)
    assert unit.with_name("visard.service.bak1").read_text() == "somebody's own"
    assert unit.with_name("visard.service.bak").read_text() == "older still"
    assert [what for what in told if "visard.service.bak1" in what]


def test_what_an_older_version_wrote_is_replaced_and_removed_quietly(
    linux: Linux, computer: Recorder, tmp_path: Path
) -> None:
    apply(linux.install(InstallOptions(("/old/visard",))).steps, computer)
    apply(linux.install(OPTIONS).steps, computer)
    assert not list(tmp_path.rglob("*.bak*"))
    apply(linux.install(InstallOptions(("/old/visard",))).steps, computer)
    apply(linux.uninstall(OPTIONS).steps, computer)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["", "[1]", '{"files": 3}', "\0\0"])
def test_without_its_record_uninstall_still_knows_its_own_files(
    linux: Linux, computer: Recorder, tmp_path: Path, damage: str
) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    computer.record.path.write_text(damage)
    apply(linux.uninstall(OPTIONS).steps, computer)
    assert not [path for path in tmp_path.rglob("*") if not path.is_dir()]


def test_no_tray_takes_an_earlier_one_away(linux: Linux, computer: Recorder) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    computer.commands.clear()
    apply(linux.install(replace(OPTIONS, tray=False)).steps, computer)
    assert not (linux.config / "autostart/visard.desktop").exists()
    assert not [command for command in computer.commands if "tray" in command]


def test_no_start_and_no_session_start_nothing_and_say_when(linux: Linux, computer: Recorder) -> None:
    still = linux.install(replace(OPTIONS, start=False))
    alone = replace(linux, session=False, desktop=False).install(OPTIONS)
    for plan in (still, alone):
        assert not [step for step in plan.steps if isinstance(step, StartProcess)]
        assert not [step for step in plan.steps if isinstance(step, Run) and "restart" in step.command]
        assert any("next login" in note for note in plan.notes)
    apply(alone.steps, computer)
    assert computer.commands == [], "without systemd's ear nothing is asked of it"
    assert (linux.config / "systemd/user/default.target.wants/visard.service").is_symlink()


def test_a_unit_that_came_for_everybody_is_used(linux: Linux, computer: Recorder, tmp_path: Path) -> None:
    packaged = tmp_path / "usr/visard.service"
    everybody = replace(linux, packaged=packaged)
    apply(everybody.install(OPTIONS).steps, computer)
    wanted = linux.config / "systemd/user/default.target.wants/visard.service"
    assert wanted.readlink() == packaged
    assert tree(linux.config) == {
        "systemd",
        "systemd/user",
        "systemd/user/default.target.wants",
        "systemd/user/default.target.wants/visard.service",
    }
    apply(everybody.install(replace(OPTIONS, tray=False)).steps, computer)
    assert "Hidden=true" in (linux.config / "autostart/visard.desktop").read_text()
    apply(everybody.install(OPTIONS).steps, computer)
    assert not (linux.config / "autostart/visard.desktop").exists()
    plan = everybody.uninstall(OPTIONS)
    apply(plan.steps, computer)
    assert not list(tmp_path.iterdir())
    assert "apt remove" in " ".join(plan.notes)


def test_a_daemon_that_does_not_start_is_an_error(linux: Linux, computer: Recorder) -> None:
    computer.refuses = ("systemctl", "--user", "restart")
    with pytest.raises(InstallError, match="does not want"):
        apply(linux.install(OPTIONS).steps, computer)


def test_a_daemon_that_cannot_be_stopped_does_not_stop_uninstalling(
    linux: Linux, computer: Recorder, tmp_path: Path
) -> None:
    apply(linux.install(OPTIONS).steps, computer)
    computer.refuses = ("systemctl", "--user", "stop")
    apply(linux.uninstall(OPTIONS).steps, computer)
    assert not list(tmp_path.iterdir())


def test_links_replace_links_and_keep_files(computer: Recorder, tmp_path: Path) -> None:
    link = Symlink(tmp_path / "a/link", tmp_path / "new")
    link.path.parent.mkdir()
    link.path.symlink_to(tmp_path / "old")
    apply([link], computer)
    assert link.path.readlink() == tmp_path / "new"
    link.path.unlink()
    link.path.write_text("a file")
    apply([link], computer)
    assert link.path.with_name("link.bak").read_text() == "a file"
    assert install.dry_run([link], computer) == []


def test_a_link_in_the_place_of_a_file_is_not_written_through(computer: Recorder, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    place = tmp_path / "entry"
    place.symlink_to(precious)
    apply([Write(place, b"ours")], computer)
    assert (place.read_bytes(), precious.read_text()) == (b"ours", "keep me")
    place.unlink()
    place.symlink_to(precious)
    apply([Remove(place, b"keep me")], computer)
    assert precious.read_text() == "keep me"


def test_folders_of_the_desktop_standard_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visard.daemon.install.linux import find

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    found = find()
    assert (found.config, found.data) == (tmp_path / ".config", tmp_path / "elsewhere")
    assert not found.session
    assert not found.desktop
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/private").touch()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert find().session
    assert find().desktop
