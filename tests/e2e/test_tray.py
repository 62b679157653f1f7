"""The tray on a desktop with a real panel: seen on the screen, clicked by mouse, asked over D-Bus."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psutil
import pytest
from desktop import Desktop, Spot, StatusItem, desktop, process, until
from trays import TESTS, TRAY, Session, session

from visard.daemon.api.client import Client
from visard.daemon.api.schema import State
from visard.daemon.config.settings import Mode
from visard.daemon.personas.library import SHIPPED
from visard.tray import system_gi

pytestmark = pytest.mark.slow

GREEN, GREY, RED = "#12805c", "#6b7280", "#d81e2c"
"""Of the icons."""
DANGER = "#d51a22"
"""Of a button in GTK's own theme."""


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    if not system_gi.find():
        pytest.skip("needs python3-gi for this version of Python")
    import gi

    try:
        gi.require_version("AyatanaAppIndicator3", "0.1")
    except ValueError:
        pytest.skip("needs gir1.2-ayatanaappindicator3-0.1")
    with desktop(tmp_path_factory.mktemp("desktop")) as running:
        item = StatusItem(running.environment["DBUS_SESSION_BUS_ADDRESS"])
        until(item.watched, "the panel does not take status items")
        yield running


@pytest.fixture
def running(screen: Desktop, home: Path) -> Iterator[Session]:
    with session(screen, home) as made:
        yield made


def test_the_bus_starts_nothing_of_this_machine(screen: Desktop) -> None:
    item = StatusItem(screen.environment["DBUS_SESSION_BUS_ADDRESS"])
    assert item.startable() == {"org.freedesktop.DBus", "org.xfce.Xfconf"}


def test_pause_and_a_persona_are_chosen_with_the_mouse(running: Session) -> None:
    running.open_menu(GREEN)
    third, fourth = running.persona(2), running.persona(3)
    running.screen.click(third.x + 30, third.y)
    until(lambda: running.status().persona == "marco", "the click on a persona did nothing")
    running.open_menu(GREEN)
    row = fourth.y - third.y
    last = running.persona(5)
    # Below: add, generate, a separator, swap, animate, what with, tuning, a separator, pause.
    running.screen.click(last.x + 30, round(last.y + 7.2 * row))
    until(lambda: running.status().paused, "the click on pause did nothing")
    running.looks("paused")
    assert until(lambda: running.screen.find(GREY), "no grey icon on the screen")
    assert running.screen.find(GREEN) is None


def ask_for_the_real_face(running: Session) -> Spot:
    """Choose it in the menu; return the button that says yes."""
    title = "Show my real face"
    running.item.click(f"{title} …")
    until(lambda: running.screen.windows(title), "nobody was asked")
    return until(lambda: running.screen.find(DANGER, 500, 300), "there is no red button")


def test_the_real_face_is_shown_only_after_a_yes(running: Session) -> None:
    yes = ask_for_the_real_face(running)
    assert not running.status().revealed
    running.screen.click(yes.x - yes.width, yes.y)
    until(lambda: not running.screen.windows("Show my real face"), "no was not taken for an answer")
    assert not running.status().revealed
    assert running.look() == "live"

    yes = ask_for_the_real_face(running)
    running.screen.click(yes.x, yes.y)
    until(lambda: running.status().revealed, "yes was not taken for an answer")
    running.looks("revealed")
    icon = until(lambda: running.screen.find(RED), "the icon on the screen is not red")
    assert icon.y < 40
    assert running.item.lines()[1]["label"] == "Hide my real face"
    running.item.click("Hide my real face")
    until(lambda: not running.status().revealed, "the face was not hidden")
    running.looks("live")


def ticked(running: Session) -> list[str]:
    return [str(x["label"]) for x in running.item.lines() if "icon-data" in x and "✓" in str(x["label"])]


