"""``visard enrol``: who the driver is."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.config.settings import CONTROL

if TYPE_CHECKING:
    from visard.daemon.api.client import Client
    from visard.daemon.config.enrolment import EnrolmentFile


def _checked(_ctx: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path and re.search(CONTROL, str(path)):
        raise click.BadParameter(f"{str(path)!r} holds control characters; write it without them")
    return path


@click.command("enrol")
@click.option(
    "--from",
    "source",
    metavar="CLIP|PHOTO",
    type=click.Path(path_type=Path),
    callback=_checked,
    help="Learn it from a file instead of the camera; works without a daemon too.",
)
@click.option("--forget", is_flag=True, help="Forget what you look like.")
@common
@pass_output
def command(output: Output, source: Path | None, forget: bool) -> None:
    """Learn what you look like, in a second or two: look straight ahead, then turn your head a little.

    Then nobody else is given the persona. What is kept are numbers, never a picture.
    """
    from visard.daemon.config.enrolment import FILE, EnrolmentFile
    from visard.daemon.config.paths import config

    if forget and source:
        raise click.UsageError("--forget takes no --from")
    kept = EnrolmentFile(config() / FILE)
    if forget:
        _forget(kept)
        output.result({"enrolled": False}, "forgotten; every face is treated alike again")
    else:
        _enrol(output, kept, source)
        output.result({"enrolled": True}, "enrolled; nobody else is given the persona")


def _forget(kept: "EnrolmentFile") -> None:
    """Have the daemon do it, so that it follows; without one do it here."""
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonAbsent

    try:
        with Client() as daemon:
            daemon.forget_enrolment()
    except DaemonAbsent:
        kept.forget()


def _enrol(output: Output, kept: "EnrolmentFile", source: Path | None) -> None:
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonAbsent

    say = _Steps(output, shown=source is None)
    try:
        with Client() as daemon:
            _watch(daemon, source, say)
            return
    except DaemonAbsent:
        if source is None:
            raise
    from visard.daemon.pipeline.enrol import enrol, pictures_of

    kept.save(enrol(pictures_of(source), say))


def _watch(daemon: "Client", source: Path | None, say: "_Steps") -> None:
    """Have the daemon do it and tell how it goes. Raises EnrolmentError."""
    from visard.daemon.api.schema import Job
    from visard.daemon.errors import DaemonError, EnrolmentError

    with daemon.events() as events:
        number = daemon.enrol(source).id
        for event in events:
            jobs = [event.data] if event.event == "progress" else event.data.get("jobs", ())
            for job in (job for job in map(Job.model_validate, jobs) if job.id == number):
                if job.error:
                    raise EnrolmentError(job.error)
                if job.done:
                    return
                say(job.progress or 0.0, job.step)
    raise DaemonError("the daemon ended before it had learned what you look like")


class _Steps:
    """Says each thing to do once, on stderr; ``shown``: somebody is there to do it."""

    def __init__(self, output: Output, *, shown: bool) -> None:
        self._output = output
        self._shown = shown
        self._said = ""

    def __call__(self, _share: float, step: str) -> None:
        if self._shown and step and step != self._said:
            self._said = step
            self._output.note(f"{step} ...")
