"""Enhancers: what their networks are fed, when they look, what stays when they fail or hang."""

from pathlib import Path
from threading import Event

import numpy as np
import published_models
import pytest
from people import driver

from visard.daemon.config.settings import Settings
from visard.daemon.media.frame import Frame
from visard.daemon.pipeline import enhance
from visard.daemon.pipeline.enhance import EnhanceStep
from visard.daemon.pipeline.stats import Stats
from visard.models.enhancer import EnhancerModel, enhancers
from visard.models.errors import ModelMissing
from visard.models.store import open_store
from visard.models.store.spec import catalogue

FPS = 20.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISARD_HOME", str(tmp_path))
    return tmp_path


def test_every_module_is_usable() -> None:
    found = enhancers.all()
    assert enhancers.broken == {}
    assert {model.name for one in found.values() for model in one.models} == {
        name for name, spec in catalogue().items() if spec.task == "enhance"
    }
    for name, enhancer in found.items():
        assert enhancer.name == name
        assert enhancer.summary
        for model in enhancer.models:
            shape = catalogue()[model.name].files[0].signature.output
            assert shape == (0, 3, model.side, model.side)


@pytest.mark.parametrize("name", sorted(enhancers.all()))
def test_an_enhancer_is_fed_and_read_as_published(home: Path, name: str) -> None:
    enhancer = enhancers.get(name)
    model = min(enhancer.models, key=lambda model: model.side)
    with pytest.raises(ModelMissing, match=f"visard models fetch {enhancer.models[0].name}"):
        enhancer.model()
    open_store().import_(
        published_models.enhancer(home / "network.onnx", model), name=model.name, accept_licence=True
    )
    assert enhancer.model() == model
    crop = np.random.default_rng(0).integers(0, 256, (model.side, model.side, 3), np.uint8)
    made = enhancer.open(model)(crop, 0.4)
    share = 0.2 if model.weighted else 0.5
    assert np.abs(made - (crop + (255.0 - crop) * share)).max() <= 1


class Told:
    """An enhancer that makes crops lighter once it is let."""

    name, summary, models = "told", "", (EnhancerModel("told", 64),)

    def __init__(self) -> None:
        self.go, self.calls, self.fails = Event(), 0, False
        self.go.set()

    def model(self) -> EnhancerModel:
        return self.models[0]

    def open(self, model: EnhancerModel, *, wait: bool = True) -> "Told":
        return self

    def __call__(self, crop: np.ndarray, weight: float) -> np.ndarray:
        self.go.wait(60)
        self.calls += 1
        if self.fails:
            raise RuntimeError("out of memory")
        return np.minimum(crop.astype(int) + 40, 255).astype(np.uint8)

    def close(self) -> None:
        pass


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told()
    monkeypatch.setattr(enhancers, "get", lambda name: made)
    return made


SETTINGS = Settings().model_copy(update={"enhancer": "told"})


def put(step: EnhanceStep, settings: Settings = SETTINGS) -> float:
    """Return how much lighter the middle of the face became."""
    picture, face = driver()[0]
    frame = Frame(0, 0.0, picture // 2)
    step(frame, face, settings)
    x, y = (round(each) for each in face.centre)
    area = np.s_[y - 10 : y + 10, x - 10 : x + 10]
    return float((frame.image[area].astype(int) - (picture // 2)[area]).mean())


def test_every_frame_is_enhanced_where_nobody_watches_the_clock(told: Told) -> None:
    step = EnhanceStep(Stats(), FPS, 60, wait=True)
    for _ in range(3):
        assert put(step) == pytest.approx(40, abs=3)
    assert told.calls == 3


def test_a_slow_one_works_beside_the_frames(told: Told) -> None:
    step = EnhanceStep(Stats(), FPS, 60, wait=False)
    told.go.clear()
    assert [put(step) for _ in range(5)] == [0] * 5, "nothing waits for it"
    told.go.set()
    step._looks[driver()[0][1].id].made.result(60)
    assert put(step) == pytest.approx(40, abs=3)
    told.go.clear()
    assert put(step) == pytest.approx(40, abs=3), "what it added stays while it looks anew"
    told.go.set()


def test_a_fast_one_sees_every_frame(told: Told) -> None:
    step = EnhanceStep(Stats(), FPS, 60, wait=False)
    put(step)
    step._opened("told")[1].seconds = 0.4 / FPS - 1e-6
    calls = told.calls
    for _ in range(3):
        assert put(step) == pytest.approx(40, abs=3)
    assert told.calls >= calls + 3


def test_every_nth_frame_is_looked_at(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    step = EnhanceStep(Stats(), FPS, 60, wait=True)
    every = SETTINGS.model_copy(update={"enhance_every": 4})
    for number in range(12):
        put(step, every)
        for look in step._looks.values():
            look.made.result(60)
        assert told.calls == number // 4 + 1


def test_speed_is_believed_after_some_looks(told: Told) -> None:
    step = EnhanceStep(Stats(), FPS, 60, wait=True)
    seconds = []
    for _ in range(enhance._FIRST + 1):
        put(step)
        seconds.append(step._opened("told")[1].seconds)
    assert np.isinf(seconds).tolist() == [True] * enhance._FIRST + [False]


def test_a_failure_leaves_the_face_as_it_is(told: Told) -> None:
    stats = Stats()
    step = EnhanceStep(stats, FPS, 60, wait=True)
    told.fails = True
    assert put(step) == 0
    assert stats.snapshot().errors == {"enhance: RuntimeError": 1}
    told.fails = False
    assert put(step) == pytest.approx(40, abs=3)


def test_switched_off_it_is_closed(told: Told) -> None:
    step = EnhanceStep(Stats(), FPS, 60, wait=True)
    put(step)
    assert put(step, Settings()) == 0
    assert step._chosen is None
    assert not step._details


def test_an_unknown_enhancer_is_refused() -> None:
    with pytest.raises(ValueError, match="one of: none, codeformer, gfpgan"):
        Settings(enhancer="magic")
