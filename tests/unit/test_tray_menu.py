from pathlib import Path
from typing import Any

import pytest
from control import fake
from fake_processor import drop_in
from hypothesis import given
from hypothesis import strategies as st
from menus import FakeClient, FakeDialogs, current, do, every, labelled
from statuses import NAMES, status

from visard.daemon.api.schema import CameraInfo, Consent, Job, PersonaInfo, Problem, State
from visard.daemon.config.settings import Mode
from visard.daemon.errors import DaemonAbsent, VisardError
from visard.tray import actions, texts
from visard.tray.menu import menu
from visard.tray.panel import SEPARATOR

STATES = [None, *State]


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words_a_title_and_a_way_out(state: State | None) -> None:
    now = status(state) if state else None
    items = menu(now)
    assert texts.headline(now) in [item.label for item in items[:2]]
    assert "Visard" in texts.title(now)
    assert isinstance(items[-1].action, actions.Quit)
    assert len({texts.headline(status(state) if state else None) for state in STATES}) == len(STATES)


@pytest.mark.parametrize("state", State)
def test_items_do_something_open_something_or_only_tell(state: State) -> None:
    now = status(state, problems=(Problem(code="x", message="m"), Problem(code="y", message="n")))
    for item in every(menu(now, [CameraInfo(id="a", name="A", path="/dev/video0", busy=True, chosen=False)])):
        if item is not SEPARATOR:
            assert item.label
            assert (item.action is not None) + bool(item.children) + (not item.enabled) >= 1, item
            assert not (item.action and item.children), item


def test_without_a_daemon_it_can_be_started_or_left() -> None:
    items = menu(None)
    assert items[0].label == "Visard is not running"
    assert not items[0].enabled
    told: list[str] = []
    assert do(labelled(items, "Start").action, told=told) == []
    do(labelled(items, "Quit").action, told=told)
    assert told == ["start", "quit"]


def test_quit_ends_daemon_and_tray_and_asks_nothing() -> None:
    told: list[str] = []
    dialogs = FakeDialogs()
    assert do(labelled(menu(status()), "Quit").action, dialogs, told) == [("shutdown",)]
    assert (told, dialogs.seen) == (["quit"], [])


def test_quit_leaves_although_the_daemon_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: FakeClient, name: str) -> Any:
        raise DaemonAbsent("gone")

    monkeypatch.setattr(FakeClient, "__getattr__", gone)
    told: list[str] = []
    do(actions.Quit(), told=told)
    assert told == ["quit"]


@given(
    state=st.sampled_from(list(State)),
    names=st.lists(st.sampled_from([*NAMES, *(f"p{i}" for i in range(30))]), min_size=1, unique=True),
    worn_index=st.integers(0, 40),
    wanted=st.sampled_from([None, *NAMES]),
    mode=st.sampled_from(list(Mode)),
)
def test_exactly_one_persona_is_ticked_when_one_is_worn(
    state: State, names: list[str], worn_index: int, wanted: str | None, mode: Mode
) -> None:
    personas = tuple(PersonaInfo(name=name, title=name) for name in names)
    now = names[worn_index % len(names)]
    items = menu(status(state, personas=personas, persona=now, wanted=wanted, mode=mode))
    assert current(items) == [now]
    top = [i.action.name for i in items if isinstance(i.action, actions.SwitchPersona)]
    assert now in top
    assert len(top) <= 12
    assert {i.action.name for i in every(items) if isinstance(i.action, actions.SwitchPersona)} == set(names)
    modes = [i.checked for i in items if isinstance(i.action, actions.SwitchMode)]
    assert modes == [mode is Mode.swap, mode is Mode.animate]
    assert current(menu(status(state, personas=personas, persona=None))) == []


def test_a_click_on_a_persona_switches_to_it() -> None:
    items = menu(status())
    hanna = labelled(items, "Hanna")
    assert (hanna.checked, hanna.radio, hanna.thumbnail) == (False, True, "hanna")
    assert do(hanna.action) == [("switch_persona", "hanna")]
    assert do(labelled(items, "Animate").action) == [("switch_persona", "clara", Mode.animate)]


def test_one_that_is_prepared_says_how_far_it_is() -> None:
    job = Job(id=3, title="Preparing hanna", persona="hanna", progress=0.404)
    items = menu(status(wanted="hanna", jobs=(job,)))
    assert labelled(items, "Hanna").label == "Hanna (preparing … 40 %)"
    assert current(items) == ["clara"]
    assert labelled(menu(status(wanted="hanna")), "Hanna").label == "Hanna (preparing …)"


def test_preparing_tells_its_step_and_can_be_given_up() -> None:
    job = Job(id=0, title="preparing hanna", step="compiling", persona="hanna", progress=0.4)
    items = menu(status(wanted="hanna", jobs=(job,)))
    assert labelled(items, "Preparing").label == "Preparing hanna: compiling … 40 %"
    assert do(labelled(items, "Cancel").action) == [("cancel", 0)]
    assert all(item.label != "Cancel" for item in every(menu(status())))
    drawn = Job(id=3, title="drawing a person who does not exist", progress=0.5)
    assert all(item.label != "Cancel" for item in every(menu(status(jobs=(drawn,)))))


