"""Who the driver is: what a network made of their face, kept in a file of its own; never a picture."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visard.daemon.config.file import replace_file
from visard.daemon.errors import EnrolmentDamaged, EnrolmentError
from visard.engines.file_access import make_private, read_plain

FILE = "enrolment.json"
"""Its name in the folder of the configuration."""
NETWORK = "sface_2021dec"
"""What the numbers are of; those of another network say nothing here."""
NUMBERS = 128
MOST = 16
"""Views of one driver at most."""
_LARGEST = 200_000
"""Bytes; what is larger was not written here."""


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """The driver, or somebody whom nothing can recognise: without embeddings nobody is confirmed.

    ``embeddings``: float32 [views, 128], each of length 1.
    """

    embeddings: npt.NDArray[np.float32]

    @classmethod
    def unknown(cls) -> "Enrolled":
        """Return somebody whom nothing can recognise."""
        return cls(np.empty((0, NUMBERS), np.float32))


class EnrolmentFile:
    """Where the driver is kept; None: nowhere, and gone with the program."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def load(self) -> Enrolled | None:
        """Return who is enrolled, None: nobody. Raises EnrolmentDamaged, never takes damage for nobody."""
        if self.path is None:
            return None
        try:
            return Enrolled(_checked(json.loads(read_plain(self.path, _LARGEST))))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise EnrolmentDamaged(
                f"{self.path} cannot be used ({why}), so nobody is taken for you; enrol again: visard enrol"
            ) from error

    def save(self, enrolled: Enrolled) -> None:
        """Keep ``enrolled``, readable for this user alone; the old or the new one is whole at any moment."""
        if self.path is None:
            return
        views = [[round(float(number), 6) for number in view] for view in enrolled.embeddings]
        try:
            make_private(self.path.parent)
            replace_file(self.path, json.dumps({"network": NETWORK, "views": views}) + "\n")
        except OSError as error:
            raise EnrolmentError(f"{self.path} cannot be written ({error.strerror})") from error

    def forget(self) -> None:
        """Delete it."""
        try:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise EnrolmentError(f"{self.path} cannot be deleted ({error.strerror})") from error


def _checked(record: dict[str, object]) -> npt.NDArray[np.float32]:
    if record["network"] != NETWORK:
        raise ValueError(f"made with the network {record['network']!r}")
    views = np.asarray(record["views"], np.float32)
    if views.ndim != 2 or views.shape[1] != NUMBERS or not 1 <= len(views) <= MOST:
        raise ValueError("not the numbers of a face")
    if not np.allclose(np.linalg.norm(views, axis=1), 1, atol=1e-3):
        raise ValueError("not the numbers of a face")
    return views
