"""Finds plugins: every module of a package, plus installed entry points of the same name.

A plugin module exposes one object under the registry's ``attribute``. A module that cannot be imported
is listed with its reason and never stops the others.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from visard.engines.errors import VisardError

T = TypeVar("T")


@dataclass
class Registry(Generic[T]):
    """Plugins of one kind, found by scanning ``package`` and the entry point group of the same name."""

    package: str
    attribute: str
    _found: dict[str, T] | None = field(default=None, init=False, repr=False)
    broken: dict[str, str] = field(default_factory=dict, init=False)

    def _scan(self) -> Iterator[tuple[str, str]]:
        paths = importlib.import_module(self.package).__path__
        for info in pkgutil.iter_modules(paths):
            if not info.name.startswith("_"):
                yield info.name, f"{self.package}.{info.name}"
        for point in entry_points(group=self.package):
            yield point.name, point.module

    def _load(self) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, module in self._scan():
            try:
                plugin = getattr(importlib.import_module(module), self.attribute, None)
            except Exception as error:  # a plugin may fail in any way; the others must go on
                self.broken[name] = f"{type(error).__name__}: {error}"
                continue
            if plugin is not None:
                found[name] = plugin
        return found

    def all(self) -> dict[str, T]:
        """Return every plugin that imports, by name; failures are in ``broken``."""
        if self._found is None:
            self._found = self._load()
        return self._found

    def get(self, name: str) -> T:
        """Return one plugin, or raise VisardError naming those that exist."""
        found = self.all()
        if name in found:
            return found[name]
        if name in self.broken:
            raise VisardError(f"{name} cannot be used here: {self.broken[name]}")
        raise VisardError(f"there is no {name!r}; choose one of: {', '.join(sorted(found))}")
