import json
from pathlib import Path

import pytest

from visard.daemon.api import client
from visard.daemon.cli import main
from visard.tray import launch
from visard.tray.command import single_instance


class Daemon:
    """Gives the address of a preview page."""

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def preview(self) -> str:
        return "http://127.0.0.1:1/once"


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_a_second_tray_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with single_instance():
        assert call("tray", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "tray-running"


@pytest.mark.parametrize(("works", "status"), [(True, 0), (False, 1)])
def test_or_it_opens_the_preview(
    home: Path, monkeypatch: pytest.MonkeyPatch, works: bool, status: int
) -> None:
    opened: list[str] = []

    def open_browser(link: str) -> bool:
        opened.append(link)
        return works

    monkeypatch.setattr(client, "Client", Daemon)
    monkeypatch.setattr(launch, "open_browser", open_browser)
    with single_instance():
        assert call("tray", "--or-preview") == status
    assert opened == ["http://127.0.0.1:1/once"]
