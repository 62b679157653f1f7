"""``visard status`` and ``visard events``: how a running daemon is, in words for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.engines import EngineInfo
    from visard.daemon.api.schema import Event, Status

_STATES = {
    "revealed": "YOUR REAL FACE IS SHOWN",
    "problem": "problem",
    "paused": "paused",
    "sleeping": "sleeping until somebody watches",
    "starting": "starting",
    "live": "live",
}


@click.command("status")
@common
@pass_output
def status(output: Output) -> None:
    """Tell how the running daemon is."""
    from visard.daemon.api.client import Client

    with Client() as daemon:
        now = daemon.status()
    output.result(now.model_dump(mode="json"), overview(now))


@click.command("events")
@common
@pass_output
def events(output: Output) -> None:
    """Tell what happens, line by line, until the daemon ends; with --json one object a line."""
    from visard.daemon.api.client import Client

    with Client() as daemon, daemon.events() as stream:
        for event in stream:
            click.echo(event.model_dump_json() if output.json else _event(event))


def who(status: "Status") -> str:
    """Say who is on, in one line."""
    if status.revealed:
        return "your real face is shown; hide it with: visard reveal --off"
    if status.wanted and status.wanted != status.persona:
        return f"{status.wanted} is being prepared and takes over when it is ready"
    return f"{status.persona or 'nobody'} is on" + (", paused" if status.paused else "")


def overview(status: "Status") -> str:
    """Say everything that matters, in a few lines."""
    return "\n".join(f"{name:<9} {text}".rstrip() for name, text in _lines(status))


def engines(working: "Sequence[EngineInfo]") -> str:
    """Say in a line what networks run on."""
    ways = Counter(f"{each.backend} {each.device} {each.precision}" for each in working if each.backend)
    serving = ", ".join(f"{way} ({count} network{'s' * (count > 1)})" for way, count in ways.items())
    going = [each.building for each in working if each.building]
    left = max((each.left for each in going if each.left is not None), default=None)
    wait = "" if left is None else f", {left:.0f} s left"
    return serving + (f"; {len(going)} faster in the making{wait}" if going else "")


def _lines(status: "Status") -> Iterator[tuple[str, str]]:
    seen, numbers = status.output, status.numbers
    yield "state", _STATES[status.state]
    with_ = f", {status.processor}" if status.processor else ""
    yield "persona", f"{status.persona or 'none'} ({status.mode}{with_})"
    if status.wanted:
        yield "", f"{status.wanted} is being prepared"
    if status.enrolled:
        yield "driver", "enrolled"
    yield "camera", status.camera.name or f"{status.camera.state} {status.camera.message}"
    yield "faces", status.guard.faces.words()
    yield "", f"{numbers.faces.words(zeros=True)} since the start"
    yield "output", f"{seen.where or seen.message}, {seen.width}x{seen.height} at {seen.fps:g}"
    if seen.watchers is not None:
        yield "", f"{seen.watchers} watching"
    spread = numbers.latency_ms
    yield "speed", f"{numbers.fps:.1f} frames a second, {spread.p50:.0f} ms late (1 % over {spread.p99:.0f})"
    if status.engines:
        yield "engines", engines(status.engines)
    for job in status.jobs:
        share = "" if job.progress is None or job.done else f" {job.progress:.0%}"
        step = f": {job.step}" if job.step and not job.done else ""
        yield (
            "job",
            job.title + step + share + (f": {job.error}" if job.error else ", done" if job.done else ""),
        )
    for problem in status.problems:
        yield "problem" if problem.blocking else "note", problem.message
        if problem.fix:
            yield "", problem.fix


def _event(event: "Event") -> str:
    from visard.daemon.api.schema import Job, Problem, Status

    if event.event == "status":
        status = Status.model_validate(event.data)
        return f"{status.state:<9} {who(status)}"
    if event.event == "progress":
        job = Job.model_validate(event.data)
        share = "" if job.progress is None else f" {job.progress:.0%}"
        step = f": {job.step}" if job.step else ""
        return f"job       {job.title}{step}{share}{f': {job.error}' if job.error else ''}"
    problem = Problem.model_validate(event.data)
    return f"problem   {problem.message}"
