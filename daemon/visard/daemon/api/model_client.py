"""What the daemon can be asked about models: one method for each."""

from pathlib import Path
from urllib.parse import quote

from visard.daemon.api.connection import LONG_TIMEOUT, Connection
from visard.daemon.api.models import ModelInfo
from visard.daemon.api.requests import FetchModel, ImportModel
from visard.daemon.api.schema import Job

LOOK_TIMEOUT = 600.0
"""Seconds to wait until every file of a folder has been looked at."""


class ModelClient(Connection):
    """The part of a client that is about models."""

    def models(self) -> list[ModelInfo]:
        """Return every model that can be fetched or imported."""
        return self.ask("GET", "/models", list[ModelInfo], timeout=LONG_TIMEOUT)

    def model(self, name: str) -> ModelInfo:
        """Return one model."""
        return self.ask("GET", _model(name), ModelInfo)

    def fetch_model(self, name: str, *, accept_licence: bool = False) -> Job:
        """Begin to fetch a model."""
        return self.ask("POST", _model(name) + "/fetch", Job, FetchModel(accept_licence=accept_licence))

    def import_model(self, path: Path, name: str | None = None, *, accept_licence: bool = False) -> Job:
        """Begin to import a file or folder of this machine."""
        place = str(path.expanduser().absolute())
        body = ImportModel(path=place, name=name, accept_licence=accept_licence)
        return self.ask("POST", "/models/import", Job, body, timeout=LOOK_TIMEOUT)

    def verify_model(self, name: str) -> Job:
        """Begin to read a model's files again."""
        return self.ask("POST", _model(name) + "/verify", Job)

    def remove_model(self, name: str, *, forget: bool = False) -> ModelInfo:
        """Delete a model's files."""
        return self.ask("DELETE", _model(name) + ("?forget=true" if forget else ""), ModelInfo)


def _model(name: str) -> str:
    return f"/models/{quote(name, safe='')}"
