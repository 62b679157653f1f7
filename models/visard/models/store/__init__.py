"""Models that others publish and Visard can use: their licences and hashes, fetching, importing, keeping."""

from visard.models.store.holding import Findings, Holding
from visard.models.store.spec import Licence, ModelFile, ModelSpec
from visard.models.store.store import Store, open_store

__all__ = ["Findings", "Holding", "Licence", "ModelFile", "ModelSpec", "Store", "open_store"]
