"""Models on the preview page in a real browser: the list, a licence, a fetch, what goes wrong, a removal."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from browser import Tab, browser
from control import fake
from fake_service import FakeService
from model_files import onnx_file
from pages import running

from visard.models.errors import NetworkUnavailable
from visard.models.store import Store

ITEM = "document.querySelector('#models [data-name=\"{}\"]')"
GONE = "ghost_1_256.onnx cannot be fetched: mirror.example answers 503"

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    return fake(tmp_path)


@pytest.fixture(params=["en-US", "zh-CN"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tab(service: FakeService, tmp_path: Path, language: str) -> Iterator[Tab]:
    with running(service) as page, browser(tmp_path / "browser") as chromium, chromium.tab() as opened:
        opened.speak(language)
        opened.visit(page.link())
        opened.until("document.querySelectorAll('figure.moving').length === 2")
        opened.click("#models summary")
        opened.until("document.querySelectorAll('#models li').length === 40")
        yield opened


class Fetches:
    """Stands in for fetching: goes on until it is given up or told to fail."""

    def __init__(self) -> None:
        self.fail, self.over = Event(), Event()

    def fetch(self, _name: str, report: Callable[[float, str], None], **_: Any) -> None:
        while not self.fail.wait(0.05):
            assert not self.over.is_set(), "nobody gave it up"
            report(0.25, "1 of 4 MB")
        raise NetworkUnavailable(GONE)


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetches]:
    made = Fetches()
    monkeypatch.setattr(Store, "fetch", made.fetch)
    yield made
    made.over.set()


def _words(tab: Tab, name: str) -> str:
    """Return what a model's line says, its button included."""
    return str(tab.value(f"{ITEM.format(name)}.innerText"))


def _press(tab: Tab, name: str) -> None:
    tab.click(f"#models [data-name='{name}'] button:not(.verify)")


def test_a_licence_is_read_and_a_fetch_given_up(tab: Tab, fetches: Fetches, language: str) -> None:
    fetch, cancel = ("Fetch", "Cancel") if language == "en-US" else ("下载", "取消")
    item = ITEM.format("codeformer")
    assert "embedding for GHOST (Unknown)" in _words(tab, "ghost_1_256")
    assert tab.value(f"{ITEM.format('fomm_taichi')}.querySelector('button:not(.verify)').hidden")
    _press(tab, "codeformer")
    tab.until("document.querySelector('#licence').open")
    assert "S-Lab" in tab.value("document.querySelector('#licence').innerText")
    tab.click("#licence-decline")
    tab.until("!document.querySelector('#licence').open")
    assert fetch in _words(tab, "codeformer")
    _press(tab, "codeformer")
    tab.until("document.querySelector('#licence').open")
    tab.click("#licence-accept")
    tab.until(f"{item}.innerText.includes('1 of 4 MB')")
    assert tab.value(f"{item}.querySelector('progress').value") == 0.25
    assert cancel in _words(tab, "codeformer")
    _press(tab, "codeformer")
    tab.until(f"{item}.querySelector('progress').hidden")
    tab.until(f"{item}.querySelector('button:not(.verify)').innerText === {fetch!r}")
    assert tab.value("document.querySelector('#said').hidden")  # who gave it up knows
    assert tab.complaints == []


def test_what_goes_wrong_is_told_where_it_was_asked_for(tab: Tab, fetches: Fetches) -> None:
    item = ITEM.format("ghost_1_256")
    _press(tab, "ghost_1_256")
    tab.until(f"!{item}.querySelector('progress').hidden")
    fetches.fail.set()
    tab.until(f"{item}.innerText.includes({GONE!r})")
    fetches.fail.clear()
    _press(tab, "ghost_1_256")
    tab.until(f"{item}.innerText.includes('1 of 4 MB')")
    assert GONE not in _words(tab, "ghost_1_256")
    assert tab.complaints == []


def test_a_model_is_removed_when_that_is_confirmed(tab: Tab, service: FakeService, tmp_path: Path) -> None:
    item = ITEM.format("xseg_1")
    service.models.store.import_(onnx_file(tmp_path / "x.onnx", "xseg_1"), name="xseg_1")
    tab.click("#models summary")
    tab.click("#models summary")
    tab.until(f"{item}.innerText.includes('✓')")
    tab.answer(False)
    _press(tab, "xseg_1")
    assert service.models.store.get("xseg_1").here
    tab.answer(True)
    _press(tab, "xseg_1")
    tab.until(f"!{item}.innerText.includes('✓')")
    assert not service.models.store.get("xseg_1").here
    assert tab.complaints == []


def test_a_file_is_chosen_imported_and_checked(tab: Tab, service: FakeService, tmp_path: Path) -> None:
    item, line = ITEM.format("codeformer"), "#models [data-name='codeformer']"
    tab.choose(f"{line} input", onnx_file(tmp_path / "other.onnx", "xseg_1"))
    tab.until("document.querySelector('#licence').open")
    tab.click("#licence-accept")
    tab.until(f"{item}.innerText.includes('other.onnx is not codeformer')")
    tab.choose(f"{line} input", onnx_file(tmp_path / "mine.onnx", "codeformer"))
    tab.until(f"{item}.innerText.includes('✓')")
    assert service.models.store.get("codeformer").here
    assert "other.onnx" not in _words(tab, "codeformer")
    (service.models.store.folder / "codeformer" / "codeformer.onnx").write_bytes(b"changed")
    tab.click(f"{line} .verify")
    tab.until(f"{item}.innerText.includes('not as it was')")
    (complaint,) = tab.complaints
    assert "409" in complaint  # the file that is refused
