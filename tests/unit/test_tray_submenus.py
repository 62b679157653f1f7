import pytest
from menus import do, every, labelled
from statuses import status

from visard.daemon.api.schema import CameraInfo, CameraStatus, State
from visard.daemon.config.file import Config
from visard.tray import actions
from visard.tray.menu import menu


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


CAMERAS = [
    CameraInfo(id="usb-1", name="HD Webcam", path="/dev/video0", busy=True, chosen=True),
    CameraInfo(id="usb-2", name="Lid", path="/dev/video2", busy=True, chosen=False),
]


def test_cameras_sizes_and_rates_can_be_chosen() -> None:
    items = labelled(menu(status(), CAMERAS), "Camera").children
    assert [item.label for item in items if item.checked] == ["Automatic: HD Webcam"]
    assert do(labelled(items, "Lid (busy)").action) == [("change", {"camera": "usb-2"})]
    assert do(labelled(items, "Demo").action) == [("change", {"camera": "demo"})]
    assert do(labelled(items, "1920").action) == [("change", {"width": 1920, "height": 1080})]
    assert do(labelled(items, "60 ").action) == [("change", {"fps": 60})]
    sizes = labelled(items, "Resolution").children
    assert [item.label for item in sizes] == ["640 × 360", "1280 × 720", "1920 × 1080"]
    assert [item.checked for item in sizes] == [False, True, False]
    assert [item.label for item in labelled(items, "Frame rate").children] == [
        "15 a second", "30 a second", "60 a second"
    ]  # fmt: skip


def test_values_from_the_file_are_shown_although_the_menu_does_not_offer_them() -> None:
    odd = Config(camera="clip.mp4", width=800, height=600, fps=25, crossfade=0.7)
    items = menu(
        status(settings=odd, camera=CameraStatus(spec="clip.mp4", state="ok")),  # type: ignore[arg-type]
        CAMERAS,
    )
    ticked = {item.label for item in every(items) if item.checked}
    assert {"clip.mp4", "800 × 600", "25 a second", "0.7 s"} <= ticked


def test_settings_show_what_is_set_and_change_it() -> None:
    items = labelled(menu(status(settings=Config(mirror=True))), "Settings").children
    mirror = labelled(items, "Mirror")
    assert (mirror.checked, do(mirror.action)) == (True, [("change", {"mirror": False})])
    bystanders = labelled(items, "Let bystanders be seen")
    assert (bystanders.checked, do(bystanders.action)) == (False, [("change", {"bystanders": True})])
    always = labelled(items, "Keep the camera on")
    assert (always.checked, do(always.action)) == (False, [("change", {"always_on": True})])
    for group in (item for item in items if item.children):
        assert [item.checked for item in group.children].count(True) == 1
    assert do(labelled(items, "Show a card").action) == [("change", {"when_lost": "card"})]


@pytest.mark.parametrize("state", State)
def test_all_that_the_menu_sets_is_a_valid_setting(state: State) -> None:
    for item in every(menu(status(state), CAMERAS)):
        if isinstance(item.action, actions.Change):
            Config.model_validate(dict(item.action.changes))
