"""``visard personas tune``: likeness that is learned, for one driver or for everybody."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.api.requests import TuneRequest
from visard.daemon.api.schema import Job, Likeness, Tuning
from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.cli.persona_output import facts, through_daemon
from visard.daemon.cli.photo_arguments import FILE, written
from visard.daemon.config import paths
from visard.daemon.errors import DaemonAbsent, DaemonError, TuningError, VisardError
from visard.daemon.personas.library import Library
from visard.daemon.personas.record import Persona

if TYPE_CHECKING:
    from visard.daemon.api.client import Client
    from visard.daemon.pipeline.tuning import Drivers
    from visard.models.processor import Report

CAMERA = "camera"
MINUTES = 3.0


@click.command()
@click.argument("name")
@click.option(
    "--driver",
    metavar="CLIP|camera",
    help="Tune it for one driver: a clip of a minute, or what the camera sees now.  [default: for everybody]",
)
@click.option(
    "--minutes", type=click.FloatRange(0.5, 60), default=MINUTES, show_default=True, help="How long at most."
)
@click.option(
    "--keep-driver", type=FILE, metavar="FILE", help="Keep what the camera saw; else it is deleted."
)
@click.option("--out", type=FILE, help="Where to write the picture of before and after.")
@click.option("--undo", is_flag=True, help="Put the look as it was before on again.")
@click.option("--redo", is_flag=True, help="Put the tuned look on again.")
@common
@pass_output
def tune(
    output: Output,
    name: str,
    driver: str | None,
    minutes: float,
    keep_driver: Path | None,
    out: Path | None,
    undo: bool,
    redo: bool,
) -> None:
    """Learn how a persona is recognised better on others: minutes now, nothing in a call.

    What the driver looks like never leaves this machine, and what the camera sees is no file unless it is
    to be kept. Ctrl-C leaves the persona as it was.
    """
    if undo and redo:
        raise click.UsageError("--undo and --redo are opposites; say one of them")
    if keep_driver and driver != CAMERA:
        raise click.UsageError("--keep-driver is for what the camera sees; say --driver camera as well")
    library = Library()
    persona = library.get(name)
    if undo or redo:
        _put(library, persona.name, redo)
        _tell(output, library, persona.name, f"{persona.name} looks as {'tuned' if redo else 'before'}")
        return
    wanted = Wanted(driver, minutes, keep_driver, out or paths.cache() / f"tuned-{persona.name}.png")
    tune_persona(output, library, persona, wanted)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a persona is to be tuned."""

    driver: str | None
    minutes: float
    keep: Path | None
    picture: Path
    """Where before and after is written."""

    @classmethod
    def usual(cls, name: str) -> "Wanted":
        """For everybody, as without any options."""
        return cls(None, MINUTES, None, paths.cache() / f"tuned-{name}.png")


def tune_persona(output: Output, library: Library, persona: Persona, wanted: Wanted) -> None:
    """Tune a persona, and say what came of it: in the daemon, which has the camera, or without one here."""
    from visard.daemon.pipeline.tuning import check

    check(persona)
    with output.working(f"tuning {persona.name}") as report:
        if wanted.driver in (None, CAMERA):
            try:
                made = _by_daemon(persona.name, wanted, report)
            except DaemonAbsent:
                made = _here(library, persona, wanted, report)
        else:
            made = _here(library, persona, wanted, report)
    _tell_tuned(output, library, persona.name, made, wanted.picture)


def _by_daemon(name: str, wanted: Wanted, report: "Report") -> Tuning:
    """Have the daemon do it and tell how far it is; giving it up here gives it up there."""
    from visard.daemon.api.client import Client

    with Client() as daemon:
        body = TuneRequest(
            driver="camera" if wanted.driver else "everybody",
            minutes=wanted.minutes,
            keep_clip=wanted.keep is not None,
        )
        job = daemon.tune_persona(name, body).id
        try:
            _follow(daemon, job, report)
        except BaseException:
            with suppress(VisardError):
                daemon.cancel(job)
            raise
        made = daemon.tuning(name)
        wanted.picture.write_bytes(daemon.tuning_comparison(name))
    if made.clip and wanted.keep:
        shutil.move(made.clip, wanted.keep)
    return made


