"""``visard personas tune``: likeness that is learned, for one driver or for everybody."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.output import Output, common, pass_output
from visard.daemon.cli.persona_output import facts, through_daemon
from visard.daemon.cli.photo_arguments import FILE, written
from visard.daemon.config import paths
from visard.daemon.personas.library import Library
from visard.daemon.personas.record import Persona

if TYPE_CHECKING:
    from visard.daemon.pipeline.tuning import Drivers
    from visard.models.processor import Report
    from visard.models.train.tune.tuner import Outcome

CAMERA = "camera"
_MINUTES = 3.0


@click.command()
@click.argument("name")
@click.option(
    "--driver",
    metavar="CLIP|camera",
    help="Tune it for one driver: a clip of a minute, or what the camera sees now.  [default: for everybody]",
)
@click.option(
    "--minutes", type=click.FloatRange(0.5, 60), default=_MINUTES, show_default=True, help="How long at most."
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

    A driver's clip never leaves this machine, and is not copied. Ctrl-C leaves the persona as it was.
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
    with output.working(f"tuning {persona.name}") as report:
        outcome = _tuned(persona, driver, keep_driver, minutes, report)
        picture = written(outcome.picture, out or paths.cache() / f"tuned-{persona.name}.png")
    if outcome.correction is not None:
        library.keep_correction(persona.name, outcome.correction)
        _put(library, persona.name, True)
    _tell_outcome(output, library, persona.name, outcome, picture)


def _tuned(
    persona: Persona, driver: str | None, keep: Path | None, minutes: float, report: "Report"
) -> "Outcome":
    from visard.daemon.pipeline.tuning import check, everybody, tune

    check(persona)

    def looking(share: float, text: str) -> None:
        report(0.15 * share, text)

    drivers = everybody(looking) if driver is None else _one(driver, keep, looking)
    return tune(persona, drivers, lambda share, text: report(0.15 + 0.85 * share, text), minutes=minutes)


def _one(driver: str, keep: Path | None, report: "Report") -> "Drivers":
    """Return frames of a clip, or of what the camera sees, which is recorded and deleted."""
    from visard.daemon.media.video import VideoReader
    from visard.daemon.pipeline.tuning import Driver, followed

    with _clip(driver, keep, report) as path, VideoReader(path) as reader:
        seconds = reader.length / reader.format.fps if reader.length else None
        name = "you" if driver == CAMERA else path.name
        return followed(Driver(name, reader, seconds), report)


@contextmanager
def _clip(driver: str, keep: Path | None, report: "Report") -> Iterator[Path]:
    if driver != CAMERA:
        yield Path(driver).expanduser()
        return
    from visard.daemon.config.file import ConfigFile
    from visard.daemon.pipeline.tuning import record

    with tempfile.TemporaryDirectory(dir=paths.cache()) as folder:
        path = keep or Path(folder) / "driver.mp4"
        record(ConfigFile(paths.config() / "config.toml").config.camera, path, report)
        yield path


def _put(library: Library, name: str, on: bool) -> None:
    through_daemon(lambda daemon: daemon.put_tuned(name, on), lambda: library.put_tuned(name, on))


def _tell(output: Output, library: Library, name: str, text: str, **more: Any) -> None:
    output.result({**facts(library.get(name)), **more}, text)


def _tell_outcome(output: Output, library: Library, name: str, outcome: "Outcome", picture: Path) -> None:
    from dataclasses import asdict

    verdict = outcome.verdict
    before, after = verdict.before, verdict.after
    likeness = f"likeness {before.persona:.2f} -> {after.persona:.2f}, driver {before.driver:.2f} -> "
    likeness += f"{after.driver:.2f}"
    if verdict.refused is None:
        text = f"{name} is tuned: {likeness}\nback to the old look with: visard personas tune {name} --undo"
    else:
        text = f"{name} stays as it was: {verdict.refused} ({likeness})"
    scores = {"before": asdict(before), "after": asdict(after), "refused": verdict.refused}
    text += f"\nbefore and after: {picture}"
    _tell(output, library, name, text, tuning=scores, comparison=str(picture))
