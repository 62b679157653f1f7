"""From the running parts to the Status that clients see; looks, and changes nothing."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from zlib import crc32

import psutil

from visard.daemon.api import schema
from visard.daemon.api.engines import CandidateInfo, EngineInfo
from visard.daemon.api.schema import (
    CameraState,
    Faces,
    GuardStatus,
    Job,
    PersonaInfo,
    Problem,
    State,
    Status,
    Tuning,
)
from visard.daemon.config.file import Config
from visard.daemon.diagnostics import engine_report
from visard.daemon.personas.prepare import FAST
from visard.daemon.pipeline import tuning
from visard.daemon.pipeline.capture import Presence
from visard.daemon.pipeline.recipe import Recipe, Switches
from visard.daemon.pipeline.stats import PipelineStatus, Snapshot
from visard.daemon.service.controller import Controller
from visard.daemon.service.live import LivePipeline
from visard.daemon.service.prepared import Key, PreparedPersonas
from visard.daemon.sources._select import SourceSelector

PREPARING = 0
"""The number of the job that prepares what somebody waits for."""
_STATES = {
    Presence.here: CameraState.ok,
    Presence.opening: CameraState.opening,
    Presence.resting: CameraState.asleep,
    Presence.lost: CameraState.missing,
}


def status(
    controller: Controller,
    prepared: PreparedPersonas,
    jobs: Sequence[Job],
    personas: Sequence[PersonaInfo],
    config: Config,
    tunings: Sequence[Tuning],
) -> Status:
    """Return the whole snapshot."""
    live, recipe, switches = controller.live, controller.recipe, controller.switches
    wanted, demand = controller.wanted, controller.idle.demand
    running, working = live.pipeline.status(), engine_report.serving()
    told = (
        *controller.troubles.values(),
        *demotions(working),
        *slow(recipe, running.stats),
        *upside_down(running, switches.settings.rotate, foreground=demand.foreground),
    )
    found = problems(live, controller.selector, told)
    return Status(
        version=version(),
        pid=os.getpid(),
        state=state(recipe, switches, live, found, running.stats.frames),
        persona=recipe.name,
        processor=recipe.persona.processor if recipe.persona else None,
        wanted=wanted[0] if wanted else None,
        mode=recipe.persona.mode if recipe.persona else config.mode,
        paused=switches.paused,
        revealed=switches.shown,
        weak=switches.shown and not switches.reveal,
        enrolled=switches.enrolled is not None,
        watched=demand.watched,
        guard=guard(running, still=live.capture.gone),
        camera=camera(config.camera, live, controller.selector),
        output=output(live, demand.readers),
        personas=tuple(personas),
        engines=working,
        jobs=(*preparing(wanted, prepared), *compiling(working), *jobs),
        tunings=tuple(tunings),
        cannot_tune=tuning.lacking(),
        problems=found,
        numbers=numbers(running.stats, running.drops, still=live.capture.gone),
        reference=running.reference,
        seeking=running.seeking,
        settings=config,
    )


def guard(running: PipelineStatus, *, still: bool) -> GuardStatus:
    """Return what the guard decided; ``still``: no camera is on, so no face is in view."""
    faces = Faces() if still else Faces(**asdict(running.stats.faces_now))
    return GuardStatus(verdict=running.verdict, why=running.why, faces=faces)


@lru_cache
def version() -> str:
    """Return the installed version."""
    from importlib.metadata import version as installed

    return installed("visard")


def camera(spec: str, live: LivePipeline, selector: SourceSelector) -> schema.CameraStatus:
    """Describe where pictures come from."""
    here = live.capture.presence is Presence.here
    return schema.CameraStatus(
        spec=spec,
        name=selector.name if here else None,
        state=_STATES[live.capture.presence],
        message=live.capture.why if live.capture.presence is Presence.lost else "",
        demo=here and selector.demo,
    )


def output(live: LivePipeline, watchers: int | None) -> schema.OutputStatus:
    """Describe where pictures go."""
    return schema.OutputStatus(
        where=live.where,
        ok=live.where is not None,
        message=live.trouble,
        width=live.format.width,
        height=live.format.height,
        fps=live.format.fps,
        watchers=watchers,
    )


def problems(live: LivePipeline, selector: SourceSelector, others: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return what needs the person, the most important first."""
    found = list(others)
    if live.trouble:
        message, _, fix = live.trouble.partition(" Run: ")
        found.append(Problem(code="no-output", message=message, fix=fix or None, blocking=live.where is None))
    if live.capture.presence is Presence.lost:
        found.append(Problem(code="camera-missing", message=live.capture.why))
    elif live.capture.presence is Presence.here and selector.demo:
        text = "there is no camera, so the demo driver plays instead; plug one in"
        found.append(Problem(code="no-camera", message=text, blocking=False))
    return tuple(found)


