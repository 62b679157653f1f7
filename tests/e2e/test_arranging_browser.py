"""Personas are arranged on the preview page, by mouse and by keys, with a service in memory behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Tab, browser
from control import fake
from fake_processor import drop_in
from fake_service import FakeService
from pages import running

from visard.daemon.api.requests import NewPersona
from visard.daemon.api.schema import Consent

ORDER = "[...document.querySelectorAll('#personas li')].map(li => li.dataset.name).join(' ')"
FOCUS = "document.activeElement.closest('li')?.dataset.name + ' ' + document.activeElement.dataset.tool"
DRAG = """(([from, to]) => {
  const dataTransfer = new DataTransfer();
  const fire = (item, kind) => item.dispatchEvent(
    new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
  fire(from, 'dragstart'); fire(to, 'dragover'); fire(to, 'drop'); fire(from, 'dragend');
})"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def service(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    drop_in(monkeypatch)
    return fake(tmp_path)


@pytest.fixture
def tab(chromium: Browser, service: FakeService) -> Iterator[Tab]:
    with running(service) as page, chromium.tab() as opened:
        opened.visit(page.link())
        opened.until(f"{ORDER} === 'clara hanna marco nico robin walter'")
        yield opened


def test_keys_move_a_persona_and_keep_their_place(tab: Tab, service: FakeService) -> None:
    tab.click("#arrange")
    tab.until("document.querySelector('#personas .tools') !== null")
    tab.value("document.querySelector('[data-name=marco] [data-tool=earlier]').focus()")
    tab.press("Enter", 13, "\r")
    tab.until(f"{ORDER} === 'clara marco hanna nico robin walter'")
    assert tab.value(FOCUS) == "marco earlier"
    tab.press("Enter", 13, "\r")
    tab.until(f"{ORDER} === 'marco clara hanna nico robin walter'")
    assert tab.value(FOCUS) == "marco later"  # nothing is before it
    tab.click("[data-name=robin] [data-tool=later]")
    tab.until(f"{ORDER} === 'marco clara hanna nico walter robin'")
    assert service.calls == ["move marco hanna", "move marco clara", "move robin None"]
    assert tab.complaints == []


def test_a_persona_is_dragged_to_where_another_is(tab: Tab) -> None:
    tab.click("#arrange")
    tab.until("document.querySelector('[draggable=true]') !== null")
    for begin, end, order in (
        ("walter", "hanna", "clara walter hanna marco nico robin"),
        ("walter", "nico", "clara hanna marco nico walter robin"),
    ):
        pair = ", ".join(f"document.querySelector('[data-name={name}]')" for name in (begin, end))
        tab.value(f"{DRAG}([{pair}])")
        tab.until(f"{ORDER} === {order!r}")


def test_who_is_hidden_is_left_out_unless_worn_or_arranged(tab: Tab, service: FakeService) -> None:
    service.hide_persona("hanna", True)
    service.hide_persona("clara", True)  # who is on
    tab.until(f"{ORDER} === 'clara marco nico robin walter'")
    tab.click("#arrange")
    tab.until(f"{ORDER} === 'clara hanna marco nico robin walter'")
    tab.click("[data-name=hanna] [data-tool=hidePersona]")
    tab.until("!document.querySelector('[data-name=hanna]').classList.contains('hidden')")
    tab.click("#arrange")
    tab.until(f"{ORDER} === 'clara hanna marco nico robin walter'")
    assert service.calls[-1] == "unhide hanna"


def test_a_title_is_changed_in_any_script(tab: Tab, service: FakeService) -> None:
    tab.click("#arrange")
    tab.until("document.querySelector('[data-tool=rename]') !== null")
    change = "(i => { i.value = '陈静 شادي'; i.dispatchEvent(new Event('change')) })"
    tab.value(f"{change}(document.querySelector('[data-name=nico] input'))")
    tab.until("document.querySelector('[data-name=nico] b').textContent === '陈静 شادي'")
    assert service.persona("nico").title == "陈静 شادي"
    tab.value(change.replace("陈静 شادي", "a\\u202eb") + "(document.querySelector('[data-name=nico] input'))")
    tab.until("document.querySelector('#said').innerText.includes('cannot be a title')")


def test_what_is_removed_comes_back(tab: Tab, service: FakeService, tmp_path: Path) -> None:
    photo = tmp_path / "zoe.jpg"
    photo.touch()
    service.add_persona(NewPersona(path=str(photo), name="zoe", consent=Consent.self))
    tab.until("document.querySelector('[data-name=zoe]') !== null")
    tab.click("#arrange")
    assert tab.value("document.querySelector('[data-name=clara] [data-tool=removePersona]').hidden")
    for back in ("#undo button", "#bin li button"):
        tab.click("[data-name=zoe] [data-tool=removePersona]")
        tab.until("document.querySelector('[data-name=zoe]') === null")
        tab.until("!document.querySelector('#bin').hidden")
        assert "zoe is in the bin" in tab.text()
        tab.value("document.querySelector('#bin').open = true")
        tab.click(back)
        tab.until("document.querySelector('[data-name=zoe]') !== null")
        tab.until("document.querySelector('#bin').hidden")


def test_a_mark_says_why(tab: Tab, service: FakeService) -> None:
    marked = service.persona("marco").model_copy(update={"warnings": ("the face is small",)})
    service._keep(marked)
    tab.until("!document.querySelector('[data-name=marco] .mark').hidden")
    assert tab.value("document.querySelector('[data-name=marco] button').title") == "the face is small"
    assert tab.value("document.querySelector('[data-name=clara] .mark').hidden")
    tab.click("#arrange")
    tab.until("document.querySelector('[data-name=marco] .why')?.textContent === 'the face is small'")


def test_a_trial_is_forgotten_with_its_dialogue(tab: Tab, service: FakeService, home: Path) -> None:
    tab.click("#add")
    tab.click("#camera-photo")
    tab.until("document.querySelectorAll('.face').length === 1")  # after the countdown
    tab.until("document.querySelector('#trial img').naturalWidth > 1000")
    assert len(list(home.glob("cache/trial-*"))) == 1
    tab.press("Escape", 27)
    tab.until("!document.querySelector('#adding').open")
    tab.until("fetch('/status').then(answer => answer.ok)")
    for _ in range(300):
        if not list(home.glob("cache/trial-*")):
            break
        tab.value("new Promise(y => setTimeout(y, 100))")
    assert not list(home.glob("cache/trial-*"))
    assert len(service.personas()) == 6


def test_what_is_no_picture_is_said(tab: Tab) -> None:
    tab.click("#add")
    drop = "const data = new DataTransfer(); data.items.add(new File(['no'], 'a.jpg'));"
    event = "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})"
    tab.value(f"{{ {drop} document.querySelector('#adding').dispatchEvent({event}) }}")
    tab.until("document.querySelector('#adding-said').innerText.includes('not a picture that can be read')")
    assert tab.value("document.querySelector('#keep').disabled")
