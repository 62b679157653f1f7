"""The preview page in a real browser, with a service in memory behind it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacker import ATTACKS, BLIND, Attacker
from browser import Browser, Tab, browser
from control import fake
from fake_processor import drop_in
from fake_service import FakeService
from pages import Running, running

from visard.daemon.api.schema import Faces

LIVE = "document.querySelectorAll('figure.moving').length === 2"
REBOUND = "visard.example.com"
PIXELS = """(figure => {
  const canvas = document.querySelector(figure + ' canvas');
  return Array.from(canvas.getContext('2d').getImageData(0, 90, canvas.width, 1).data).join();
})"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
    with browser(folder, f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1") as started:
        yield started


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    drop_in(monkeypatch)
    return fake(tmp_path)


@pytest.fixture
def page(service: FakeService) -> Iterator[Running]:
    with running(service) as started:
        yield started


@pytest.fixture
def tab(chromium: Browser, page: Running) -> Iterator[Tab]:
    """The page, opened by its link, with both pictures moving."""
    with chromium.tab() as opened:
        opened.visit(page.link())
        opened.until(LIVE)
        yield opened


def test_the_token_leaves_the_address_and_nothing_breaks_the_policy(tab: Tab) -> None:
    assert tab.value("location.pathname + location.search") == "/"
    assert tab.value("document.cookie") == ""  # scripts cannot read it
    assert tab.complaints == []


def test_both_pictures_move_and_are_different_ones(tab: Tab) -> None:
    driver, result = (tab.value(f"{PIXELS}('#{name}')") for name in ("driver", "result"))
    assert driver != result
    tab.until(f"{PIXELS}('#driver') !== {driver!r} && {PIXELS}('#result') !== {result!r}")


def test_driver_is_marked_as_private_and_can_be_hidden(tab: Tab, service: FakeService) -> None:
    assert "Your camera seen by nobody else" in " ".join(tab.text().split())
    assert (service.driver.subscribers, service.result.subscribers) == (1, 1)
    tab.click("#show")
    _wait(tab, lambda: (service.driver.subscribers, service.result.subscribers) == (0, 1))
    tab.click("#show")
    tab.until(LIVE)


def test_nobody_looks_any_more_when_the_page_was_left(tab: Tab, service: FakeService) -> None:
    tab.visit("about:blank")
    _wait(
        tab, lambda: (service.driver.subscribers, service.result.subscribers, service.listeners) == (0, 0, 0)
    )


def test_chart_grows_and_the_table_says_the_same(tab: Tab) -> None:
    points = "document.querySelector('#time path.track').getAttribute('d').split('L').length"
    begun = tab.until(points)
    tab.until(f"{points} >= {begun} + 4")
    rows = tab.value("[...document.querySelectorAll('#time tbody tr')].map(row => row.innerText)")
    steps = [row.split("\t")[0] for row in rows]
    assert steps == ["waiting", "blend", "swap", "cover others", "find the face", "all together"]
    assert rows[4].split("\t")[1:] == ["7.1", "12.0"]


def test_numbers_and_guard_are_in_words(tab: Tab) -> None:
    text = " ".join(tab.text().split())
    for words in ("Safe: 1 face swapped", "29.7", "(p99)", "cannot be told", "Acme Webcam · works"):
        assert words in text


def test_faces_are_counted_and_red_when_one_is_shown(tab: Tab, service: FakeService) -> None:
    guard = "document.querySelector('#guard b')"
    for faces, words in (
        (Faces(swapped=1, covered=2), "Safe: 1 face swapped, 2 covered"),
        (Faces(swapped=2), "Safe: 2 faces swapped"),
        (Faces(covered=1), "Safe: 1 face covered"),
    ):
        service.crowd(faces)
        tab.until(f"{guard}.innerText === {words!r}")
        assert tab.value(f"getComputedStyle({guard}).color") == "rgb(21, 128, 61)"
    service.crowd(Faces(swapped=1, shown=2))
    tab.until(f"{guard}.innerText === 'OPEN: 1 face swapped, 2 shown'")
    assert tab.value(f"getComputedStyle({guard}).color") == "rgb(200, 16, 46)"
    service.reveal(True)
    tab.until(f"{guard}.innerText === 'OPEN: your real face goes out · 3 faces shown'")
    service.reveal(False)
    service.crowd(Faces(swapped=1))
    totals = "[...document.querySelectorAll('#faces div')].map(each => each.innerText.split('\\n').join(' '))"
    tab.until(f"/^swapped \\d+ covered 0 shown 0$/.test({totals}.join(' '))")


def test_a_click_puts_another_persona_on(tab: Tab, service: FakeService) -> None:
    tab.click("#personas li:nth-child(2) button")
    tab.until("document.querySelector('#personas li:nth-child(2) [aria-pressed=true]') !== null")
    assert service.calls == ["wear hanna"]
    assert tab.value("document.querySelectorAll('#personas [aria-pressed=true]').length") == 1
    assert tab.value("document.querySelector('#personas img').naturalWidth") > 0


def test_everything_can_be_reached_by_keys(tab: Tab, service: FakeService) -> None:
    for _ in range(20):
        tab.press("Tab", 9)
        if "Marco" in str(tab.value("document.activeElement.innerText")):
            break
    tab.press("Enter", 13, "\r")
    _wait(tab, lambda: service.calls == ["wear marco"])


def test_mode_is_switched_for_the_present_persona(tab: Tab, service: FakeService) -> None:
    tab.click("#mode input[value=animate]")
    _wait(tab, lambda: service.config().mode.value == "animate")
    assert service.config().persona == "clara"


def _set(tab: Tab, option: str, value: str, kind: str = "change") -> None:
    """Change a control as a person does."""
    tab.until(f"document.querySelector({option!r}) !== null")
    act = f"e => (e.value = {value!r}, e.dispatchEvent(new Event({kind!r})))"
    tab.value(f"({act})(document.querySelector({option!r}))")


def _shown(tab: Tab, option: str) -> Any:
    return tab.value(f"document.querySelector({option!r}).value")


def test_what_puts_the_persona_on_is_chosen_with_its_options(tab: Tab, service: FakeService) -> None:
    known = service.persona("clara").processors
    assert {"mesh", "puppet", "tint"} <= set(known)
    tab.until(f"document.querySelectorAll('#processor option').length === {1 + len(known)}")
    words = tab.value("[...document.querySelectorAll('#processor option')].map(each => each.text)")
    assert words == ["Automatic (mesh)", *known]
    assert tab.value("document.querySelectorAll('#options > div').length") == 0
    _set(tab, "#processor", "tint")
    tab.until("document.querySelectorAll('#options > div').length === 5")
    assert service.calls == ["configure clara tint {}"]
    text = " ".join(tab.text().split())
    assert "Strength" in text
    assert "how bright the colour is" in text
    assert _shown(tab, "[data-option=strength] [type=number]") == "0.75"
    _set(tab, "[data-option=strength] [type=range]", "0.2", "input")
    _set(tab, "[data-option=shade] select", "green")
    tab.click("[data-option=soft] input")
    _set(tab, "[data-option=steps] [type=number]", "48")
    _wait(tab, lambda: len(service.calls) >= 2)
    _wait(tab, lambda: len(service.persona("clara").options.get("tint", {})) == 4)
    assert service.persona("clara").options["tint"] == {
        "strength": 0.2, "shade": "green", "soft": True, "steps": 48
    }  # fmt: skip
    tab.click("#defaults")
    _wait(tab, lambda: service.persona("clara").options == {})
    tab.until("document.querySelector('[data-option=shade] select').value === 'red'")
    tab.until("document.querySelector('[data-option=strength] [type=number]').value === '0.75'")


def test_a_value_out_of_range_is_not_sent(tab: Tab, service: FakeService) -> None:
    service.configure_persona("clara", "tint", {})
    tab.until("document.querySelectorAll('#options > div').length === 5")
    _set(tab, "[data-option=size] [type=number]", "7")
    _set(tab, "[data-option=size] [type=number]", "1.5")
    _wait(tab, lambda: service.persona("clara").options == {"tint": {"size": 1.5}})
    _set(tab, "[data-option=size] [type=number]", "")
    _wait(tab, lambda: service.persona("clara").options == {})
    assert [call for call in service.calls if "7" in call.replace("0.75", "")] == []


def test_what_is_prepared_tells_its_step_and_can_be_given_up(tab: Tab, service: FakeService) -> None:
    service.prepare("hanna", 0.4, "compiling")
    tab.until("!document.querySelector('#preparing').hidden")
    assert "Preparing Hanna: compiling" in tab.text()
    assert tab.value("document.querySelector('#preparing progress').value") == 0.4
    tab.click("#cancel")
    tab.until("document.querySelector('#preparing').hidden")
    assert service.calls == ["cancel 0"]


def test_pause_and_resume(tab: Tab, service: FakeService) -> None:
    tab.click("#pause")
    tab.until("document.body.dataset.state === 'paused' && document.title.startsWith('Paused')")
    assert "Card: a still picture goes out" in tab.text()
    tab.click("#pause")
    tab.until("document.body.dataset.state === 'live'")
    assert service.calls == ["pause", "resume"]


def test_a_real_face_is_impossible_to_miss_and_hidden_by_one_click(tab: Tab, service: FakeService) -> None:
    assert "REAL FACE" not in tab.text()
    service.reveal(True)
    tab.until("!document.querySelector('#alarm').hidden")
    assert "YOUR REAL FACE IS SHOWN" in tab.text()
    assert "seen by nobody else" not in tab.text()
    assert tab.value("document.title") == "⚠ REAL FACE SHOWN – Visard"
    colour = "getComputedStyle(document.querySelector('#alarm')).backgroundColor"
    assert tab.value(colour) == "rgb(200, 16, 46)"
    tab.click("#hide")
    tab.until("document.querySelector('#alarm').hidden && document.body.dataset.state === 'live'")
    assert service.calls == ["reveal True", "reveal False"]


def test_settings_that_reveal_are_as_red_and_nothing_is_called_safe(tab: Tab, service: FakeService) -> None:
    service.change({"opacity": 0.3}, reveal=True)
    tab.until("!document.querySelector('#alarm').hidden")
    assert "OTHERS CAN RECOGNISE YOU" in tab.text()
    assert tab.value("document.title") == "⚠ RECOGNISABLE – Visard"
    for words in ("Safe", "REAL FACE", "seen by nobody else"):
        assert words not in tab.text()
    colours = "[...document.querySelectorAll('#state b, #guard b')].map(e => getComputedStyle(e))"
    state, guard = tab.value(f"(([s, g]) => [s.backgroundColor, g.color])({colours})")
    assert state == guard == "rgb(200, 16, 46)"
    tab.press("Tab", 9)
    assert tab.value("document.activeElement.id") == "hide"
    tab.press("Enter", 13, "\r")
    tab.until("document.querySelector('#alarm').hidden && document.body.dataset.state === 'live'")
    assert "Safe" in tab.text()
    assert service.calls == ["reveal False"]


def test_problems_come_with_their_fix_and_go(tab: Tab, service: FakeService) -> None:
    service.problem("no-output")
    tab.until("document.body.dataset.state === 'problem'")
    assert "sudo modprobe v4l2loopback" in tab.text()
    service.clear()
    tab.until("document.querySelector('#problems').hidden")


def test_a_persona_in_the_making_shows_how_far_it_is(tab: Tab, service: FakeService) -> None:
    job = service.generate_persona(1, "clara-2")
    service.advance(job.id, 1)
    tab.until("document.querySelectorAll('#personas li').length === 7")
    service.switch_persona("clara-2")
    tab.until("document.querySelector('#personas li:nth-child(7) [aria-pressed=true]') !== null")
    assert tab.value("document.querySelectorAll('#personas progress:not([hidden])').length") == 0


def test_an_error_is_told(tab: Tab, service: FakeService) -> None:
    del service._personas["nico"]
    tab.click("#personas li:nth-child(4) button")
    tab.until("!document.querySelector('#said').hidden")
    assert "there is no persona 'nico'" in tab.text()


def test_a_page_without_a_daemon_says_so(tab: Tab, page: Running) -> None:
    page.close()
    tab.until("!document.querySelector('#gone').hidden")
    assert "Visard does not answer" in tab.text()
    assert "visard preview --open" in tab.text()
    assert tab.value("document.querySelectorAll('figure.moving').length") == 0
    assert tab.value("document.querySelector('#pause').disabled")
    assert "Safe" not in tab.text()


def test_a_page_whose_session_is_over_says_so(tab: Tab, page: Running) -> None:
    tab.call("Network.clearBrowserCookies")
    page.dismiss()
    tab.until("document.querySelector('#gone').innerText.includes('This session is over')")


def test_a_used_link_leads_to_a_friendly_page(chromium: Browser, page: Running) -> None:
    with chromium.tab() as other:
        link = page.link()
        other.visit(link)
        other.until(LIVE)
        other.visit(link)
        other.until("document.querySelector('h1')?.innerText.includes('A new link is needed')")
        assert "visard preview --open" in other.text()
        other.until("getComputedStyle(document.querySelector('main')).maxWidth !== 'none'")  # its css came


def test_chinese(chromium: Browser, page: Running) -> None:
    with chromium.tab() as chinese:
        chinese.speak("zh-CN")
        chinese.visit(page.link())
        chinese.until(LIVE)
        chinese.until("document.querySelector('#guard b').innerText === '安全：已替换 1 张面孔'")
        left = "Object.keys(m.languages.en).filter(k => !(k in m.languages.zh))"
        assert chinese.value(f"import('/texts.js').then(m => {left})") == []
        more = "Object.keys(m.languages.zh).filter(k => !(k in m.languages.en))"
        extra = chinese.value(f"import('/texts.js').then(m => {more})")
        assert {key.partition(".")[0] for key in extra} == {"why", "problem"}  # English needs no translation


def test_every_reason_of_the_guard_has_chinese_words(tab: Tab, repository: Path) -> None:
    source = (repository / "daemon/visard/daemon/guard/rules.py").read_text("utf-8")
    found = re.findall(r'why="([^"]+)"|, "([a-z ]+)"\),\n|why = .*, "([a-z ]+)"\n', source)
    reasons = {reason for groups in found for reason in groups if reason}
    assert {"camera gone", "no face", "late"} <= reasons
    known = tab.value("import('/texts.js').then(m => Object.keys(m.languages.zh))")
    assert {f"why.{reason}" for reason in reasons} <= set(known)


def test_a_hidden_page_does_not_keep_the_camera_on(tab: Tab, service: FakeService) -> None:
    change = "document.dispatchEvent(new Event('visibilitychange'))"
    tab.value(f"Object.defineProperty(document, 'hidden', {{value: true, configurable: true}}), {change}")
    _wait(tab, lambda: (service.driver.subscribers, service.result.subscribers) == (0, 0))
    tab.value(f"delete document.hidden, {change}")
    tab.until(LIVE)


def test_narrow_screens_need_no_sideways_scrolling(tab: Tab, service: FakeService) -> None:
    service.problem("no-output")
    service.reveal(True)
    tab.until("!document.querySelector('#alarm').hidden")
    tab.call("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=True)
    assert tab.value("document.documentElement.scrollWidth") <= 360


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    found = Attacker()
    yield found
    found.close()


def _try(tab: Tab, target: str, attack: str) -> str:
    code = f"(T => {attack})('{target}')"
    return str(tab.value(f"Promise.resolve({code}).then(() => 'done', () => 'refused')"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])  # another port; another site
def test_a_page_of_somebody_elses_can_neither_read_nor_change(
    tab: Tab, chromium: Browser, attacker: Attacker, service: FakeService, host: str
) -> None:
    target = tab.value("location.origin")
    with chromium.tab() as evil:
        evil.visit(f"http://{host}:{attacker.port}/")
        evil.until("document.title === 'attacker'")
        found = {name: _try(evil, target, attack) for name, attack in ATTACKS.items()}
        for attack in BLIND.values():
            _try(evil, target, attack)
    assert found == dict.fromkeys(ATTACKS, "refused")
    assert service.calls == []
    assert tab.value(LIVE)  # meanwhile our own page went on


def test_the_same_is_granted_to_our_own_page(tab: Tab, service: FakeService) -> None:
    target = tab.value("location.origin")
    own = {name: _try(tab, target, attack) for name, attack in ATTACKS.items()}
    assert own == dict.fromkeys(ATTACKS, "done")
    assert service.calls == ["wear walter"]
    for name in ("post blindly", "beacon"):
        _try(tab, target, BLIND[name])
    _wait(tab, lambda: service.calls == ["wear walter", "pause", "pause"])


def test_a_page_of_somebody_elses_cannot_frame_it(tab: Tab, chromium: Browser, attacker: Attacker) -> None:
    target = tab.value("location.origin")
    with chromium.tab() as evil:
        evil.visit(f"http://127.0.0.1:{attacker.port}/")
        evil.until("document.title === 'attacker'")
        evil.value(
            "new Promise(y => {const f = document.createElement('iframe'); f.onload = y;"
            f" f.src = '{target}/'; document.body.append(f)}})"
        )
        assert any("frame" in complaint.lower() for complaint in evil.complaints)


def test_a_name_that_was_made_to_lead_here_is_refused(tab: Tab, chromium: Browser) -> None:
    port = tab.value("location.port")
    with chromium.tab() as evil:
        evil.visit(f"http://{REBOUND}:{port}/")
        evil.until("document.body.innerText.includes('open this page by 127.0.0.1')")
        assert evil.value("fetch('/status').then(a => a.status)") == 403


def _wait(tab: Tab, true: Any) -> None:
    """Wait until something is true outside the browser."""
    for _ in range(300):
        if true():
            return
        tab.value("new Promise(y => setTimeout(y, 100))")
    raise AssertionError(tab.text())