def test_the_present_persona_is_put_on_with_what_can() -> None:
    clara = PersonaInfo(name="clara", title="Clara", processors=("dfm", "mesh"), processor="mesh")
    other = PersonaInfo(name="hanna", title="Hanna", processors=("puppet",))
    items = labelled(menu(status(personas=(clara, other))), "Put on with").children
    assert [(item.label, item.checked, item.radio) for item in items] == [
        ("Automatic", False, True),
        ("dfm", False, True),
        ("mesh", True, True),
    ]
    assert do(items[1].action) == [("configure_persona", "clara", "dfm", {})]
    auto = clara.model_copy(update={"processor": "auto"})
    items = labelled(menu(status(personas=(auto,), processor="mesh")), "Put on with").children
    assert [item.label for item in items if item.checked] == ["Automatic: mesh"]
    assert do(items[0].action) == [("configure_persona", "clara", "auto", {})]
    for nothing in (status(persona=None), status()):
        assert all(item.label != "Put on with" for item in every(menu(nothing)))


def test_a_swapper_that_was_dropped_in_is_in_the_menu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in(monkeypatch)
    service = fake(tmp_path)
    item = labelled(labelled(menu(service.status()), "Put on with").children, "tint")
    assert isinstance(item.action, actions.ChooseProcessor)
    service.configure_persona(item.action.name, item.action.processor, {})
    assert service.status().processor == "tint"
    items = labelled(menu(service.status()), "Put on with").children
    assert [item.label for item in items if item.checked] == ["tint"]


def test_work_in_the_background_is_told_until_it_is_done() -> None:
    job = Job(id=3, title="Generating a person", progress=0.5)
    assert labelled(menu(status(jobs=(job,))), "Generating").label == "Generating a person … 50 %"
    over = job.model_copy(update={"done": True})
    assert all("Generating" not in item.label for item in every(menu(status(jobs=(over,)))))


def test_a_damaged_persona_cannot_be_worn() -> None:
    personas = (PersonaInfo(name="old", title="Old", damaged="its picture is missing"),)
    item = labelled(menu(status(personas=personas, persona=None)), "Old")
    assert (item.enabled, item.action) == (False, None)


def test_pause_and_resume_take_turns() -> None:
    assert do(labelled(menu(status()), "Pause").action) == [("pause",)]
    paused = menu(status(State.paused))
    assert do(labelled(paused, "Resume").action) == [("resume",)]
    assert not any(isinstance(item.action, actions.Pause) for item in paused)


@pytest.mark.parametrize("state", State)
def test_nothing_in_the_menu_reveals_without_asking(state: State) -> None:
    now = status(state, problems=(Problem(code="x", message="m"),))
    for item in every(menu(now)):
        if item.action is not None:
            for yes in (True, False):
                dialogs = FakeDialogs(yes=yes)
                asked = do(item.action, dialogs)
                assert (("reveal", True) in asked) is (yes and isinstance(item.action, actions.ShowRealFace))
                assert ("reveal", True) not in asked or dialogs.seen == ["question"]


@pytest.mark.parametrize("ready", [True, False])
def test_a_face_is_enrolled_after_a_word_and_forgotten_at_once(ready: bool) -> None:
    dialogs = FakeDialogs(yes=ready)
    begin = labelled(menu(status()), "Enrol my face")
    assert do(begin.action, dialogs) == ([("enrol",)] if ready else [])
    assert dialogs.seen == ["question"]
    enrolled = menu(status(enrolled=True))
    assert not [item for item in every(enrolled) if item.label.startswith("Enrol")]
    assert do(labelled(enrolled, "Forget my face").action, dialogs) == [("forget_enrolment",)]
    assert dialogs.seen == ["question"]


def test_what_to_do_while_enrolling_is_told() -> None:
    job = Job(id=4, title="learning what you look like", step="look straight ahead", progress=0.4)
    assert labelled(menu(status(jobs=(job,))), "Learning what you look like: look straight ahead … 40 %")


def test_a_revealed_face_is_hidden_by_the_first_entry_at_once() -> None:
    items = menu(status(State.revealed))
    dialogs = FakeDialogs()
    assert do(items[0].action, dialogs) == [("reveal", False)]
    assert dialogs.seen == []
    assert items[1].label == "Others see your real face"
    assert not any(isinstance(item.action, actions.ShowRealFace) for item in every(items))


def test_problems_are_told_with_their_fix() -> None:
    one = Problem(code="x", message="The driver is missing. " * 9, fix="sudo modprobe v4l2loopback")
    item = labelled(menu(status(State.problem, problems=(one,))), "⚠ The driver")
    assert len(item.label) <= 75
    dialogs = FakeDialogs()
    do(item.action, dialogs)
    assert dialogs.seen == [f"notice {one.message} {one.fix}"]
    two = labelled(menu(status(State.problem, problems=(one, Problem(code="y", message="n")))), "2 problems")
    assert len(two.children) == 2