def test_the_menu_over_dbus(running: Session) -> None:
    running.line("Walter")
    until(lambda: ticked(running) == ["Clara  ✓"], "clara has no tick and picture")
    pictures = [bytes(x["icon-data"]) for x in running.item.lines() if "icon-data" in x]
    assert len(pictures) == 6
    assert len(set(pictures)) == 6
    assert all(data.startswith(b"\x89PNG") for data in pictures)
    before = [x["id"] for x in running.item.lines()]
    running.item.click("Hanna")
    until(lambda: ticked(running) == ["Hanna  ✓"], "the tick does not move")
    assert running.status().persona == "hanna"
    assert running.item.properties()["Title"] == "Visard: Live as Hanna: 1 face swapped"
    running.item.click("Animate the portrait")
    until(lambda: running.status().mode is Mode.animate, "the mode does not change")
    until(lambda: running.line("Animate")["toggle-state"] == 1, "the mode has no tick")
    running.item.click("Animate the portrait")
    running.item.click("1920 × 1080")
    until(lambda: running.status().settings.width == 1920, "the size does not change")
    until(lambda: running.line("1920")["toggle-state"] == 1, "the size has no tick")
    assert running.line("Animate")["toggle-state"] == 1, "a second click took the tick away"
    running.item.click("Mirror the picture")
    until(lambda: running.status().settings.mirror, "the setting does not change")
    assert [x["id"] for x in running.item.lines()] == before, "an open menu would have been closed"


def test_the_icon_follows_the_state(running: Session) -> None:
    running.daemon.say("sleep")
    running.looks("sleeping")
    assert running.item.properties()["Title"] == "Visard: Asleep: nobody is watching"
    running.daemon.say("wake")
    running.looks("live")
    running.daemon.say("problem no-output")
    running.looks("problem")
    running.item.click(str(running.line("⚠")["label"]))
    until(lambda: running.screen.windows("Visard needs you"), "the problem is not explained")
    running.daemon.say("clear")
    running.looks("live")
    running.item.click("Generate a person")
    running.line("Drawing a person … 0 %")
    running.daemon.say("job 1 0.4")
    running.line("Drawing a person … 40 %")
    running.daemon.say("job 1 1")
    running.line("Person-7")


def test_a_daemon_that_goes_is_missed_and_found_again(running: Session) -> None:
    running.daemon.kill()
    running.looks("absent")
    assert running.item.properties()["Title"] == "Visard is not running"
    assert [x["label"] for x in running.item.lines() if "label" in x] == [
        "Visard is not running", "Start Visard", "Quit"
    ]  # fmt: skip
    running.daemon.start()
    running.looks("live")
    running.line("Clara")
    assert running.tray is not None
    assert running.tray.poll() is None


def test_what_puts_the_persona_on_is_chosen_and_preparing_given_up(running: Session) -> None:
    running.item.click("puppet")
    until(lambda: running.status().processor == "puppet", "the click on a processor did nothing")
    assert running.status().mode == "animate"
    running.daemon.say("prepare hanna")
    running.line("Preparing hanna")
    running.item.click("Cancel")
    until(lambda: running.status().wanted is None, "the click on cancel did nothing")


def test_a_persona_is_added_from_a_picture(running: Session, home: Path) -> None:
    picture = home / "aunt.jpg"
    shutil.copy(SHIPPED / "hanna" / "picture.jpg", picture)
    running.item.click("Add a persona from a picture or model …")
    until(lambda: running.screen.windows("Choose a picture of one face"), "no file is asked for")
    running.screen.point(500, 400)  # without a window manager, keys go to what is under the mouse
    running.screen.type(str(picture))
    running.screen.press("Return")
    until(lambda: running.screen.windows("Add a persona"), "nobody asks for name and consent")
    running.screen.type("Tante Zoë")
    for key in ("Tab", "Down", "shift+Tab", "Return"):
        running.screen.press(key)
    until(lambda: running.status().persona == "tante-zoe", "the new persona is not current")
    added = next(info for info in running.status().personas if info.name == "tante-zoe")
    assert (added.title, added.consent) == ("Tante Zoë", "permission")
    until(lambda: ticked(running) == ["Tante Zoë  ✓"], "the new persona is not in the menu")


