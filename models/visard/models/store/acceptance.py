"""Licences that have to be read and accepted before a model comes in."""

from collections.abc import Mapping
from pathlib import Path

from visard.models.errors import LicenceNotAccepted
from visard.models.store.record import Acceptance, Record, now
from visard.models.store.spec import Licence


def check_accepted(store: Path, licences: Mapping[str, Licence], *, accept: bool) -> None:
    """Raise LicenceNotAccepted unless the licence of each model was accepted, or is with ``accept``.

    What is accepted is recorded with time, licence and the digest of what was shown.
    """
    records = {name: Record.load(store / name) for name, licence in licences.items() if licence.ask}
    asked = [name for name, record in records.items() if not record.accepts(licences[name].sha256)]
    if asked and not accept:
        words = dict.fromkeys(licences[name].words for name in asked)
        raise LicenceNotAccepted(
            f"{', '.join(asked)}: the licence has to be accepted first. {' '.join(words)} "
            "Accept it with --accept-licence"
        )
    for name in asked:
        records[name].accepted = Acceptance(licences[name].id, licences[name].sha256, now())
        records[name].save(store / name)