def preparing(wanted: Key | None, prepared: PreparedPersonas) -> tuple[Job, ...]:
    """Return the persona that somebody waits for as a job; those prepared ahead are nobody's business."""
    if wanted is None:
        return ()
    mine = prepared.preparing == wanted
    return (
        Job(
            id=PREPARING,
            title=f"preparing {wanted[0]}",
            step=prepared.step if mine else "",
            persona=wanted[0],
            progress=prepared.progress if mine else 0.0,
        ),
    )


def compiling(engines: Sequence[EngineInfo]) -> tuple[Job, ...]:
    """Return the better engines that are being compiled as jobs; their numbers are below those of others."""
    return tuple(
        Job(
            id=-1 - crc32(engine.model.encode()) % 2**31,
            title=f"compiling {engine.model}",
            progress=engine.building.done,
        )
        for engine in engines
        if engine.building
    )


def demotions(engines: Sequence[EngineInfo]) -> tuple[Problem, ...]:
    """Return what runs on another engine than the fastest that should have worked, and why."""
    failed = [_demotion(engine) for engine in engines if engine.failed()]
    texts = dict.fromkeys(warning for engine in engines for warning in engine.warnings)
    return *failed, *(Problem(code="engine-not-kept", message=text, blocking=False) for text in texts)


def slow(recipe: Recipe, taken: Snapshot) -> tuple[Problem, ...]:
    """Return that the processor takes too long for this machine, where it does."""
    spent = max((taken.steps[step].p50 for step in ("swap", "animate") if step in taken.steps), default=0.0)
    if recipe.persona is None or spent <= 1000 / FAST:
        return ()
    text = (
        f"{recipe.persona.processor} takes {spent:.0f} ms a picture on this computer, so about "
        f"{1000 / spent:.0f} come a second; another processor or a smaller model is faster"
    )
    return (Problem(code="slow-processor", message=text, blocking=False),)


def upside_down(running: PipelineStatus, rotate: int, *, foreground: bool) -> tuple[Problem, ...]:
    """Return that the camera hangs upside down, where it does, and the command that turns its picture."""
    if not running.upside_down:
        return ()
    turn = (rotate + 180) % 360
    fix = f"visard run --rotate {turn}" if foreground else f"visard settings set rotate {turn}"
    text = "the camera's picture is upside down"
    return (Problem(code="camera-upside-down", message=text, fix=fix, blocking=False),)


def _demotion(engine: EngineInfo) -> Problem:
    failed = engine.failed()
    lost = any(each.state == "lost" for each in failed)
    why = "; ".join(f"{_way(each)}: {each.reason or each.state}" for each in failed)
    return Problem(
        code="device-lost" if lost else "engine-demoted",
        message=f"{engine.model} runs on {_way(engine) or 'nothing'}, since better ones failed: {why}",
        fix=None if lost else "visard engines check",
        blocking=False,
    )


def _way(which: EngineInfo | CandidateInfo) -> str:
    return f"{which.backend} {which.device} {which.precision}".strip()


def state(
    recipe: Recipe, switches: Switches, live: LivePipeline, troubles: Sequence[Problem], frames: int
) -> State:
    """Return how it is at a glance; ``frames`` came since the start."""
    told = (
        (switches.shown, State.revealed),
        (any(problem.blocking for problem in troubles), State.problem),
        (switches.paused, State.paused),
        (live.capture.presence is Presence.resting, State.sleeping),
        (recipe.persona is None or live.capture.gone or not frames, State.starting),
    )
    return next((value for true, value in told if true), State.live)


def numbers(taken: Snapshot, drops: int, *, still: bool) -> schema.Numbers:
    """Return what was measured; ``still``: no camera is on."""
    facts = asdict(taken) | ({"fps": 0.0} if still else {})
    return schema.Numbers(**facts, drops=drops, memory_mb=round(_memory() / 2**20, 1))


def _memory() -> int:
    return int(psutil.Process(os.getpid()).memory_info().rss)