def test_the_real_daemon_is_started_and_ended_from_the_menu(running: Session, home: Path) -> None:
    (home / "config" / "config.toml").write_text('camera = "demo"\noutput = "camera:None Such"\n')
    running.daemon.kill()
    running.looks("absent")
    running.item.click("Start Visard")
    until(lambda: running.look() != "absent", "no daemon came up")
    daemon = psutil.Process(running.status().pid)
    assert running.line("Clara")
    running.item.click("Quit Visard")
    assert running.tray is not None
    assert running.tray.wait(30) == 0
    daemon.wait(30)


def test_quit_ends_daemon_and_tray(running: Session) -> None:
    icon = Path(running.item.properties()["IconName"])
    assert icon.is_file()
    running.item.click("Quit Visard")
    assert running.tray is not None
    assert running.tray.wait(30) == 0
    until(running.daemon.ended, "the daemon goes on")
    assert not icon.parent.exists()


def test_only_one_tray(running: Session) -> None:
    second = subprocess.run(
        TRAY, env=running.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 1
    assert second.stderr == "visard: the tray is running already; look for its icon in the panel\n"


@pytest.mark.parametrize(
    "change",
    [{"DISPLAY": ""}, {"DBUS_SESSION_BUS_ADDRESS": ""}, {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/none"}],
)
def test_without_a_desktop_there_is_one_clear_error(
    screen: Desktop, home: Path, change: dict[str, str]
) -> None:
    environment = screen.environment | {"VISARD_HOME": str(home)} | change
    done = subprocess.run(TRAY, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "start the tray inside a desktop session" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_idle_tray_does_nothing(running: Session) -> None:
    running.daemon.say("sleep")
    running.looks("sleeping")
    assert running.tray is not None
    tray = psutil.Process(running.tray.pid)
    time.sleep(2)
    before, threads = tray.cpu_times(), tray.num_threads()
    time.sleep(5)
    after = tray.cpu_times()
    spent = after.user + after.system - before.user - before.system
    print(f"an idle tray took {spent * 1000:.0f} ms of 5 s, {tray.memory_info().rss >> 20} MB")
    assert spent < 1
    assert tray.num_threads() <= threads


def test_chinese(screen: Desktop, home: Path) -> None:
    with session(screen, home, LANG="zh_CN.UTF-8") as running:
        assert running.item.properties()["Title"] == "Visard: 正以 Clara 的形象出镜：已替换 1 张脸"
        running.item.click("暂停")
        until(lambda: running.status().state is State.paused, "the click on pause did nothing")
        running.line("继续")


@contextmanager
def notification_service(environment: dict[str, str]) -> Iterator[list[str]]:
    """Stand in for the desktop's notifications; the list fills with what they would show."""
    command = [sys.executable, str(TESTS / "notifications.py")]
    with process(command, environment, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        heard: list[str] = []
        Thread(target=lambda: heard.extend(iter(service.stdout.readline, "")), daemon=True).start()
        yield heard


def test_the_preview_is_opened_in_the_browser(running: Session, home: Path) -> None:
    running.item.click("Open the preview")
    until((home / "opened").exists, "no browser was started")
    assert (home / "opened").read_text().startswith("http://127.0.0.1:")


def test_problems_are_notified_once_and_only_when_wanted(running: Session, home: Path) -> None:
    (home / "no-browser").touch()
    with notification_service(running.environment) as heard:
        running.daemon.say("problem no-camera")
        running.daemon.say("problem no-output")
        until(lambda: heard, "no notification")
        running.daemon.say("sleep")
        running.looks("problem")
        with Client() as client:
            client.change({"notifications": False})
        running.daemon.say("problem camera-missing")
        running.line("3 problems")
        running.item.click("Open the preview")
        until(lambda: len(heard) > 1, "what was asked for failed, and nobody was told")
        assert heard[0] == "There is no virtual camera\n"
        assert "browser" in heard[1]
        assert len(heard) == 2


def test_without_notifications_a_failed_click_is_told_by_a_dialogue(running: Session, home: Path) -> None:
    (home / "no-browser").touch()
    running.daemon.say("problem no-output")
    running.looks("problem")
    running.item.click("Open the preview")
    until(lambda: running.screen.windows("Visard"), "nobody was told")
    running.daemon.say("clear")
    running.looks("live")
