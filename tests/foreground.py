"""A service in the foreground with a camera, personas and a tracker that are made up."""

from functools import partial
from pathlib import Path

import pytest
from fakes import HEIGHT, WIDTH, Mask, Reel, Truth, worn

from visard.daemon.config.settings import Mode
from visard.daemon.errors import PersonaError, SourceUnavailable
from visard.daemon.media.frame import Format
from visard.daemon.personas.prepare import PreparedPersona
from visard.daemon.personas.record import Persona
from visard.daemon.service import controller, live, service
from visard.daemon.service.prepared import PreparedPersonas
from visard.daemon.sources._select import SourceSelector
from visard.models.processor import Report

FORMAT = Format(WIDTH, HEIGHT, 100)


class Camera(SourceSelector):
    """Opens one live source after another; what is called in ``missing`` is not there."""

    def __init__(self, *missing: str) -> None:
        super().__init__(Path("nowhere"), list)
        self.missing = missing
        self.asked: list[str] = []
        self.reels: list[Reel] = []

    def _chosen(self, spec: str, wanted: Format | None) -> Reel:
        self.asked.append(spec)
        if spec in self.missing:
            raise SourceUnavailable("none is plugged in. Run:\nmodprobe vivid")
        self.reels.append(Reel(1_000_000, live=True))
        return self.reels[-1]


def prepare(persona: Persona, mode: Mode, report: Report, **_: object) -> PreparedPersona:
    """Prepare anybody but walter at once."""
    report(0.5, "sewing")
    if persona.name == "walter":
        raise PersonaError("his photo is damaged")
    return worn(Mask(), persona.name, mode)


def make_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what is made up in its place."""
    monkeypatch.setattr(controller, "LivePipeline", partial(live.LivePipeline, track=lambda _: Truth()))
    monkeypatch.setattr(service, "PreparedPersonas", partial(PreparedPersonas, prepare=prepare))
