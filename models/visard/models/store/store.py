"""The models of this user: fetched or imported, and checked before anything sees them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.cache import files
from visard.engines.errors import ModelRefused
from visard.engines.file_access import make_private
from visard.models.errors import ModelDamaged, ModelError, ModelMissing
from visard.models.store import download
from visard.models.store.acceptance import check_accepted
from visard.models.store.copying import changed_files, copied, files_of, nothing_found, part_of
from visard.models.store.exported import exported, forget_exported
from visard.models.store.fetching import addresses, fetch_file, part_file
from visard.models.store.holding import Findings, Found, Holding
from visard.models.store.pins import check_pin
from visard.models.store.recognise import Recognised, identify
from visard.models.store.record import Kept, Record, now
from visard.models.store.spec import Licence, ModelFile, ModelSpec, catalogue, find_spec

if TYPE_CHECKING:
    from visard.models.processor import Report

MIRROR = "VISARD_MODELS_MIRROR"
"""An environment variable: the address of a folder with the models' files, asked instead of all others."""


def _silent(_share: float, _step: str) -> None:
    """Hear how far something is."""


def open_store(folder: Path | None = None, mirror: str | None = None) -> "Store":
    """Return the models of this user; ``mirror`` stands in for all published addresses."""
    return Store(folder or default(), mirror=os.environ.get(MIRROR) or mirror or "")


def default() -> Path:
    """Return the folder in the user's data; the environment variable VISARD_HOME moves it."""
    if home := os.environ.get("VISARD_HOME"):
        return Path(home).expanduser() / "data" / "models"
    import platformdirs

    return Path(platformdirs.user_data_path("visard")) / "models"


