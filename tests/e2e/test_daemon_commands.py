"""The commands that talk to a running daemon."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from daemons import LONG, Process, ended, visard

from visard.daemon.api.client import Client

pytestmark = pytest.mark.slow


def test_commands_drive_it_and_say_so_when_it_is_not_there(pretended: Process, home: Path) -> None:
    assert visard("persona", "marco", "--mode", "animate") == (0, "marco is on\n", "")
    assert visard("next") == (0, "nico is on\n", "")
    assert visard("previous")[1] == "marco is on\n"
    assert visard("pause")[1] == "marco is on, paused\n"
    assert visard("resume")[1] == "marco is on\n"
    assert "hide it with: visard reveal --off" in visard("reveal")[1]
    assert visard("reveal", "--off")[1] == "marco is on\n"
    assert visard("settings", "set", "opacity", "0.9") == (0, "opacity = 0.9\n", "")
    assert visard("settings", "set", "camera=0")[1] == "camera = 0\n"
    assert visard("settings", "get", "camera")[1] == "0\n"
    assert visard("settings", "unset", "camera")[1] == "camera = auto\n"
    assert "mode = animate\n" in visard("settings", "get")[1]
    assert visard("settings", "set", "opacty=1") == (
        1,
        "",
        "visard: there is no setting 'opacty'; did you mean opacity?\n",
    )
    assert json.loads(visard("settings", "get", "zoom", "--json")[1]) == {"zoom": 1.0}
    assert "Acme Webcam (usb-Acme" in visard("cameras")[1]
    assert json.loads(visard("status", "--json")[1])["persona"] == "marco"
    assert visard("status")[1].startswith(
        "state     live\npersona   marco (animate, puppet)\ncamera    Acme Webcam\n"
    )
    assert visard("preview")[1].startswith("http://127.0.0.1:")
    assert visard("daemon", "--stop") == (0, "", "")
    assert ended(pretended) == (0, "")
    for command in (["status"], ["next"], ["settings", "get"], ["events"], ["preview"], ["daemon", "--stop"]):
        assert visard(*command) == (1, "", "visard: no Visard daemon answers; start it with: visard daemon\n")


def test_events_are_lines(pretended: Process) -> None:
    command = [sys.executable, "-m", "visard.daemon", "events"]
    with (
        subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as machine,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as person,
        Client() as client,
    ):
        assert machine.stdout
        assert person.stdout
        assert json.loads(machine.stdout.readline())["data"]["persona"] == "clara"
        assert person.stdout.readline() == "live      clara is on\n"
        client.switch_persona("robin")
        while json.loads(machine.stdout.readline())["data"]["persona"] != "robin":
            pass
        while person.stdout.readline() != "live      robin is on\n":
            pass
        client.shutdown()
        assert (machine.wait(LONG), person.wait(LONG)) == (0, 0)
