"""Whoever asks to be hidden is hidden, whatever was asked for before; settings that reveal are asked for."""

import tomllib
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path

import pytest
from control import ask
from hypothesis import given
from hypothesis import strategies as st

from visard.daemon.api.schema import ErrorBody
from visard.daemon.config.file import ConfigFile
from visard.daemon.config.settings import Settings, concealing, reveals, weaknesses
from visard.daemon.errors import ConfigError, WouldReveal
from visard.daemon.personas.library import Library
from visard.daemon.service.service import Service

WEAK = {"opacity": 0.3}

Request = Callable[[Service], object]

SHOW: dict[str, Request] = {
    "reveal": lambda s: s.reveal(True),
    "weak settings": lambda s: s.change(WEAK, reveal=True),
}
HIDE: dict[str, Request] = {
    "pause": lambda s: s.pause(),
    "set paused": lambda s: s.change({"paused": True}),
    "resume": lambda s: s.resume(),
    "set not paused": lambda s: s.change({"paused": False}),
    "unset paused": lambda s: s.change({"paused": None}),
    "hide": lambda s: s.reveal(False),
}


@pytest.fixture
def service(home: Path, tmp_path: Path):
    made = Service(ConfigFile(tmp_path / "config.toml"), Library())
    yield made
    made.stop()


@pytest.mark.parametrize("last", HIDE)
def test_a_later_request_to_hide_always_hides(service, last):
    others = list(product({**SHOW, **HIDE}.items(), repeat=2)) + list(permutations(SHOW.items()))
    for (first, do_first), (second, do_second) in others:
        for act in (do_first, do_second, HIDE[last]):
            act(service)
        assert not service.switches.shown, (first, second, last)
        assert not service.status().revealed
        if last in ("pause", "set paused"):
            assert service.switches.paused, (first, second, last)


def test_pausing_and_weak_settings_in_one_request_pause(service):
    service.change({**WEAK, "paused": True}, reveal=True)
    assert service.switches.paused


def test_of_a_request_that_reveals_only_the_ordinary_settings_are_kept(service, tmp_path):
    service.change({"mask_blur": 0.02, "mask_grow": -0.02, "paused": True})
    mixed = {**WEAK, "mask_blur": None, "mirror": True, "zoom": 2, "persona": "HANNA", "paused": False}
    wanted = ask(service, "PATCH", "/settings?reveal=true", json=mixed).json()
    assert (wanted["opacity"], wanted["mask_blur"], wanted["persona"]) == (0.3, 0, "hanna")
    assert service.switches.settings == Settings(opacity=0.3, mask_grow=-0.02, mirror=True, zoom=2)
    assert service.status().revealed
    assert not service.status().paused
    kept = tomllib.loads((tmp_path / "config.toml").read_text())
    assert kept == {"mask_grow": -0.02, "mirror": True, "zoom": 2, "persona": "hanna", "paused": False}
    service.reveal(False)
    assert service.switches.settings == Settings(mask_grow=-0.02, mirror=True, zoom=2)


def test_settings_that_cannot_be_kept_reveal_nothing(service, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("visard.daemon.config.file.replace_file", full)
    with pytest.raises(ConfigError, match="cannot be written"):
        service.change({**WEAK, "zoom": 2}, reveal=True)
    assert service.switches.settings == Settings()


def test_pausing_hides_although_nothing_can_be_saved(service, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    service.reveal(True)
    monkeypatch.setattr("visard.daemon.config.file.replace_file", full)
    with pytest.raises(Exception, match="cannot be written"):
        service.change({"paused": True})
    assert service.switches.paused
    assert not service.switches.shown


@pytest.mark.parametrize(
    "weak", [{"opacity": 0.5}, {"mask_grow": -0.1}, {"mask_blur": 0.1}, {"opacity": 0.85, "mask_grow": -0.04}]
)
def test_settings_that_reveal_are_refused_unless_asked_for(service, tmp_path, weak):
    answer = ask(service, "PATCH", "/settings", json=weak)
    assert answer.status_code == 409
    assert "--reveal" in ErrorBody.model_validate(answer.json()).error.message
    assert not service.status().revealed
    assert ask(service, "PATCH", "/settings?reveal=true", json=weak).status_code == 200
    assert service.switches.settings == Settings(**weak)
    assert service.status().revealed
    assert service.status().weak
    assert not reveals(service.config())
    assert not (tmp_path / "config.toml").exists(), "not remembered over a restart"
    service.reveal(True)
    assert service.status().revealed
    assert not service.status().weak, "the real face is more than what shows through"


def test_two_harmless_changes_that_reveal_together_are_refused(service):
    service.change({"opacity": 0.85})
    with pytest.raises(WouldReveal):
        service.change({"mask_blur": 0.04})
    assert service.switches.settings == Settings(opacity=0.85)


def test_a_file_that_would_reveal_is_read_with_safe_values(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("opacity = 0.2\nmask_blur = 0.2\nzoom = 2\n")
    config = ConfigFile(file)
    assert not reveals(config.config)
    assert set(config.softened) == {"opacity", "mask_blur"}
    assert config.config.zoom == 2
    assert not reveals(config.change({"zoom": 1}))
    assert not ConfigFile(file).softened


@given(
    st.builds(Settings, opacity=st.floats(0, 1), mask_grow=st.floats(-0.3, 0.3), mask_blur=st.floats(0, 0.3))
)
def test_what_conceals_is_safe_and_changes_nothing_that_is(settings):
    safe = settings.model_copy(update=concealing(settings))
    assert not reveals(safe)
    assert (safe == settings) == (not reveals(settings))
    assert concealing(settings).keys() <= weaknesses(settings).keys()
    assert safe.opacity >= settings.opacity
    assert safe.mask_blur <= settings.mask_blur