class Store:
    """A folder with a folder for each model; any thread, any process."""

    def __init__(
        self, folder: Path, *, mirror: str = "", specs: Mapping[str, ModelSpec] | None = None
    ) -> None:
        self.folder = folder
        self.mirror = mirror
        self.specs = catalogue() if specs is None else specs

    def list(self) -> "Sequence[Holding]":
        """Return every model of the catalogue, and whether it is here."""
        return [self.get(name) for name in self.specs]

    def get(self, name: str) -> Holding:
        """Return what is known of a model; raises ModelUnknown."""
        spec = find_spec(self.specs, name)
        record = Record.load(self.folder / spec.name)
        missing = [file.name for file in spec.files if not self._whole(spec, file, record)]
        return Holding(spec, record, tuple(missing))

    def path(self, name: str, file: str | None = None) -> Path:
        """Return where a model's only file is, the one of that name, or the folder where it has several.

        Raises ModelUnknown, and ModelMissing with the command that gets it.
        """
        held = self.get(name)
        if file is not None:
            held.spec.file(file)
        if held.missing and (file is None or file in held.missing):
            state = "not whole" if held.record.files else "not here"
            raise ModelMissing(
                f"the model {held.spec.name} is {state}; get it with: {self.command(held.spec)}"
            )
        folder = self.folder / held.spec.name
        if file is None and len(held.spec.files) > 1:
            return folder
        return folder / (file or held.spec.files[0].name)

    def choose(self, names: Sequence[str]) -> str:
        """Return the first of these models that is here; raises ModelMissing with what gets the first."""
        for name in names:
            if not self.get(name).missing:
                return name
        first = find_spec(self.specs, names[0])
        raise ModelMissing(
            f"none of the models {', '.join(names)} is here; get one with: {self.command(first)}"
            if len(names) > 1
            else f"the model {first.name} is not here; get it with: {self.command(first)}"
        )

    def command(self, *specs: ModelSpec) -> str:
        """Return what a person types to get models."""
        fetched = [spec.name for spec in specs if spec.fetchable or self.mirror]
        return "; ".join(
            [f"visard models fetch {' '.join(fetched)}"] * bool(fetched)
            + [
                f"visard models import FILE --as {spec.name} (it is published at {spec.source})"
                for spec in specs
                if spec.name not in fetched
            ]
        )

    def fetch(self, name: str, report: "Report" = _silent, *, accept_licence: bool = False) -> Holding:
        """Get the files of a model that are not here, from where they are published or from the mirror.

        Raises LicenceNotAccepted, NetworkUnavailable, ModelRefused for what is another file, and ModelError.
        """
        held = self.get(name)
        spec = held.spec
        self.accept({spec.name: spec.licence}, accept_licence)
        if not held.missing:
            return held
        with self._alone(spec, report):
            for number, each in enumerate(held.missing):
                self._fetch(spec, spec.file(each), part_of(report, number, len(held.missing)))
        return self.get(name)

    def look(
        self, path: Path, name: str | None = None, report: "Report" = _silent, *, by_name: bool = False
    ) -> Findings:
        """Return which models a file or the files of a folder are; ``name``, ``by_name``: see ``identify``.

        Raises ModelRefused when there is nothing to import, OSError for a path that cannot be read.
        """
        paths = list(files_of(path))
        found: dict[str, Found] = {}
        refused: list[tuple[Path, str]] = []
        for number, each in enumerate(paths):
            report(number / len(paths), f"looking at {each.name}")
            try:
                what = identify(each, self.specs, name, by_name=by_name)
                first = found.setdefault(what.file.name, Found(each, what))
                if first.path != each:
                    refused.append((each, f"{each} is {what.spec.name} too; {first.path} is taken"))
            except ModelRefused as error:
                refused.append((each, str(error)))
            except OSError as error:
                refused.append((each, f"{each} cannot be read: {error.strerror or error}"))
        if not found:
            raise ModelRefused(nothing_found(path, refused))
        return Findings(tuple(found.values()), tuple(refused))

    def import_(
        self,
        path: Path,
        report: "Report" = _silent,
        *,
        name: str | None = None,
        by_name: bool = False,
        accept_licence: bool = False,
    ) -> Findings:
        """Copy a file's or a folder's models into the store, and return what they are.

        Raises as ``look`` does, LicenceNotAccepted, and ModelError.
        """
        findings = self.look(path, name, part_of(report, 0, 2), by_name=by_name)
        self.accept(findings.licences, accept_licence)
        return self.take(findings, part_of(report, 1, 2))

    def take(self, findings: Findings, report: "Report" = _silent) -> Findings:
        """Copy what ``look`` found into the store, its licences accepted; return what came and what did not.

        Raises ModelRefused when nothing came, ModelError.
        """
        taken: list[Found] = []
        refused = list(findings.refused)
        for number, found in enumerate(findings.found):
            try:
                self._import(found, part_of(report, number, len(findings.found)))
                taken.append(found)
            except ModelRefused as error:
                refused.append((found.path, str(error)))
        if not taken:
            raise ModelRefused(nothing_found(findings.found[0].path.parent, refused))
        return Findings(tuple(taken), tuple(refused))

    def accept(self, licences: Mapping[str, Licence], accept: bool) -> None:
        """Note that these licences are accepted; raises LicenceNotAccepted unless they are or were."""
        check_accepted(self.folder, licences, accept=accept)

    def verify(self, name: str, report: "Report" = _silent) -> Holding:
        """Read a model's files again. Raises ModelMissing, and ModelDamaged naming what is not as it was."""
        held = self.get(name)
        if wrong := changed_files(self.folder / held.spec.name, held.record, report):
            raise ModelDamaged(
                f"{held.spec.name} is not as it was when it came: {', '.join(wrong)}; "
                f"remove it with 'visard models remove {held.spec.name}' and get it again"
            )
        self.path(name)
        return held

    def remove(self, name: str, *, forget: bool = False) -> Holding:
        """Delete a model's files and what was made of them; ``forget``: pins and acceptance too."""
        spec = find_spec(self.specs, name)
        folder = self.folder / spec.name
        with self._alone(spec, _silent):
            try:
                record = Record.load(folder)
            except ModelError:
                record, forget = Record(), True
            for kept in record.files.values():
                forget_exported(self.folder, kept.sha256)
            for file in spec.files:
                files.remove(folder / file.name)
                download.discard(part_file(folder, file))
            if forget:
                files.remove_tree(folder)
            elif folder.exists():
                replace(record, files={}).save(folder)
        return self.get(name)

    def exported(self, source: Path, variant: str, make: Callable[[Path], None]) -> Path:
        """Return a graph that ``make`` writes once for a source file and a variant of what is made of it.

        ``make`` is given the path to write; what it writes appears whole or not at all, and goes when the
        source is removed from the store. Raises what ``make`` raises, and OSError.
        """
        return exported(self.folder, source, variant, make)

    def _whole(self, spec: ModelSpec, file: ModelFile, record: Record) -> bool:
        """Whether a file is here as it came, as far as can be told without reading it."""
        try:
            status = (self.folder / spec.name / file.name).stat(follow_symlinks=False)
        except OSError:
            return False
        kept = record.files.get(file.name)
        return kept is not None and status.st_size == kept.size

    @contextmanager
    def _alone(self, spec: ModelSpec, report: "Report") -> Iterator[None]:
        """Work on a model by one thread of one process at a time."""
        lock = files.Lock(self.folder / "locks" / f"{spec.name}.lock")
        lock.acquire(lambda: report(0.0, "waiting for another program that works on it"))
        try:
            yield
        finally:
            lock.release()

    def _fetch(self, spec: ModelSpec, file: ModelFile, report: "Report") -> None:
        folder = self.folder / spec.name
        record = Record.load(folder)
        if self._whole(spec, file, record):
            return  # somebody else fetched it while we waited
        urls = addresses(spec, file, self.mirror)
        make_private(folder)
        part = part_file(folder, file)
        with download.full_disk_told(file.name, part):
            what, url = fetch_file(urls, part, spec, file, record, report)
            self._keep(spec, file, part, what, url)

    def _import(self, found: Found, report: "Report") -> None:
        spec, file = found.what.spec, found.what.file
        folder = self.folder / spec.name
        with self._alone(spec, report):
            make_private(folder)
            record = Record.load(folder)
            if self._whole(spec, file, record):
                if record.files[file.name].sha256 == found.what.sha256:
                    return
                raise ModelRefused(
                    f"{found.path} is another {file.name} than the one that is here; "
                    f"remove that first: visard models remove {spec.name}"
                )
            if not found.what.published:
                check_pin(spec, file, found.what, record, str(found.path))
            part = part_file(folder, file)
            download.discard(part)
            try:
                with download.full_disk_told(file.name, part):
                    if copied(found.path, part, file.name, report) != found.what.sha256:
                        raise ModelRefused(f"{found.path} was changed while it was read; import it again")
                    self._keep(spec, file, part, found.what, str(found.path.absolute()))
            finally:
                download.discard(part)

    def _keep(self, spec: ModelSpec, file: ModelFile, part: Path, what: Recognised, origin: str) -> None:
        """Let a checked file be seen, after what is remembered of it lies on the disk."""
        folder = self.folder / spec.name
        record = Record.load(folder)
        record.files[file.name] = Kept(what.sha256, part.stat().st_size, origin, now())
        if not what.published:
            record.pins[file.name] = what.sha256
        with part.open("rb") as written:
            os.fsync(written.fileno())
        record.save(folder)
        part.replace(folder / file.name)
        download.discard(part)
