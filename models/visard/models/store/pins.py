"""Which hash a file must have: the published one, or where there is none that of the first one used."""

from visard.engines.errors import ModelRefused
from visard.models.store.recognise import Recognised
from visard.models.store.record import Record
from visard.models.store.spec import ModelFile, ModelSpec


def check_fetched(spec: ModelSpec, file: ModelFile, what: Recognised, record: Record, origin: str) -> None:
    """Raise ModelRefused for another file than the published or pinned one."""
    if what.published:
        return
    if expected := file.sha256 or file.md5:
        raise ModelRefused(
            f"{origin} is not {file.name} as it was published: sha256 {what.sha256}, expected {expected}"
        )
    check_pin(spec, file, what, record, origin)


def check_pin(spec: ModelSpec, file: ModelFile, what: Recognised, record: Record, origin: str) -> None:
    """Raise ModelRefused for another file than the one that was first used."""
    pinned = record.pins.get(file.name)
    if pinned not in (None, what.sha256):
        raise ModelRefused(
            f"{origin} is not the {file.name} that was first used here: sha256 {what.sha256}, "
            f"pinned is {pinned}; to take it forget the pin: visard models remove {spec.name} --forget"
        )
