"""Models on the preview page in a real browser: the list, a licence, a fetch that is watched and given up."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from browser import Tab, browser
from control import fake
from fake_service import FakeService
from pages import running

from visard.models.store import Store

ITEM = "document.querySelector('#models [data-name=\"{}\"]')"


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    return fake(tmp_path)


@pytest.fixture
def tab(service: FakeService, tmp_path: Path) -> Iterator[Tab]:
    with running(service) as page, browser(tmp_path / "browser") as chromium, chromium.tab() as opened:
        opened.visit(page.link())
        opened.until("document.querySelectorAll('figure.moving').length === 2")
        opened.value("document.querySelector('#models').open = true")
        opened.until("document.querySelectorAll('#models li').length === 40")
        yield opened


@pytest.mark.slow
def test_a_licence_is_accepted_and_a_fetch_given_up(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = Event()

    def slow(store: Store, name: str, report: Callable[[float, str], None], **_: Any) -> None:
        report(0.25, "1 of 4 MB")
        assert go_on.wait(60)
        report(0.5, "2 of 4 MB")

    monkeypatch.setattr(Store, "fetch", slow)
    item = ITEM.format("codeformer")
    assert tab.value(f"{ITEM.format('fomm_taichi')}.querySelector('button').hidden")
    tab.value(f"{item}.querySelector('button').click()")
    tab.until("document.querySelector('#licence').open")
    assert "S-Lab" in tab.value("document.querySelector('#licence').innerText")
    tab.click("#licence-accept")
    tab.until(f"{item}.innerText.includes('1 of 4 MB')")
    assert tab.value(f"{item}.querySelector('progress').value") == 0.25
    tab.value(f"{item}.querySelector('button').click()")
    tab.until(f"{item}.querySelector('button').innerText === 'Cancel'")
    go_on.set()
    tab.until("document.querySelector('#said').innerText.includes('it was given up')")
    tab.until(f"{item}.querySelector('button').innerText === 'Fetch'")
    assert tab.complaints == []
