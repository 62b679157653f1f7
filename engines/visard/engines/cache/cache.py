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

from visard.engines.accuracy import ReferenceResults
from visard.engines.cache import files
from visard.engines.interfaces import Backend, Options, Precision, Samples

FORMAT = 2
"""Goes up when what we store, or how we convert networks, changes."""
LIMIT = 8 * 2**30
SUFFIX = ".engine"
FASTEST = "fastest-"
"""What names of blobs begin with, before the network's digest, that tell which engine is the fastest."""
_PLAN, _REFERENCE, _META = "engine.bin", "reference.npz", "meta.json"
_logger = logging.getLogger("visard.engines")


@dataclass(frozen=True, slots=True)
class CacheKey:
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
    """Digest of the samples that ``mixed`` was found with."""
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """Return the name of its file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def cache_key(model: str, backend: Backend, options: Options, samples: Samples | None) -> CacheKey:
    """Return the key of a network (its digest) compiled by a backend."""
    return CacheKey(
        model,
        backend.name,
        backend.version(),
        options.device,
        backend.fingerprint(options.device),
        str(options.precision),
        options.threads if options.device == "cpu" else 0,
        [[r.name, list(r.low), list(r.usual), list(r.high)] for r in options.ranges],
        _digest(samples) if samples and options.precision is Precision.mixed else "",
    )


def _digest(samples: Samples) -> str:
    total = hashlib.sha256()
    for sample in samples:
        for array in sample:
            total.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One compiled engine."""

    name: str
    """File name of the network."""
    key: CacheKey
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
class CachedEngine:
    """An entry with the engine and the reference; while this is alive the file is in use."""

    entry: CacheEntry
    plan: bytes
    reference: ReferenceResults
    held: files.HeldFile | None = field(default=None, repr=False)
    found: bool = False
    """Compiled some time before."""


class Cache:
    """A folder of entries; when the disk is full or the folder not ours nothing raises, it is only said."""

    def __init__(self, folder: Path | None = None, limit: int = LIMIT) -> None:
        self.folder = folder or default()
        self.limit = limit

    @property
    def blobs(self) -> files.BlobStore:
        """What libraries want back the next time, and which engine was measured to be the fastest."""
        return files.BlobStore(self.folder / "kept")

    @property
    def logs(self) -> Path:
        """Where the logs of compilations are."""
        return self.folder / "logs"

    def usable(self) -> str | None:
        """Return why nothing can be kept here, or None after making the folder private."""
        return files.private(self.folder)

    def find(self, wanted: CacheKey) -> CachedEngine | None:
        """Return an entry that is whole, ours and of this key; any other is none, and the log says why."""
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

    def has(self, wanted: CacheKey) -> bool:
        """Whether there is a file for this key; it may still turn out to be damaged."""
        return self._path(wanted).exists()

    def store(self, content: CachedEngine) -> CachedEngine:
        """Write an entry, whole or not at all, and make room; what went wrong is the new entry's warning."""
        path = self._path(content.entry.key)
        if reason := self.usable():
            return _unstored(content, reason)
        self.sweep()
        try:
            with files.replacing(path) as file:
                _write(file, content)
            held = files.trusted(path)
        except OSError as error:
            return _unstored(content, error.strerror or str(error))
        self._shrink(keep=path)
        entry = _described(content.entry, path, path.stat())
        return CachedEngine(entry, content.plan, content.reference, held)

    def entries(self) -> list[CacheEntry]:
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
            if model in (None, entry.name, entry.key.model) and backend in (None, entry.key.backend):
                gone.append(entry.path) if entry.path and entry.path not in gone else None
                for blob in self.blobs.folder.glob(f"{FASTEST}{entry.key.model[:16]}-*"):
                    files.remove(blob)
        for path in gone:
            files.remove(path)
        if model is None and backend is None:
            files.remove_tree(self.blobs.folder)
        self.sweep()
        return gone

    def size(self) -> int:
        """Return how many bytes the entries take."""
        return sum(status.st_size for _, status in files.stats(self._files()))

    def lock(self, wanted: CacheKey) -> files.Lock:
        """Return the lock to hold while making an entry."""
        return files.Lock(self.folder / "locks" / f"{wanted.digest}.lock")

    def sweep(self) -> None:
        """Remove what processes left behind that died while writing."""
        files.sweep(self.folder)

    def _path(self, wanted: CacheKey) -> Path:
        return self.folder / f"{wanted.digest}{SUFFIX}"

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


def _unstored(content: CachedEngine, reason: str) -> CachedEngine:
    warning = f"the compiled engine could not be kept for the next start: {reason}"
    _logger.warning("%s: %s", content.entry.name, warning)
    known = {name: getattr(content.entry, name) for name in ("name", "key", "seconds", "notes")}
    return CachedEngine(CacheEntry(**known, warning=warning), content.plan, content.reference)


def _described(entry: CacheEntry, path: Path, status: os.stat_result) -> CacheEntry:
    return CacheEntry(
        entry.name, entry.key, entry.seconds, entry.notes, path, status.st_size, status.st_mtime
    )


def _entry(meta: dict[str, Any]) -> CacheEntry:
    return CacheEntry(meta["name"], CacheKey(**meta["key"]), meta["seconds"], tuple(meta["notes"]))


def _write(file: IO[bytes], content: CachedEngine) -> None:
    entry = content.entry
    members = {_PLAN: content.plan, _REFERENCE: content.reference.to_bytes()}
    meta = {
        "name": entry.name,
        "key": asdict(entry.key),
        "seconds": entry.seconds,
        "notes": entry.notes,
        "reason": content.reference.reason,
        "made": time.time(),
        "sha256": {name: hashlib.sha256(member).hexdigest() for name, member in members.items()},
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, member in {**members, _META: json.dumps(meta).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), member)


def _read(held: files.HeldFile, path: Path, wanted: CacheKey) -> CachedEngine:
    with held.reader() as file, zipfile.ZipFile(file) as archive:
        meta = json.loads(archive.read(_META))
        if meta["key"] != json.loads(json.dumps(asdict(wanted))):
            raise ValueError(f"{path.name} is of something else")
        members = {name: archive.read(name) for name in (_PLAN, _REFERENCE)}
    for name, member in members.items():
        if hashlib.sha256(member).hexdigest() != meta["sha256"][name]:
            raise ValueError(f"{path.name} is damaged: {name}")
    reference = ReferenceResults.from_bytes(members[_REFERENCE], meta["reason"])
    entry = _described(_entry(meta), path, os.fstat(held.handle))
    return CachedEngine(entry, members[_PLAN], reference, held, found=True)
