"""The daemon's heart, with a camera, personas and an output that are made up."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from fakes import HEIGHT, WIDTH, Basket, Mask, Reel, Truth, driver_at, number_of, swapped, unplug, worn

from visard.daemon.api.requests import NewPersona, PhotoChange
from visard.daemon.api.schema import CameraState, Consent, Faces, State
from visard.daemon.config import paths
from visard.daemon.config.file import ConfigFile
from visard.daemon.config.settings import Mode
from visard.daemon.errors import ConfigError, PersonaError, PersonaUnknown, SinkUnavailable, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.media.ports import Sink
from visard.daemon.personas.library import Library
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.personas.record import Persona
from visard.daemon.pipeline.recipe import Recipe
from visard.daemon.service import controller, service
from visard.daemon.service import live as stage
from visard.daemon.service.idle import IdleMonitor
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.service.service import Service
from visard.daemon.sources._select import SourceSelector
from visard.models.processor import Report

COLOURS = {"clara": 40, "hanna": 80, "marco": 120, "nico": 160, "robin": 200, "walter": 240}


def soon(true: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(true())


class Camera(SourceSelector):
    """Gives one live source after another, unless it is told that there is none."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path / "last", list)
        self.there = True
        self.reels: list[Reel] = []
        self.before: Callable[[int], None] = lambda _: None

    def open(self, spec: str, wanted: Format) -> Reel:
        if not self.there:
            raise SourceUnavailable("no camera here")
        self.name = spec
        self.reels.append(Reel(1_000_000, live=True, before=self.before))
        return self.reels[-1]


class World:
    """Everything around a service."""

    def __init__(self, tmp_path: Path) -> None:
        self.camera = Camera(tmp_path)
        self.basket = Basket()
        self.output = True
        self.slow: set[str] = set()

    def photo(self) -> NewPersona:
        return NewPersona(path=str(Library().get("hanna").picture), name="me", consent=Consent.self)

    def sink(self) -> Sink:
        if not self.output:
            raise SinkUnavailable("there is no virtual camera yet. Run: sudo make-one")
        return self.basket

    def prepare(self, persona: Persona, mode: Mode, report: Report) -> PreparedPersona:
        while persona.name in self.slow:
            report(0.5, "sewing")
            time.sleep(0.01)
        return worn(Mask(colour=COLOURS.get(persona.name, 20)), persona.name, mode)


@pytest.fixture
def world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)

    class Kind:
        def open(self, spec: str, form: Format) -> Sink:
            return made.sink()

    monkeypatch.setattr(stage, "find_sink", lambda spec: Kind())
    monkeypatch.setattr(controller, "LivePipeline", partial(stage.LivePipeline, track=lambda _: Truth()))
    monkeypatch.setattr(service, "PreparedPersonas", partial(PreparedPersonas, prepare=made.prepare))
    monkeypatch.setattr(controller, "IdleMonitor", partial(IdleMonitor, linger=0.05))
    return made


@pytest.fixture
def config(home: Path) -> ConfigFile:
    file = ConfigFile(paths.config() / "config.toml")
    file.change({"width": WIDTH, "height": HEIGHT, "fps": 100})
    return file


@pytest.fixture
def running(world: World, config: ConfigFile) -> Iterator[Service]:
    made = Service(config, Library(), world.camera)
    made.start()
    yield made
    made.stop()


def live(running: Service) -> Service:
    assert soon(lambda: running.status().state is State.live), running.status()
    assert soon(lambda: all(persona.ready for persona in running.personas()))
    return running


def colour(image: np.ndarray) -> int:
    x, y = driver_at(number_of(image))
    return int(image[y, x].mean())


def test_it_begins_with_the_first_persona_and_goes_live(running: Service, world: World) -> None:
    live(running)
    statuses = iter(running.status, None)
    status = next(each for each in statuses if each.guard.verdict == "frame")  # one may be late
    assert (status.persona, status.camera.state) == ("clara", CameraState.ok)
    assert status.guard.faces == Faces(swapped=1)
    assert status.numbers.faces.swapped >= status.numbers.verdicts["frame"] > 0
    assert status.problems == ()
    assert status.output.ok
    assert world.basket.leaks == 0


