"""Compiled engines on disk: one file each, private, checked before it is believed, the oldest going first."""

import contextlib
import hashlib
import json
import logging
import os
import time
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from visard.engines.accuracy import Reference
from visard.engines.cache import files
from visard.engines.interfaces import Backend, Options, Samples

FORMAT = 1
"""Goes up when what we store, or how we convert networks, changes."""
LIMIT = 8 * 2**30
SUFFIX = ".engine"
_PLAN, _REFERENCE, _META = "engine.bin", "reference.npz", "meta.json"
_logger = logging.getLogger("visard.engines")


@dataclass(frozen=True, slots=True)
class Stamp:
    """All that a compiled engine depends on; when any of it differs it is another engine."""

    model: str
    """Digest of the network."""
    backend: str
    version: str
    device: str
    fingerprint: str
    precision: str
    threads: int
    ranges: list[list[Any]]
    samples: str
    """Digest of the samples the precision was fitted to."""
    format: int = FORMAT

    @property
    def key(self) -> str:
        """Return the name of its file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def stamp(model: str, backend: Backend, options: Options, samples: Samples | None) -> Stamp:
    """Return the stamp of a network (its digest) compiled by a backend."""
    return Stamp(
        model,
        backend.name,
        backend.version(),
        options.device,
        backend.fingerprint(options.device),
        str(options.precision),
        options.threads if options.device == "cpu" else 0,
        [[r.name, list(r.low), list(r.usual), list(r.high)] for r in options.ranges],
        _digest(samples) if samples and options.precision in ("int8", "mixed") else "",
    )


def _digest(samples: Samples) -> str:
    total = hashlib.sha256()
    for sample in samples:
        for array in sample:
            total.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One compiled engine."""

    name: str
    """File name of the network."""
    stamp: Stamp
    seconds: float
    """How long compiling took."""
    notes: tuple[str, ...] = ()
    """What the precision's converter has to say, such as the layers left in fp32."""
    path: Path | None = None
    """None when it could not be stored."""
    size: int = 0
    """Bytes."""
    used: float = 0.0
    """When it was last opened, in seconds since the epoch."""
    warning: str = ""
    """Why it could not be stored."""


@dataclass(slots=True)
class Content:
    """An entry with the engine and the reference; while this is alive the file is in use."""

    entry: Entry
    plan: bytes
    reference: Reference
    lease: files.Held | None = field(default=None, repr=False)
    found: bool = False
    """Compiled some time before."""


