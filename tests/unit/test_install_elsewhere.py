"""Plans for macOS and Windows, carried out on a computer that is neither."""

import plistlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from visard.daemon import install
from visard.daemon.errors import InstallError
from visard.daemon.install import InstallOptions
from visard.daemon.install.computer import Computer, InstallRecord
from visard.daemon.install.macos import DAEMON, TRAY, MacOS
from visard.daemon.install.windows import KEY, NoRegistry, Windows

OPTIONS = InstallOptions(("/opt/my tools/visard",), (("VISARD_HOME", "/Users/me/a place"),))


class Values:
    """A registry in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    def get(self, key: str, name: str) -> str | None:
        return self.values.get((key, name))

    def set(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        del self.values[key, name]


class Away(Computer):
    """Another computer: it keeps launchd's list and the registry itself."""

    def __init__(self, record: Path) -> None:
        self.values = Values()
        super().__init__(InstallRecord(record), self.values)
        self.loaded: set[str] = set()
        self.started: list[tuple[str, ...]] = []
        self.ended: list[str] = []

    def run(self, command: Sequence[str]) -> None:
        """Do what launchctl does: it refuses to load twice and to unload what is not loaded."""
        _, verb, *rest = command
        label = Path(rest[-1]).name.removesuffix(".plist")
        if (verb == "bootstrap") is (label in self.loaded):
            raise InstallError(f"Boot-{verb} failed: 5: Input/output error")
        self.loaded ^= {label}

    def spawn(self, command: Sequence[str]) -> None:
        self.started.append(tuple(command))

    def running(self, what: str) -> list[int]:
        return [4711] if any(command[-1] == what for command in self.started) else []

    def end(self, what: str) -> None:
        self.ended.append(what)


@pytest.fixture
def away(tmp_path: Path) -> Away:
    return Away(tmp_path / "Application Support/visard/installed.json")


@pytest.fixture
def macos(tmp_path: Path) -> MacOS:
    return MacOS(tmp_path / "Library/LaunchAgents", 501)


def apply(plan: install.InstallPlan, computer: Away) -> list[str]:
    computer.record = InstallRecord(computer.record.path)
    return install.apply(plan.steps, computer, lambda _: None)


def test_launchd_gets_an_agent_for_each(macos: MacOS, away: Away) -> None:
    apply(macos.install(OPTIONS), away)
    assert away.loaded == {DAEMON, TRAY}
    daemon = plistlib.loads((macos.agents / f"{DAEMON}.plist").read_bytes())
    assert daemon["ProgramArguments"] == ["/opt/my tools/visard", "daemon"]
    assert daemon["EnvironmentVariables"] == {"VISARD_HOME": "/Users/me/a place"}
    assert daemon["KeepAlive"] == {"SuccessfulExit": False}
    assert daemon["RunAtLoad"] is True
    tray = plistlib.loads((macos.agents / f"{TRAY}.plist").read_bytes())
    assert tray["ProgramArguments"] == ["/opt/my tools/visard", "tray"]
    assert "KeepAlive" not in tray, "a tray that was quit stays away"


def test_launchd_can_be_asked_again(macos: MacOS, away: Away) -> None:
    apply(macos.install(OPTIONS), away)
    told = apply(macos.install(OPTIONS), away)
    assert away.loaded == {DAEMON, TRAY}
    assert not [what for what in told if what.startswith(("write", "rewrite"))]


def test_without_a_tray_the_earlier_agent_goes(macos: MacOS, away: Away) -> None:
    apply(macos.install(OPTIONS), away)
    apply(macos.install(replace(OPTIONS, tray=False)), away)
    assert away.loaded == {DAEMON}
    assert [path.name for path in macos.agents.iterdir()] == [f"{DAEMON}.plist"]


def test_agents_are_not_loaded_when_nothing_is_to_start(macos: MacOS, away: Away) -> None:
    plan = macos.install(replace(OPTIONS, start=False))
    apply(plan, away)
    assert not away.loaded
    assert len(list(macos.agents.iterdir())) == 2
    assert any("next login" in note for note in plan.notes)


def test_launchd_forgets_everything(macos: MacOS, away: Away, tmp_path: Path) -> None:
    apply(macos.install(OPTIONS), away)
    apply(macos.uninstall(OPTIONS), away)
    assert not away.loaded
    assert not list(tmp_path.rglob("*.plist"))
    assert not list(tmp_path.rglob("installed.json"))
    apply(macos.uninstall(OPTIONS), away)


PYTHON = r"C:\Program Files\Python\pythonw.exe"
WINDOWS = InstallOptions((PYTHON, "-m", "visard.daemon"))


def test_windows_runs_both_at_login(away: Away) -> None:
    apply(Windows().install(WINDOWS), away)
    assert away.values.values == {
        (KEY, "Visard"): f'"{PYTHON}" -m visard.daemon daemon',
        (KEY, "Visard Tray"): f'"{PYTHON}" -m visard.daemon tray',
    }
    assert [command[-1] for command in away.started] == ["daemon", "tray"]


def test_windows_is_set_up_once(away: Away) -> None:
    apply(Windows().install(WINDOWS), away)
    told = apply(Windows().install(WINDOWS), away)
    assert not [what for what in told if what.startswith("set ")]
    assert away.ended == ["daemon", "tray"], "the new ones take the place of those that ran"


def test_windows_without_tray_and_without_start(away: Away) -> None:
    apply(Windows().install(WINDOWS), away)
    away.started.clear()
    plan = Windows().install(replace(WINDOWS, tray=False, start=False))
    apply(plan, away)
    assert list(away.values.values) == [(KEY, "Visard")]
    assert not away.started
    assert any("next login" in note for note in plan.notes)


def test_windows_leaves_nothing_and_others_alone(away: Away) -> None:
    away.values.set(KEY, "Other", "other.exe")
    apply(Windows().install(WINDOWS), away)
    apply(Windows().uninstall(WINDOWS), away)
    assert away.values.values == {(KEY, "Other"): "other.exe"}
    assert apply(Windows().uninstall(WINDOWS), Away(away.record.path)) == []


def test_windows_tells_how_a_folder_of_ones_own_is_found_at_login() -> None:
    options = replace(WINDOWS, environment=(("VISARD_HOME", r"D:\my visard"),))
    assert r'setx VISARD_HOME "D:\my visard"' in " ".join(Windows().install(options).notes)


def test_elsewhere_there_is_no_registry() -> None:
    for act in (
        lambda: NoRegistry().get("a", "b"),
        lambda: NoRegistry().set("a", "b", "c"),
        lambda: NoRegistry().delete("a", "b"),
    ):
        with pytest.raises(NotImplementedError):
            act()