def test_switching_takes_two_frames_and_leaves_no_gap(running: Service, world: World) -> None:
    live(running)
    start = len(world.basket.images)
    for name in [*COLOURS, *COLOURS]:
        running.switch_persona(name)
        at = len(world.basket.images)
        assert soon(
            lambda at=at, name=name: any(colour(i) == COLOURS[name] for i in world.basket.images[at:])
        )
        late = next(n for n, i in enumerate(world.basket.images[at:]) if colour(i) == COLOURS[name])
        assert late <= 2 + 1, "one more may be between two sinks' threads"
    images = world.basket.images[start:]
    assert len(swapped(images)) == len(images), "the card or something else went out"
    assert set(map(colour, images)) <= set(COLOURS.values())
    assert world.basket.leaks == 0
    assert running.status().numbers.reasons.keys() <= {"paused or no persona"}


def test_an_unprepared_persona_goes_on_when_it_is_ready_and_the_old_one_until_then(
    world: World, config: ConfigFile
) -> None:
    world.slow = {"nico"}
    running = Service(config, Library(), world.camera)
    running.start()
    try:
        assert soon(lambda: running.status().state is State.live)
        running.switch_persona("nico")
        status = running.status()
        assert (status.persona, status.wanted) == ("clara", "nico")
        assert [job.persona for job in status.jobs] == ["nico"]
        at = len(world.basket.images)
        assert soon(lambda: len(world.basket.images) > at + 20)
        assert {colour(image) for image in world.basket.images[at:]} == {COLOURS["clara"]}
        world.slow = set()
        assert soon(lambda: running.status().persona == "nico")
        assert running.status().wanted is None
        assert running.status().jobs == ()
    finally:
        world.slow = set()
        running.stop()


def test_crossfade_mixes_both_and_ends_with_the_new_one(running: Service, world: World) -> None:
    live(running)
    running.change({"crossfade": 0.3})
    at = len(world.basket.images)
    running.switch_persona("walter")
    assert soon(lambda: colour(world.basket.images[-1]) == COLOURS["walter"])
    shades = [colour(image) for image in world.basket.images[at:]]
    between = [shade for shade in shades if COLOURS["clara"] < shade < COLOURS["walter"]]
    assert len(between) > 5
    assert between == sorted(between)
    assert world.basket.leaks == 0


def test_pause_shows_the_card_and_is_remembered(running: Service, world: World, config: ConfigFile) -> None:
    live(running).pause()
    assert soon(lambda: running.status().guard.verdict == "card")
    assert running.status().state is State.paused
    assert ConfigFile(config.path).config.paused
    assert soon(lambda: running.status().camera.state is CameraState.asleep)
    assert world.camera.reels[-1].closed.is_set()
    running.resume()
    assert soon(lambda: running.status().state is State.live)
    assert not ConfigFile(config.path).config.paused
    assert world.basket.leaks == 0


def test_revealing_is_red_and_never_remembered(running: Service, world: World, config: ConfigFile) -> None:
    live(running).reveal(True)
    assert soon(lambda: world.basket.leaks > 0)
    assert running.status().state is State.revealed
    assert "reveal" not in config.path.read_text()
    running.reveal(False)
    assert soon(lambda: running.status().guard.verdict == "frame")
    running.pause()
    running.reveal(True)
    running.reveal(False)
    assert running.status().state is State.paused


def test_a_lost_camera_is_a_problem_and_the_card_and_comes_back(running: Service, world: World) -> None:
    live(running)
    world.camera.there = False
    world.camera.reels[-1]._before = unplug
    assert soon(lambda: running.status().state is State.problem)
    status = running.status()
    assert [problem.code for problem in status.problems] == ["camera-missing"]
    assert soon(lambda: running.status().guard.verdict == "card")
    world.camera.there = True
    running._controller._plugged()
    assert soon(lambda: running.status().state is State.live)
    assert world.basket.leaks == 0


def test_nobody_watches_so_the_camera_sleeps(running: Service, world: World) -> None:
    live(running)
    running._controller._read_by(0)
    assert soon(lambda: running.status().state is State.sleeping)
    assert world.camera.reels[-1].closed.is_set()
    count = len(world.camera.reels)
    running._controller._read_by(1)
    assert soon(lambda: running.status().state is State.live)
    assert len(world.camera.reels) == count + 1
    running._controller._read_by(0)
    running.change({"always_on": True})
    time.sleep(0.1)
    assert running.status().state is State.live


def test_looking_at_the_preview_counts_as_watching(running: Service) -> None:
    live(running)
    running._controller._read_by(0)
    assert soon(lambda: running.status().state is State.sleeping)
    got: list[bytes] = []
    with running.result.subscribe(got.append):
        assert soon(lambda: got)
        assert got[-1][:2] == b"\xff\xd8"
        assert running.status().watched
    assert soon(lambda: running.status().state is State.sleeping)