def _follow(daemon: "Client", number: int, report: "Report") -> None:
    with daemon.events() as events:
        for event in events:
            jobs = [event.data] if event.event == "progress" else event.data.get("jobs", ())
            for job in (job for job in map(Job.model_validate, jobs) if job.id == number):
                if job.error:
                    raise TuningError(job.error)
                if job.done:
                    return
                left = "" if job.seconds_left is None else f", {job.seconds_left} s left"
                report(job.progress or 0.0, job.step + left)
    raise DaemonError("the daemon ended before the persona was tuned; it is as it was")


def _here(library: Library, persona: Persona, wanted: Wanted, report: "Report") -> Tuning:
    from dataclasses import asdict

    from visard.daemon.pipeline.tuning import alone, everybody, tune

    def looking(share: float, text: str) -> None:
        report(0.3 * share, text)

    def learning(share: float, text: str) -> None:
        report(0.3 + 0.7 * share, text)

    with alone() as folder:
        drivers = _one(wanted, folder, looking) if wanted.driver else everybody(looking)
        outcome = tune(persona, drivers, learning, minutes=wanted.minutes)
        written(outcome.picture, wanted.picture)
        if outcome.correction is not None:
            library.keep_correction(persona.name, outcome.correction)
            _put(library, persona.name, True)
    verdict = outcome.verdict
    scores = {when: Likeness(**asdict(getattr(verdict, when))) for when in ("before", "after")}
    return Tuning(
        persona=persona.name, job=0, driver=wanted.driver or "everybody", over=True, comparison=True,
        refused=verdict.refused, **scores,
    )  # fmt: skip


def _one(wanted: Wanted, folder: Path, report: "Report") -> "Drivers":
    """Return frames of a clip, or of what the camera sees, which is no file unless it is to be kept."""
    from visard.daemon.config.file import ConfigFile
    from visard.daemon.media.video import VideoReader
    from visard.daemon.pipeline.tuning import Driver, camera, camera_driver, followed, kept

    if wanted.driver != CAMERA:
        path = Path(wanted.driver or "").expanduser()
        with VideoReader(path) as reader:
            seconds = reader.length / reader.format.fps if reader.length else None
            return followed(Driver(path.name, reader, seconds), report)
    pictures, clip = camera(ConfigFile(paths.config() / "config.toml").config.camera), folder / "driver.mp4"
    found = followed(camera_driver(kept(pictures, clip) if wanted.keep else pictures), report)
    if wanted.keep:
        shutil.move(clip, wanted.keep)
    return found


def _put(library: Library, name: str, on: bool) -> None:
    through_daemon(lambda daemon: daemon.put_tuned(name, on), lambda: library.put_tuned(name, on))


def _tell(output: Output, library: Library, name: str, text: str, **more: Any) -> None:
    output.result({**facts(library.get(name)), **more}, text)


def _tell_tuned(output: Output, library: Library, name: str, made: Tuning, picture: Path) -> None:
    before, after = made.before, made.after
    assert before is not None
    assert after is not None
    likeness = f"likeness {before.persona:.2f} -> {after.persona:.2f}, driver {before.driver:.2f} -> "
    likeness += f"{after.driver:.2f}"
    if made.refused is None:
        text = f"{name} is tuned: {likeness}\nback to the old look with: visard personas tune {name} --undo"
    else:
        text = f"{name} stays as it was: {made.refused} ({likeness})"
    text += f"\nbefore and after: {picture}"
    scores = made.model_dump(include={"before", "after", "refused"})
    _tell(output, library, name, text, tuning=scores, comparison=str(picture))
