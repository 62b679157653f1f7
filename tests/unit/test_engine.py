"""The one door to the backends: the best one that accepts the network."""

from pathlib import Path

import pytest

from visard.engines import engine, load
from visard.engines.errors import BackendUnavailable, EngineError, ModelRefused, VisardError


class Fake:
    """A backend that is missing, refuses or accepts."""

    def __init__(self, name: str, rank: int, missing: str | None = None, refuses: str | None = None) -> None:
        self.name, self.rank, self.missing, self.refuses = name, rank, missing, refuses
        self.asked: list[int] = []

    def unavailable(self) -> str | None:
        return self.missing

    def load(self, model: Path, *, threads: int) -> object:
        self.asked.append(threads)
        if self.refuses:
            raise ModelRefused(self.refuses)
        return self.name


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "some.onnx"
    path.write_bytes(b"anything")
    return path


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch):
    return lambda *fakes: monkeypatch.setattr(engine.backends, "_found", {fake.name: fake for fake in fakes})


def test_the_lowest_rank_is_taken(offer, model: Path) -> None:
    slow, fast = Fake("slow", 90), Fake("fast", 10)
    offer(slow, fast)
    assert load(model, threads=3) == "fast"
    assert fast.asked == [3]
    assert slow.asked == []


def test_one_that_is_missing_or_refuses_is_passed_over(offer, model: Path) -> None:
    offer(Fake("a", 1, missing="no device"), Fake("b", 2, refuses="no such layer"), Fake("c", 3))
    assert load(model) == "c"


def test_when_none_can_every_reason_is_told(offer, model: Path) -> None:
    offer(Fake("a", 1, missing="no device"), Fake("b", 2, refuses="no such layer"))
    with pytest.raises(EngineError, match=r"some\.onnx.*a: no device.*b: no such layer"):
        load(model)


def test_the_one_asked_for_is_not_replaced(offer, model: Path) -> None:
    offer(Fake("a", 1, missing="no device"), Fake("b", 2, refuses="no such layer"), Fake("c", 3))
    assert load(model, backend="c") == "c"
    with pytest.raises(BackendUnavailable, match="a: no device"):
        load(model, backend="a")
    with pytest.raises(ModelRefused, match="no such layer"):
        load(model, backend="b")


def test_an_unknown_backend_names_those_that_exist(offer, model: Path) -> None:
    offer(Fake("a", 1), Fake("b", 2))
    with pytest.raises(VisardError, match=r"'z'.*a, b"):
        load(model, backend="z")


def test_a_missing_file_is_told_before_any_backend_is_asked(offer, tmp_path: Path) -> None:
    only = Fake("a", 1)
    offer(only)
    for path in (tmp_path / "no.onnx", tmp_path):
        with pytest.raises(EngineError, match=r"missing.*reinstall"):
            load(path)
    assert only.asked == []
