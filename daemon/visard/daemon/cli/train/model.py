"""``visard train new``, ``run``, ``export`` and ``trainings``: face models."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.models.train.dataset import FaceSource
    from visard.models.train.events import Event
    from visard.models.train.project import Project

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_option = click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an option of training; repeat for more.",
)


@click.command("new")
@click.argument("name")
@click.option("--persona", "src", required=True, type=_FOLDER, help="Faces of who is to be seen.")
@click.option("--driver", "dst", required=True, type=_FOLDER, help="Faces of who is in front of the camera.")
@click.option("--preset", default="quick", show_default=True, help="Options to begin with.")
@_option
@common
@pass_output
def new(output: Output, name: str, src: Path, dst: Path, preset: str, options: tuple[str, ...]) -> None:
    """Begin the training of a face model."""
    from visard.models.train import presets, project

    made = project.create(_place(name), src, dst, presets.preset(preset, _values(options)))
    output.result(_summary(made), f"begun in {made.folder}; train it with: visard train run {name}")


@click.command("run")
@click.argument("name")
@_option
@click.option("--classic", is_flag=True, help="Go on from pairs with two sets that are no pairs.")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), help="Where to compute; else the best there is."
)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Processes that read faces."
)
@common
@pass_output
def run(
    output: Output, name: str, options: tuple[str, ...], classic: bool, device: str | None, workers: int
) -> None:
    """Train until the target, or Ctrl-C; it goes on where it stopped. With torchrun on several devices."""
    import signal

    from visard.models.train import presets, project

    project.needs_torch()
    from visard.models.train.trainer import Schedule

    training = project.read(_place(name))
    changes = (dict(presets.CLASSIC) if classic else {}) | _values(options)
    training = training.changed(changes) if changes else training
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: asked.append(got))
    done = project.run(
        training, (_faces(training.src), _faces(training.dst)), schedule=Schedule(workers=workers),
        tell=lambda event: _say(output, event), stop=lambda: bool(asked), device=device,
    )  # fmt: skip
    output.result({"step": done}, f"{done} steps are done; export it with: visard train export {name}")


@click.command("export")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--half", is_flag=True, help="Half the size: weights in half precision.")
@common
@pass_output
def export(output: Output, name: str, path: Path, half: bool) -> None:
    """Write what was trained as a .dfm file, which DeepFaceLive reads as well."""
    from visard.models.train import project

    done = project.export_newest(project.read(_place(name)), path, half=half)
    output.result(
        {"path": str(done.path), "bytes": done.bytes, "most": done.most, "mean": done.mean},
        f"{done.path}: {done.bytes / 1e6:.1f} MB; wear it with: visard personas add {done.path}",
    )


@click.command("trainings")
@click.argument("name", required=False)
@common
@pass_output
def trainings(output: Output, name: str | None) -> None:
    """List face models in training, or show one with its options."""
    from visard.daemon.config import paths
    from visard.models.train import project

    if name:
        one = project.read(_place(name))
        lines = [f"{key:16} {value}" for key, value in one.options.model_dump(mode="json").items()]
        head = f"{one.folder}\npersona {one.src}\ndriver  {one.dst}\n{one.steps} steps"
        output.result(_summary(one), "\n".join([head, *lines]))
        return
    found = project.every(paths.data() / "training")
    rows = [
        f"{each.folder.name}: {each.options.archi} {each.options.resolution}, step {each.steps}"
        for each in found
    ]
    output.result(list(map(_summary, found)), "\n".join(rows) or "no face model is in training")


def _place(name: str) -> Path:
    from visard.daemon.config import paths

    if not name.isprintable() or name != Path(name).name or name.startswith("."):
        raise click.BadParameter(f"{name!r} cannot be the name of a folder", param_hint="NAME")
    return paths.data() / "training" / name


def _faces(folder: Path) -> "FaceSource":
    from visard.models.train.faces.face_set import FaceSet

    return FaceSet(folder)


def _values(options: tuple[str, ...]) -> dict[str, Any]:
    pairs = [each.partition("=") for each in options]
    for key, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="--option")
    return {key: None if value == "none" and key == "gan_patch_size" else value for key, _, value in pairs}


def _summary(training: "Project") -> dict[str, Any]:
    return {
        "folder": str(training.folder),
        "src": str(training.src),
        "dst": str(training.dst),
        "step": training.steps,
        "options": training.options.model_dump(mode="json"),
    }


def _say(output: Output, event: "Event") -> None:
    from visard.models.train.events import Previewed, Resumed, Saved, Stepped, Trouble

    if isinstance(event, Stepped) and event.step % 10 == 0:
        losses = " ".join(f"{name} {loss:.3f}" for name, loss in event.losses.items())
        output.note(f"step {event.step}: {losses}, {event.rate:.2f} it/s, {event.left / 3600:.1f} h left")
    elif isinstance(event, Resumed):
        output.note(f"goes on from step {event.step}")
    elif isinstance(event, Trouble):
        output.note(event.text)
    elif isinstance(event, Saved | Previewed) and output.verbose:
        output.note(event.path)
