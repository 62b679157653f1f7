"""A status of the daemon for tests that need one, of any kind."""

from typing import Any

from visard.daemon.api.schema import (
    CameraStatus,
    Faces,
    GuardStatus,
    Numbers,
    OutputStatus,
    PersonaInfo,
    Spread,
    State,
    Status,
)
from visard.daemon.config.file import Config
from visard.daemon.config.settings import Mode

NAMES = ("clara", "hanna", "marco", "nico", "robin", "walter")


def status(state: State = State.live, **changes: Any) -> Status:
    """Return a status in which clara is worn, with ``changes`` applied."""
    settings = changes.pop("settings", Config())
    facts: dict[str, Any] = {
        "version": "0.1.0",
        "pid": 7,
        "state": state,
        "persona": "clara",
        "mode": Mode.swap,
        "paused": state is State.paused,
        "revealed": state is State.revealed,
        "watched": True,
        "guard": GuardStatus(verdict="frame", faces=Faces(swapped=1)),
        "camera": CameraStatus(spec="auto", name="HD Webcam", state="ok"),  # type: ignore[arg-type]
        "output": OutputStatus(where="/dev/video10", ok=True, width=1280, height=720, fps=30),
        "personas": tuple(PersonaInfo(name=name, title=name.title(), ready=True) for name in NAMES),
        "numbers": Numbers(
            fps=30, latency_ms=Spread(p50=11, p99=15), steps={}, frames=1, drops=0, verdicts={},
            reasons={}, errors={}, memory_mb=300,
        ),
        "settings": settings,
    }  # fmt: skip
    return Status(**{**facts, **changes})
