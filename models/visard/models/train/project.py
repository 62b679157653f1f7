"""A training on the disk: its sets of faces and options, and what belongs to it. Needs no PyTorch to read.

A folder holds ``training.json``, ``checkpoints``, ``previews``, ``progress.jsonl`` and ``tensorboard``.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from visard.engines.cache import files
from visard.models.train.errors import CheckpointUnusable, OptionsRefused, TrainingError, TrainingUnknown
from visard.models.train.events import Journal, Trouble
from visard.models.train.options import TrainOptions, change
from visard.models.train.running import alone
from visard.models.train.sets import open_sets

if TYPE_CHECKING:
    from visard.models.train.events import Tell
    from visard.models.train.export import Exported
    from visard.models.train.trainer import Schedule

_FILE = "training.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    src: Path
    dst: Path
    options: TrainOptions
    preset: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A training that was begun."""

    folder: Path
    src: Path
    """The persona's faces."""
    dst: Path
    """The driver's."""
    options: TrainOptions
    preset: str = ""
    """What it began with; empty: not known."""

    @property
    def journal(self) -> Path:
        """Return the record of events."""
        return self.folder / "progress.jsonl"

    @property
    def newest_preview(self) -> Path:
        """Return where the newest preview is, once there is one."""
        return self.folder / "previews" / "latest.png"

    @property
    def steps(self) -> int:
        """How many steps the newest checkpoint has; 0 without one."""
        names = [path.stem.removeprefix("step-") for path in (self.folder / "checkpoints").glob("step-*.pt")]
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def changed(
        self, changes: Mapping[str, Any], src: Path | None = None, dst: Path | None = None
    ) -> "Project":
        """Keep other options, and other faces from now on.

        Raises OptionsRefused for options that cannot change any more, and as ``open_sets`` does; OSError.
        """
        options = change(self.options, **changes)
        sets = (src or self.src).absolute(), (dst or self.dst).absolute()
        open_sets(*sets, options)
        return _written(replace(self, src=sets[0], dst=sets[1], options=options))


def create(folder: Path, src: Path, dst: Path, options: TrainOptions, preset: str = "") -> Project:
    """Begin a training. Raises as ``check_new`` and ``open_sets`` do, and OSError."""
    check_new(folder)
    open_sets(src, dst, options)
    folder.mkdir(parents=True, exist_ok=True)
    return _written(Project(folder, src.absolute(), dst.absolute(), options, preset))


def check_new(folder: Path) -> None:
    """Raise OptionsRefused where there is a training already."""
    if (folder / _FILE).exists():
        raise OptionsRefused(f"there is a training in {folder} already; go on with it, or take another name")


def read(folder: Path) -> Project:
    """Return a training. Raises TrainingError when there is none, or it cannot be understood."""
    try:
        record = _Record.model_validate_json((folder / _FILE).read_bytes())
    except FileNotFoundError:
        raise TrainingUnknown(
            f"there is no training in {folder}; begin one with 'visard train new {folder.name}'"
        ) from None
    except (OSError, ValidationError) as error:
        raise TrainingError(f"{folder / _FILE} cannot be read: {error}") from error
    return Project(folder, record.src, record.dst, record.options, record.preset)


def every(parent: Path) -> list[Project]:
    """Return all trainings of a folder that can be read."""
    found = []
    for path in sorted(parent.glob(f"*/{_FILE}")):
        with suppress(TrainingError):
            found.append(read(path.parent))
    return found


def run(
    project: Project,
    *,
    schedule: "Schedule | None" = None,
    tell: "Tell | None" = None,
    stop: Callable[[], bool] = lambda: False,
    device: str | None = None,
) -> int:
    """Train a project to its target or till ``stop``; return the steps done.

    Raises TrainingError, and FaceSetError for faces that are gone.

    Started by torchrun, this process takes its part.
    """
    needs_torch()
    from visard.models.train.distributed import joined
    from visard.models.train.trainer import Trainer

    faces = open_sets(project.src, project.dst, project.options)
    with joined(device) as group, nullcontext() if group.rank else alone(project.folder):
        trainer = Trainer(project.folder, project.options, faces, group, schedule=schedule, tell=tell)
        try:
            return trainer.run(stop)
        except TrainingError as error:
            if not group.rank:  # whoever looks at it later has not seen what is raised
                Journal(project.journal)(Trouble(trainer.step, str(error)))
            raise


def export_newest(project: Project, path: Path, *, half: bool = False) -> "Exported":
    """Write the averaged weights of the newest checkpoint as a ``.dfm``. Raises TrainingError, OSError."""
    needs_torch()
    from visard.models.train import checkpoint
    from visard.models.train.export import export
    from visard.models.train.networks import build

    found = checkpoint.load(project.folder / "checkpoints")
    if found is None:
        raise CheckpointUnusable(f"nothing has been trained in {project.folder} yet")
    options = TrainOptions.model_validate(found.content["options"])
    network = build(options)
    try:
        network.load_state_dict(found.content["average"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointUnusable(f"the checkpoint of step {found.step} is another network's") from error
    return export(network, options, path, half=half)


def needs_torch() -> None:
    """Raise TrainingError unless PyTorch is installed."""
    if find_spec("torch") is None:
        raise TrainingError("training needs PyTorch, which is not installed: pip install 'visard[train]'")


def _written(project: Project) -> Project:
    record = _Record(src=project.src, dst=project.dst, options=project.options, preset=project.preset)
    with files.replacing(project.folder / _FILE) as file:
        file.write(record.model_dump_json(indent=2).encode())
    return project
