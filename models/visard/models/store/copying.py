"""Reads files that a person wants to import or check, and copies them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visard.engines.errors import ModelRefused
from visard.engines.file_access import open_plain, private_file
from visard.models.store import download
from visard.models.store.recognise import BLOCK, digests
from visard.models.store.record import Record

if TYPE_CHECKING:
    from visard.models.processor import Report

_MOST_FILES = 5000
"""Looked at in a folder that is imported."""
_TOLD = 5
"""Files of which it is told why they are no models, when none is."""


def files_of(path: Path) -> Iterator[Path]:
    """Yield a file, or those of a folder and below that are not hidden.

    Raises ModelRefused for none or too many, OSError.
    """
    path.stat()
    if not path.is_dir():
        yield path
        return
    found = 0
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                found += 1
                if found > _MOST_FILES:
                    raise ModelRefused(
                        f"{path} holds more than {_MOST_FILES} files; name the one that is meant"
                    )
                yield Path(folder, name)
    if not found:
        raise ModelRefused(f"{path} is an empty folder")


def nothing_found(path: Path, refused: Sequence[tuple[Path, str]]) -> str:
    """Say that a file or folder brings no model, and why each of its first files does not."""
    if len(refused) == 1:
        return refused[0][1]
    some = "; ".join(reason for _, reason in refused[:_TOLD])
    more = f"; and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""
    return f"{path} holds no model among its {len(refused)} files: {some}{more}"


def part_of(report: "Report", number: int, count: int) -> "Report":
    """Return what tells of one part of several as a part of the whole."""
    return lambda share, step: report((number + share) / count, step)


def changed_files(folder: Path, record: Record, report: "Report") -> list[str]:
    """Read the files of a model again; return those that are here and not as they came, in words."""
    changed = []
    for number, (name, kept) in enumerate(record.files.items()):
        path = folder / name
        if path.exists():
            found = _hashed(path, part_of(report, number, len(record.files)))
            if found != kept.sha256:
                changed.append(f"{name} (sha256 {found[:12]}..., it was {kept.sha256[:12]}...)")
    return changed


def _hashed(path: Path, report: "Report") -> str:
    size, done = max(path.stat().st_size, 1), 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        report(min(done / size, 1.0), f"reading {path.name}")

    return digests(path, tell)[0]


def copied(source: Path, target: Path, name: str, report: "Report") -> str:
    """Copy a file and return the SHA-256 of what was written."""
    with open_plain(source, download.MAX_BYTES) as read:
        size = os.fstat(read.fileno()).st_size
        download.check_room(target.parent, size, name)
        with open(target, "wb", opener=private_file) as file:
            while block := read.read(BLOCK):
                file.write(block)
                report(min(file.tell() / max(size, 1), 1.0), f"copying {name}")
    return digests(target)[0]