def test_without_an_output_it_says_how_to_get_one_and_uses_it_when_it_comes(
    world: World, config: ConfigFile
) -> None:
    world.output = False
    running = Service(config, Library(), world.camera)
    running.start()
    try:
        assert soon(lambda: running.status().problems)
        (problem,) = running.status().problems
        assert (problem.code, problem.fix) == ("no-output", "sudo make-one")
        assert running.status().camera.state is CameraState.asleep
        world.output = True
        running._controller._plugged()
        live(running)
    finally:
        running.stop()


def test_another_format_is_another_pipeline_with_the_same_persona(running: Service, world: World) -> None:
    live(running).switch_persona("nico")
    running.change({"width": 640, "height": 360})
    assert soon(lambda: world.basket.images[-1].shape == (360, 640, 3))
    assert soon(lambda: running.status().state is State.live)
    assert running.status().persona == "nico"
    assert running.status().output.width == 640


def test_a_pipeline_that_broke_is_built_anew(running: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    live(running)
    monkeypatch.setattr(controller, "AGAIN", 0.01)
    before = running._controller.live
    before.pipeline._fail("compose", ZeroDivisionError())
    assert soon(lambda: running._controller.live is not before)
    live(running)


def test_settings_persist_and_take_effect(running: Service, config: ConfigFile) -> None:
    live(running).change({"mirror": True, "opacity": 0.9})
    assert running._controller.switches.settings.mirror
    assert ConfigFile(config.path).config.opacity == 0.9
    running.change({"mirror": None})
    assert not running._controller.switches.settings.mirror
    with pytest.raises(ConfigError, match="did you mean mirror"):
        running.change({"miror": True})
    assert not running._controller.switches.settings.mirror


def test_a_setting_can_be_the_persona_too(running: Service) -> None:
    live(running).change({"persona": "marco"})
    assert soon(lambda: running.status().persona == "marco")
    with pytest.raises(PersonaUnknown):
        running.change({"persona": "nobody"})
    assert running.config().persona == "marco"


def test_stepping_goes_around(running: Service) -> None:
    live(running).step(-1)
    assert running.status().persona == "walter"
    running.step(1)
    assert running.status().persona == "clara"


def test_stepping_follows_the_order_and_leaves_out_who_is_hidden(running: Service) -> None:
    live(running).move_persona("walter", "hanna")
    running.hide_persona("hanna", True)
    for name in ("walter", "marco"):
        running.step(1)
        assert running.status().persona == name
    running.hide_persona("marco", True)
    assert running.status().persona == "marco", "who is on stays on"
    running.step(1)
    assert running.status().persona == "nico"
    running.step(-1)
    assert running.status().persona == "walter"
    assert [known.name for known in running.personas()] == [
        "clara", "walter", "hanna", "marco", "nico", "robin",
    ]  # fmt: skip


def test_another_title_of_who_is_on_prepares_nobody(running: Service) -> None:
    live(running)
    assert running.rename_persona("clara", None, "Клара").title == "Клара"
    status = running.status()
    assert (status.persona, status.wanted, status.personas[0].title) == ("clara", None, "Клара")
    assert status.personas[0].ready


def test_what_cannot_be_saved_is_done_and_told(
    running: Service, config: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(running)

    def full(text: str) -> None:
        raise ConfigError("no space left")

    monkeypatch.setattr(config, "_write", full)
    running.pause()
    status = running.status()
    assert status.paused
    assert [problem.code for problem in status.problems] == ["not-saved"]
    monkeypatch.undo()


def test_a_persona_that_is_gone_at_the_start_is_a_problem_and_the_card(
    world: World, config: ConfigFile
) -> None:
    config.change({"persona": "gone"})
    running = Service(config, Library(), world.camera)
    running.start()
    try:
        assert soon(lambda: running.status().state is State.problem)
        assert running.status().problems[0].code == "persona-unusable"
        assert running.status().guard.verdict == "card"
        running.switch_persona("clara")
        live(running)
    finally:
        running.stop()


def test_personas_come_and_go(running: Service, world: World) -> None:
    live(running)
    info = running.add_persona(world.photo())
    assert (info.name, info.consent, info.shipped) == ("me", "self", False)
    assert running.thumbnail("me")[:2] == b"\xff\xd8"
    running.switch_persona("me")
    assert soon(lambda: running.status().persona == "me")
    assert running.rename_persona("me", "myself").name == "myself"
    assert soon(lambda: running.status().persona == "myself")
    running.remove_persona("myself")
    assert running.status().persona == "myself", "it stays on until another is put on"
    assert running.config().persona is None
    with pytest.raises(PersonaUnknown):
        running.persona("myself")
    assert [item.name for item in running.removed()] == ["myself"]
    assert running.restore_persona("myself").name == "myself"


def test_other_photos_of_who_is_on_are_prepared_and_put_on(running: Service, world: World) -> None:
    live(running).add_persona(world.photo())
    running.switch_persona("me")
    assert soon(lambda: running.status().persona == "me")
    before = running._controller.recipe.persona
    photo = str(Library().get("marco").picture)
    changed = running.change_photos("me", PhotoChange(add=(photo,), remove=(1,)))
    assert changed.photos == 1
    assert soon(lambda: running._controller.recipe.persona is not before)
    assert running.status().persona == "me"
    assert running.photo("me", 1)[:2] == b"\xff\xd8"
    with pytest.raises(PersonaError, match="no photo 2"):
        running.photo("me", 2)
    assert running.restore_persona("me").photos == 2
    running.empty_bin()
    assert running.removed() == []
    with pytest.raises(PersonaUnknown):
        running.restore_persona("nobody")


def test_listeners_hear_of_changes_until_they_leave(running: Service) -> None:
    live(running)
    heard: list[int] = []
    leave = running.listen(lambda: heard.append(1))
    running.pause()
    assert heard
    leave()
    count = len(heard)
    running.resume()
    assert len(heard) == count


def test_without_personas_it_starts_and_says_so(world: World, config: ConfigFile, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    running = Service(config, Library(tmp_path / "none", tmp_path / "none"), world.camera)
    running.start()
    try:
        assert [problem.code for problem in running.status().problems] == ["no-persona"]
        assert running.status().guard.verdict == "card"
        with pytest.raises(PersonaUnknown):
            running.step(1)
    finally:
        running.stop()


def test_a_switch_to_a_prepared_persona_changes_the_pipeline_once_and_tells_once(
    running: Service, config: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(running)
    pipeline, changes, heard = running._controller.live.pipeline, [], []
    monkeypatch.setattr(pipeline, "use", lambda recipe: changes.append(recipe.name))
    monkeypatch.setattr(pipeline, "set_switches", changes.append)
    running.listen(lambda: heard.append(1))
    running.switch_persona("marco")
    assert (changes, len(heard)) == (["marco"], 1)
    assert ConfigFile(config.path).config.persona == "marco"


def test_the_newest_wish_wins_however_long_an_older_one_takes(running: Service, world: World) -> None:
    live(running)
    world.slow = {"me"}
    running.add_persona(world.photo())
    running.switch_persona("me")
    assert soon(lambda: any(job.step == "sewing" for job in running.status().jobs))
    job = running.status().jobs[0]
    assert (job.persona, job.progress, running.status().wanted) == ("me", 0.5, "me")
    running.switch_persona("marco")
    assert running.status().persona == "marco"
    world.slow.clear()
    assert soon(lambda: running.status().wanted is None)
    time.sleep(0.05)
    assert running.status().persona == "marco"


def test_preparing_can_be_given_up(running: Service, world: World) -> None:
    live(running)
    with pytest.raises(PersonaError, match="job 0 cannot be given up"):
        running.cancel(0)
    world.slow = {"me"}
    running.add_persona(world.photo())
    running.switch_persona("me")
    assert soon(lambda: running.status().jobs)
    running.cancel(running.status().jobs[0].id)
    assert soon(lambda: running.status().wanted is None)
    status = running.status()
    assert (status.persona, status.problems, status.jobs) == ("clara", (), ())


def test_another_processor_is_prepared_while_the_old_one_goes_on(running: Service, world: World) -> None:
    live(running)
    before = running._controller.recipe.persona
    assert before is not None
    info = running.configure_persona("clara", "mesh", {})
    assert (info.processor, "mesh" in info.processors) == ("mesh", True)
    assert soon(lambda: running._controller.recipe.persona is not before)
    assert soon(lambda: cast(Mask, before.prepared).closed), "what is not on any more is closed"
    with pytest.raises(PersonaError, match="mesh has no option"):
        running.configure_persona("clara", None, {"colour": "red"})
    assert running.status().persona == "clara"
    assert world.basket.leaks == 0


def test_a_processor_that_is_slow_here_is_told_of(running: Service, world: World) -> None:
    slow = Mask(before=lambda _: time.sleep(0.06))
    live(running)._controller.live.pipeline.use(Recipe(worn(slow, "clara")))
    assert soon(lambda: any(problem.code == "slow-processor" for problem in running.status().problems))
    (problem,) = running.status().problems
    assert "mask takes" in problem.message
    assert not problem.blocking
    assert running.status().state is State.live
