"""Gets one file of a model from the addresses where it is published, and believes none of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from visard.engines.errors import ModelRefused
from visard.models.errors import NetworkUnavailable
from visard.models.store import download
from visard.models.store.pins import check_fetched
from visard.models.store.recognise import Recognised, identify
from visard.models.store.record import Record
from visard.models.store.spec import ModelFile, ModelSpec

if TYPE_CHECKING:
    from visard.models.processor import Report


def part_file(folder: Path, file: ModelFile) -> Path:
    """Return where a file lies until it has been checked."""
    return folder / f".{file.name}.part"


def addresses(spec: ModelSpec, file: ModelFile, mirror: str) -> Sequence[str]:
    """Return where to ask for a file: only at the mirror, where there is one. Raises NetworkUnavailable."""
    if mirror:
        return [f"{mirror.rstrip('/')}/{quote(file.name)}"]
    if not file.urls:
        raise NetworkUnavailable(
            f"{file.name} is published where no program can fetch it ({spec.source}); "
            f"get it with a browser, then: visard models import FILE --as {spec.name}"
        )
    return file.urls


def fetch_file(
    urls: Sequence[str], part: Path, spec: ModelSpec, file: ModelFile, record: Record, report: "Report"
) -> tuple[Recognised, str]:
    """Fetch a file into ``part`` from the first address that gives the right one; return what it is and it.

    Raises NetworkUnavailable or ModelRefused with what was wrong at every address, ModelError for a full
    disk, and what ``report`` raises.
    """
    problems: list[NetworkUnavailable | ModelRefused] = []
    for url in urls:
        try:
            download.download(url, part, report, name=file.name, size=file.size)
            report(1.0, f"checking {file.name}")
            return _checked(url, part, spec, file, record), url
        except (NetworkUnavailable, ModelRefused) as error:
            problems.append(error)
    told = next((error for error in problems if isinstance(error, ModelRefused)), problems[0])
    raise type(told)(
        f"{file.name} cannot be fetched: {'; '.join(map(str, problems))}. Try again later, or get it "
        f"another way ({spec.source}), then: visard models import FILE --as {spec.name}"
    )


def _checked(url: str, part: Path, spec: ModelSpec, file: ModelFile, record: Record) -> Recognised:
    """Return what came, when it is what it must be; else remove it and raise ModelRefused."""
    try:
        what = identify(part, {spec.name: spec}, spec.name, name=f"what {urlsplit(url).netloc} gave")
        check_fetched(spec, file, what, record, url)
        if what.file.name != file.name:
            raise ModelRefused(f"{url} gave {what.file.name} instead of {file.name}")
    except ModelRefused:
        download.discard(part)
        raise
    return what