class Cache:
    """A folder of entries; when the disk is full or the folder not ours nothing raises, it is only said."""

    def __init__(self, folder: Path | None = None, limit: int = LIMIT) -> None:
        self.folder = folder or default()
        self.limit = limit

    @property
    def logs(self) -> Path:
        """Where the logs of compilations are."""
        return self.folder / "logs"

    def usable(self) -> str | None:
        """Return why nothing can be kept here, or None after making the folder private."""
        return files.private(self.folder)

    def find(self, wanted: Stamp) -> Content | None:
        """Return an entry that is whole, ours and of this stamp; any other is none, and the log says why."""
        path = self._path(wanted)
        if not path.exists() or self.usable():
            return None
        try:
            held = files.trusted(path)
        except OSError as error:
            _logger.warning("a compiled engine is made again: %s", error)
            return None
        try:
            content = _read(held, path, wanted)
        except Exception as error:  # damaged bytes may do anything to the readers
            held.close()
            _logger.warning("a compiled engine is made again: %s: %s", type(error).__name__, error)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content

    def has(self, wanted: Stamp) -> bool:
        """Whether there is a file for this stamp; it may still turn out to be damaged."""
        return self._path(wanted).exists()

    def store(self, content: Content) -> Content:
        """Write an entry, whole or not at all, and make room; what went wrong is the new entry's warning."""
        path = self._path(content.entry.stamp)
        if reason := self.usable():
            return _unstored(content, reason)
        self.sweep()
        try:
            with files.replacing(path) as file:
                _write(file, content)
            lease = files.trusted(path)
        except OSError as error:
            return _unstored(content, error.strerror or str(error))
        self._shrink(keep=path)
        entry = _described(content.entry, path, path.stat())
        return Content(entry, content.plan, content.reference, lease)

    def entries(self) -> list[Entry]:
        """Return what is here, the last used first; unreadable files are left out."""
        found = []
        for path in self._files():
            with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
                meta = json.loads(archive.read(_META))
                found.append(_described(_entry(meta), path, path.stat()))
        return sorted(found, key=lambda entry: -entry.used)

    def clear(self, model: str | None = None, backend: str | None = None) -> list[Path]:
        """Remove entries, of one network (file name or digest) or backend, or all; return which."""
        gone = [path for path in self._files() if model is None and backend is None]
        for entry in self.entries():
            if model in (None, entry.name, entry.stamp.model) and backend in (None, entry.stamp.backend):
                gone.append(entry.path) if entry.path and entry.path not in gone else None
        for path in gone:
            files.remove(path)
        if model is None and backend is None:
            files.remove_tree(self.folder / "kept")
        self.sweep()
        return gone

    def size(self) -> int:
        """Return how many bytes the entries take."""
        return sum(status.st_size for _, status in files.stats(self._files()))

    def lock(self, wanted: Stamp) -> files.Lock:
        """Return the lock to hold while making an entry."""
        return files.Lock(self.folder / "locks" / f"{wanted.key}.lock")

    def sweep(self) -> None:
        """Remove what processes left behind that died while writing."""
        files.sweep(self.folder)

    def _path(self, wanted: Stamp) -> Path:
        return self.folder / f"{wanted.key}{SUFFIX}"

    def _files(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.suffix == SUFFIX]
        except OSError:
            return []

    def _shrink(self, keep: Path) -> None:
        """Remove the entries used longest ago until the rest fits, sparing those in use."""
        aged = sorted(files.stats(self._files()), key=lambda pair: pair[1].st_mtime)
        total = sum(status.st_size for _, status in aged)
        for path, status in aged:
            if total <= self.limit:
                return
            if path != keep and files.remove_unused(path):
                total -= status.st_size


def default() -> Path:
    """Return the folder in the user's cache; the environment variable VISARD_HOME moves it."""
    if home := os.environ.get("VISARD_HOME"):
        return Path(home).expanduser() / "cache" / "engines"
    import platformdirs

    return Path(platformdirs.user_cache_path("visard")) / "engines"


def _unstored(content: Content, reason: str) -> Content:
    warning = f"the compiled engine could not be kept for the next start: {reason}"
    _logger.warning("%s: %s", content.entry.name, warning)
    known = {name: getattr(content.entry, name) for name in ("name", "stamp", "seconds", "notes")}
    return Content(Entry(**known, warning=warning), content.plan, content.reference)


def _described(entry: Entry, path: Path, status: os.stat_result) -> Entry:
    return Entry(entry.name, entry.stamp, entry.seconds, entry.notes, path, status.st_size, status.st_mtime)


def _entry(meta: dict[str, Any]) -> Entry:
    return Entry(meta["name"], Stamp(**meta["stamp"]), meta["seconds"], tuple(meta["notes"]))


def _write(file: IO[bytes], content: Content) -> None:
    entry = content.entry
    members = {_PLAN: content.plan, _REFERENCE: content.reference.to_bytes()}
    meta = {
        "name": entry.name,
        "stamp": asdict(entry.stamp),
        "seconds": entry.seconds,
        "notes": entry.notes,
        "reason": content.reference.reason,
        "made": time.time(),
        "sha256": {name: hashlib.sha256(member).hexdigest() for name, member in members.items()},
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, member in {**members, _META: json.dumps(meta).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), member)


def _read(held: files.Held, path: Path, wanted: Stamp) -> Content:
    with held.reader() as file, zipfile.ZipFile(file) as archive:
        meta = json.loads(archive.read(_META))
        if meta["stamp"] != json.loads(json.dumps(asdict(wanted))):
            raise ValueError(f"{path.name} is of something else")
        members = {name: archive.read(name) for name in (_PLAN, _REFERENCE)}
    for name, member in members.items():
        if hashlib.sha256(member).hexdigest() != meta["sha256"][name]:
            raise ValueError(f"{path.name} is damaged: {name}")
    reference = Reference.from_bytes(members[_REFERENCE], meta["reason"])
    entry = _described(_entry(meta), path, os.fstat(held.handle))
    return Content(entry, members[_PLAN], reference, held, found=True)
