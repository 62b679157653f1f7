"""Face models in training on the preview page, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import face_sets
import pytest
from browser import Browser, Tab, browser
from control import fake
from fake_service import FakeService
from pages import running
from training_records import append, begun, keep, line

from visard.models.train.project import Project
from visard.models.train.running import alone

WORDS = {
    "en": ("training", "stopped", "Nothing is lost"),
    "zh-CN": ("训练中", "已停止", "进度均已保存"),
}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    return fake(tmp_path)


@pytest.fixture
def anna(service: FakeService) -> Project:
    """A training that has shown something, and met trouble."""
    made = begun(service.trainings._folder() / "anna")
    append(made, *(line("stepped", step) for step in range(10, 510, 10)), line("previewed", 500))
    append(made, line("trouble", 500, text="losses are 9.1 times what they were"))
    keep(made, 500)
    made.newest_preview.parent.mkdir()
    cv2.imwrite(str(made.newest_preview), face_sets.picture(1, 96))
    return made


@pytest.mark.parametrize("language", WORDS)
def test_a_training_is_shown_and_followed(
    chromium: Browser, service: FakeService, anna: Project, language: str
) -> None:
    runs, stopped, go_on = WORDS[language]
    with running(service) as page, chromium.tab() as tab:
        tab.speak(language)
        with alone(anna.folder):
            tab.visit(page.link())
            tab.until("!document.querySelector('#trainings').hidden")
            tab.click("#trainings > summary")
            assert shown(tab, ".state") == runs
            assert shown(tab, ".why") == "losses are 9.1 times what they were"
            tab.until("document.querySelector('#trainings img').naturalWidth === 96")
            assert tab.value("document.querySelectorAll('#trainings path.loss').length") == 2
            append(anna, line("stepped", 510, rate=3.25))
            tab.until("document.querySelector('#trainings .facts').textContent.includes('3.25')")
        tab.until(f"document.querySelector('#trainings .state').textContent === '{stopped}'")
        assert go_on in shown(tab, ".next span")
        assert shown(tab, ".next code") == "visard train run anna"
        assert tab.complaints == []


def test_without_trainings_there_is_no_panel(chromium: Browser, service: FakeService) -> None:
    with running(service) as page, chromium.tab() as tab:
        tab.visit(page.link())
        tab.until("document.querySelectorAll('figure.moving').length === 2")
        assert tab.value("document.querySelector('#trainings').hidden")


def shown(tab: Tab, part: str) -> str:
    """Wait for a part of the first training to have words; return them."""
    tab.until(f"document.querySelector('#trainings li {part}')?.textContent")
    return str(tab.value(f"document.querySelector('#trainings li {part}').textContent"))
