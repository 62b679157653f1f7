"""A persona is tuned on the preview page in a real browser: offered, watched, compared, given up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Tab, browser
from control import fake
from fake_service import FakeService
from fake_tunings import LACKING
from pages import running

pytestmark = pytest.mark.slow

SHOWN = "!document.querySelector('{}').hidden"
PRESSED = "document.querySelector('{}').getAttribute('aria-pressed') === 'true'"


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
        opened.until(SHOWN.format("#tuning"))
        yield opened
        assert opened.complaints == []


def _fits(tab: Tab, folder: Path, name: str) -> None:
    """Look at both widths: nothing sticks out of the page."""
    for width in (360, 1280):
        tab.picture(folder / f"{name}-{width}.png", width, 2400 if width == 360 else 1100)
        assert tab.value("document.documentElement.scrollWidth") <= width


def test_from_the_offer_to_the_look_that_is_chosen(
    tab: Tab, service: FakeService, tmp_path: Path, language: str
) -> None:
    english = language == "en-US"
    assert ("better likeness" if english else "更相像") in tab.text()
    tab.click("#tune")
    tab.until(SHOWN.format("#tune-progress"))
    service.tunings.tell(0.4, "learning, 99 s left", 3, 83)
    words = (
        "Step 3 of 3 · learning · 40 % · 1:23 left"
        if english
        else "第 3 步，共 3 步 · 正在学习 · 40 % · 剩余 1:23"
    )
    tab.until(f"document.querySelector('#tune-progress p').innerText.replace(/\\s+/g, ' ') === {words!r}")
    assert tab.value("document.querySelector('#tune-progress progress').value") == 0.4
    assert tab.value(SHOWN.format("#personas [data-name=clara] progress"))
    tab.until("document.querySelector('#tune-picture img').naturalWidth === 2016")
    assert tab.value("document.querySelector('#tune-picture img').src").endswith(
        f"/tuning/preview?{service.tunings.get('clara').job}"
    )
    _fits(tab, tmp_path, f"running-{language}")
    service.tunings.finish()
    tab.until("document.querySelector('#tune-picture img').src.includes('/tuning/comparison')")
    tab.until("document.querySelector('#tune-picture img').naturalWidth === 2016")
    assert "50 % to 62 %" in tab.text().replace("\u00a0", " ") or not english
    assert tab.value(PRESSED.format("#look-tuned"))
    _fits(tab, tmp_path, f"done-{language}")
    tab.click("#look-old")
    tab.until(PRESSED.format("#look-old"))
    assert service.persona("clara").tuned is False
    tab.value("(document.querySelector('#look-tuned').focus(), 0)")
    tab.press("Enter", 13, "\r")
    tab.until(PRESSED.format("#look-tuned"))
    assert service.calls[-2:] == ["not tuned clara", "tuned clara"]
    assert [wanted.driver for wanted in service.tunings.wanted] == ["everybody"]


def test_ones_own_camera_is_explained_and_the_clip_kept_on_request_alone(
    tab: Tab, service: FakeService, tmp_path: Path, language: str
) -> None:
    choose = "(e => (e.value = 'camera', e.dispatchEvent(new Event('change')), 0))"
    assert not tab.value(SHOWN.format("#tune-camera"))
    tab.value(f"{choose}(document.querySelector('#tune-for'))")
    tab.until(SHOWN.format("#tune-camera"))
    _fits(tab, tmp_path, f"camera-{language}")
    tab.click("#tune")
    tab.until(SHOWN.format("#tune-progress"))
    tab.click("#tune-cancel")
    tab.until(SHOWN.format("#tune-offer"))
    assert not tab.value(SHOWN.format("#tune-looks"))
    tab.click("#tune-keep")
    tab.click("#tune")
    tab.until(SHOWN.format("#tune-progress"))
    assert [(wanted.driver, wanted.keep_clip) for wanted in service.tunings.wanted] == [
        ("camera", False), ("camera", True)
    ]  # fmt: skip
    service.tunings.fail("the camera shows a face in 3 of the frames that were looked at and 24 are needed")
    tab.until("document.querySelector('#tune-outcome.wrong').innerText.includes('3 of the frames')")
    assert service.persona("clara").tuned is None


def test_what_is_refused_stays_and_says_why(tab: Tab, service: FakeService) -> None:
    tab.click("#tune")
    tab.until(SHOWN.format("#tune-progress"))
    service.tunings.finish("the shape that is seen is worse")
    tab.until("document.querySelector('#tune-outcome').innerText.includes('the shape that is seen is worse')")
    tab.until(SHOWN.format("#tune-picture"))
    assert not tab.value(SHOWN.format("#tune-looks"))


def test_what_cannot_run_is_not_offered_but_explained(tab: Tab, service: FakeService) -> None:
    service.tunings.lacking = LACKING
    service.clear()
    tab.until("document.querySelector('#tune').hidden")
    assert LACKING in tab.value("document.querySelector('#tune-words').innerText")
