"""macOS: launchd starts both at login and the daemon again after a crash."""

import os
import plistlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visard.daemon.install.installer import InstallOptions, InstallPlan
from visard.daemon.install.steps import EndProcess, ForgetRecord, Remove, Run, Step, Write

DAEMON, TRAY = "visard.daemon", "visard.tray"


@dataclass(frozen=True, slots=True)
class MacOS:
    """Where agents lie, and whose they are."""

    agents: Path
    user: int

    def install(self, options: InstallOptions) -> InstallPlan:
        """Plan one agent for the daemon and one for the tray."""
        wanted = self._agents(options)
        steps: list[Step] = [EndProcess("daemon"), EndProcess("tray")] if options.start else []
        for label, content in self._agents(_whole(options)).items():
            path = self._path(label)
            steps += [self._out(label)] if options.start else []
            steps.append(Write(path, content) if label in wanted else Remove(path, content))
            if options.start and label in wanted:
                steps.append(Run(("launchctl", "bootstrap", self._domain, str(path))))
        notes = () if options.start else ("Visard starts at your next login",)
        return InstallPlan(tuple(steps), notes)

    def uninstall(self, options: InstallOptions) -> InstallPlan:
        """Plan the end of both and the removal of their agents."""
        agents = self._agents(_whole(options))
        steps: list[Step] = [self._out(label) for label in reversed(agents)]
        steps += [EndProcess("tray"), EndProcess("daemon")]
        steps += [Remove(self._path(label), content) for label, content in agents.items()]
        return InstallPlan((*steps, ForgetRecord()))

    @property
    def _domain(self) -> str:
        return f"gui/{self.user}"

    def _path(self, label: str) -> Path:
        return self.agents / f"{label}.plist"

    def _out(self, label: str) -> Run:
        return Run(("launchctl", "bootout", f"{self._domain}/{label}"), may_fail=True)

    def _agents(self, options: InstallOptions) -> dict[str, bytes]:
        again = {"KeepAlive": {"SuccessfulExit": False}, "ThrottleInterval": 10, "ExitTimeOut": 5}
        agents = {DAEMON: _agent(DAEMON, options, "daemon", ProcessType="Interactive", Umask=0o077, **again)}
        if options.tray:
            agents[TRAY] = _agent(TRAY, options, "tray", LimitLoadToSessionType="Aqua")
        return agents


def _whole(options: InstallOptions) -> InstallOptions:
    return replace(options, tray=True)


def _agent(label: str, options: InstallOptions, argument: str, **more: Any) -> bytes:
    facts = {
        "Label": label,
        "ProgramArguments": [*options.command, argument],
        "RunAtLoad": True,
        **({"EnvironmentVariables": dict(options.environment)} if options.environment else {}),
        **more,
    }
    return plistlib.dumps(facts)


def find() -> MacOS:
    """Look around on this computer."""
    return MacOS(Path.home() / "Library/LaunchAgents", os.getuid())