def test_adding_a_persona_asks_for_consent_and_stops_at_any_no(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    assert do(actions.AddPersona(), FakeDialogs()) == [("processors",)]
    dialogs = FakeDialogs(path=photo)
    assert do(actions.AddPersona(), dialogs) == [("processors",)]
    assert dialogs.seen == ["face dfm", "persona"]
    asked = do(actions.AddPersona(), FakeDialogs(path=photo, form=("Clara", Consent.permission)))
    assert asked[1:] == [
        ("add_persona", photo, None, Consent.permission, "Clara"),
        ("switch_persona", "added"),
    ]


@pytest.mark.parametrize(("yes", "lacking"), [(True, None), (False, None), (True, "no PyTorch")])
def test_after_adding_it_is_offered_to_tune_where_that_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yes: bool, lacking: str | None
) -> None:
    now, added = status(cannot_tune=lacking), PersonaInfo(name="added", title="x", photos=1)
    monkeypatch.setattr("menus.status", lambda: now)
    monkeypatch.setattr("menus.PersonaInfo", lambda **_: added)
    dialogs = FakeDialogs(yes=yes, path=tmp_path / "photo.jpg", form=("Clara", Consent.self))
    asked = do(actions.AddPersona(), dialogs)
    assert ("question" in dialogs.seen) is (lacking is None)
    assert (("tune_persona", "added") in asked) is (yes and lacking is None)


def test_the_look_of_the_present_persona_is_chosen_and_tuned() -> None:
    clara = PersonaInfo(name="clara", title="Clara", photos=1)
    tune = labelled(menu(status(personas=(clara,))), "Tune Clara")
    assert do(tune.action) == [("tune_persona", "clara")]
    why = "tuning needs PyTorch: pip install 'visard[train]'"
    items = menu(status(personas=(clara,), cannot_tune=why))
    assert labelled(items, "Tuning needs PyTorch").action is None
    assert not [item for item in every(items) if isinstance(item.action, actions.Tune)]
    for on in (True, False):
        items = menu(status(personas=(clara.model_copy(update={"tuned": on}),)))
        tuned, old = labelled(items, "The tuned look"), labelled(items, "The old look")
        assert (tuned.checked, old.checked) == (on, not on)
        assert do(old.action) == [("put_tuned", "clara", False)]
        assert do(tuned.action) == [("put_tuned", "clara", True)]
    model = clara.model_copy(update={"photos": 0})
    looks = (actions.Tune, actions.PutTuned)
    assert not [item for item in every(menu(status(personas=(model,)))) if isinstance(item.action, looks)]


def test_tuning_tells_how_far_it_is_and_can_be_stopped() -> None:
    job = Job(id=5, title="tuning clara", step="learning", progress=0.4, tunes="clara", seconds_left=83)
    clara = PersonaInfo(name="clara", title="Clara", photos=1)
    items = menu(status(personas=(clara,), jobs=(job,)))
    assert labelled(items, "Tuning").label == "Tuning clara: learning … 40 %, 1:23 left"
    assert do(labelled(items, "Stop tuning").action) == [("cancel", 5)]
    assert not [item for item in every(items) if isinstance(item.action, actions.Tune)]


def test_the_preview_opens_in_a_browser_or_the_person_hears_why_not() -> None:
    told: list[str] = []
    assert do(labelled(menu(status()), "Open the preview").action, told=told) == [("preview",)]
    assert told == ["open_browser"]
    client: Any = FakeClient()
    context = actions.ActionContext(lambda: client, FakeDialogs(), str, str, lambda link: False)  # type: ignore[arg-type]
    with pytest.raises(VisardError, match="browser"):
        actions.OpenPreview()(context)


def test_engines_are_told_of_while_they_compile_and_when_they_fail() -> None:
    job = Job(id=-7, title="compiling landmarks", progress=0.4)
    found = Problem(code="engine-demoted", message="landmarks runs on the processor", blocking=False)
    items = menu(status(State.live, jobs=(job,), problems=(found,)))
    assert labelled(items, "Compiling landmarks … 40 %").action is None
    assert labelled(items, "⚠ Landmarks runs on the processor").action == actions.ShowProblem(found)
    assert texts.headline(status(State.live, problems=(found,))) == "Live as Clara: 1 face swapped"


def test_who_is_hidden_is_left_out_unless_worn_and_marks_say_why() -> None:
    clara, hanna, marco = (PersonaInfo(name=name, title=name.title()) for name in NAMES[:3])
    now = status(
        personas=(
            marco.model_copy(update={"warnings": ("the face is small",)}),
            hanna.model_copy(update={"hidden": True}),
            clara.model_copy(update={"hidden": True, "warnings": ("glasses",), "title": "שרה"}),
        )
    )
    labels = [item.label for item in every(menu(now))]
    assert "Hanna" not in labels
    assert labels.index("Marco ⚠") < labels.index("\u2068שרה\u2069 ⚠")
    assert "⚠ Glasses" in labels
    assert "⚠ The face is small" not in labels, "of who is not on"
