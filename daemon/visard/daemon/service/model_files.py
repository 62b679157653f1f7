"""Models that are fetched, imported, checked and removed while Visard runs. Any thread."""

from collections.abc import Callable
from pathlib import Path

from visard.daemon.api.models import LicenceInfo, ModelFileInfo, ModelInfo, NeededModel
from visard.daemon.api.schema import Job
from visard.daemon.errors import ModelError, ModelRefused
from visard.daemon.service.jobs import Jobs
from visard.daemon.service.model_upload import ModelUpload
from visard.models.processor import Report
from visard.models.store import Findings, Holding, ModelFile, Store, open_store
from visard.models.store.recognise import expected


class ModelFiles:
    """The store of models, with its long work as jobs that can be given up."""

    def __init__(self, jobs: Jobs, mirror: Callable[[], str], folder: Path | None = None) -> None:
        self._jobs, self._mirror, self._folder = jobs, mirror, folder

    @property
    def store(self) -> Store:
        """Return the store as it is set up now."""
        return open_store(self._folder, self._mirror())

    def all(self) -> list[ModelInfo]:
        """Return every model of the catalogue."""
        store = self.store
        return [info(store, held) for held in store.list()]

    def get(self, name: str) -> ModelInfo:
        """Return one model; raises ModelUnknown."""
        store = self.store
        return info(store, store.get(name))

    def fetch(self, name: str, accept_licence: bool) -> Job:
        """Begin to fetch a model. Raises ModelUnknown and LicenceNotAccepted."""
        store = self.store
        spec = store.get(name).spec
        store.accept({spec.name: spec.licence}, accept_licence)

        def work(report: Report) -> None:
            store.fetch(spec.name, report)

        return self._start(f"fetching {spec.title}", work, spec.name)

    def upload(self, name: str, file_name: str, accept_licence: bool) -> ModelUpload:
        """Begin to take in a model's file. Raises ModelUnknown, LicenceNotAccepted and ModelError."""
        store = self.store
        spec = store.get(name).spec
        self._check_free(spec.name)
        store.accept({spec.name: spec.licence}, accept_licence)
        return ModelUpload(store.folder, file_name, lambda path, done: self.import_(path, name, False, done))

    def import_(
        self, path: Path, name: str | None, accept_licence: bool, done: Callable[[], None] = lambda: None
    ) -> Job:
        """Look at a file or folder of this machine, and begin to import what models it holds.

        ``done`` is called when it is not read any more. Raises ModelRefused, ModelUnknown and
        LicenceNotAccepted.
        """
        store = self.store
        try:
            findings: Findings = store.look(path, name)
        except OSError as error:
            raise ModelRefused(f"{path} cannot be read ({error.strerror or error})") from error
        store.accept(findings.licences, accept_licence)
        first = findings.found[0].what.spec

        def work(report: Report) -> None:
            try:
                bad = store.take(findings, report).bad
            finally:
                done()
            if bad:
                raise ModelRefused(f"not all was imported: {'; '.join(reason for _, reason in bad)}")

        return self._start(f"importing {', '.join(findings.licences)}", work, first.name)

    def verify(self, name: str) -> Job:
        """Begin to read a model's files again; the job fails when they are not as they were."""
        store = self.store
        spec = store.get(name).spec

        def work(report: Report) -> None:
            store.verify(spec.name, report)

        return self._start(f"checking {spec.title}", work, spec.name)

    def remove(self, name: str, *, forget: bool = False) -> ModelInfo:
        """Delete a model's files; raises ModelUnknown, and ModelError while something works on it."""
        store = self.store
        spec = store.get(name).spec
        self._check_free(spec.name)
        return info(store, store.remove(spec.name, forget=forget))

    def _start(self, title: str, work: Callable[[Report], None], model: str) -> Job:
        self._check_free(model)
        return self._jobs.start(title, work, model=model)

    def _check_free(self, model: str) -> None:
        if any(job.model == model and not job.done for job in self._jobs.all()):
            raise ModelError(f"{model} is being worked on just now; wait until that is over, or give it up")


def info(store: Store, held: Holding) -> ModelInfo:
    """Return what is told of a model."""
    spec, licence = held.spec, held.spec.licence
    files = tuple(_file(held, file) for file in spec.files)
    sizes = [file.size for file in files if file.size is not None]
    return ModelInfo(
        name=spec.name,
        title=spec.title,
        task=spec.task,
        family=spec.family,
        source=spec.source,
        licence=LicenceInfo(
            id=licence.id,
            name=licence.name,
            text=licence.text,
            url=licence.url,
            commercial=licence.commercial,
            ask=licence.ask,
            accepted=held.accepted,
        ),
        here=held.here,
        fetchable=spec.fetchable or bool(store.mirror),
        command=store.command(spec),
        size=sum(sizes) if len(sizes) == len(files) else None,
        needs=tuple(_needed(store.get(name)) for name in spec.needs),
        files=files,
    )


def _needed(held: Holding) -> NeededModel:
    licence = held.spec.licence
    return NeededModel(name=held.spec.name, licence=licence.id, commercial=licence.commercial, here=held.here)


def _file(held: Holding, file: ModelFile) -> ModelFileInfo:
    kept, pin = held.record.files.get(file.name), held.record.pins.get(file.name)
    here = file.name not in held.missing
    return ModelFileInfo(
        name=file.name,
        urls=file.urls,
        sha256=kept.sha256 if kept and here else file.sha256 or pin,
        md5=file.md5,
        pinned=pin is not None,
        size=kept.size if kept and here else file.size,
        expected=expected(file),
        here=here,
        origin=kept.origin if kept and here else None,
    )
