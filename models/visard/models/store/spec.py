"""What a model is: its files, where they are published, under which licence, and what they hold."""

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from visard.models.errors import ModelUnknown

Shape = tuple[int, ...]
"""Sizes of a tensor; 0 stands for any."""
CATALOGUE = Path(__file__).parent / "catalogue.toml"
TASKS = ("one_shot", "identity", "converter", "enhance", "occlude", "fomm", "liveportrait")


@dataclass(frozen=True, slots=True)
class Licence:
    """What the weights may be used for."""

    id: str
    name: str
    text: str
    """What it allows, in a sentence or two."""
    url: str
    """Leads to the licence itself, or where there is none to the source that speaks of it."""
    commercial: bool
    """Whether commercial use is allowed."""
    ask: bool
    """It has to be shown and accepted before the model is fetched or imported."""

    @property
    def sha256(self) -> str:
        """Return the digest of all that a person is shown of it."""
        return hashlib.sha256("\n".join((self.id, self.name, self.url, self.text)).encode()).hexdigest()

    @property
    def words(self) -> str:
        """Return all that a person is shown of it."""
        return f"{self.name} ({self.id}): {self.text} {self.url}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a file must hold: an ONNX file ``inputs`` and so on, a checkpoint ``keys``."""

    inputs: Mapping[str, Shape]
    """By name; the name is empty where any will do, the shape where only the name counts."""
    output: Shape
    """The shape of its first output."""
    weight: Shape
    """The shape of a weight that it has; empty: nothing special."""
    keys: Mapping[str, Shape]
    """Of a checkpoint, the parts joined by slashes."""
    half: bool | None
    """Chooses among models that fit: weights in half precision."""
    key_hints: Mapping[str, Shape]
    """Choose among models that fit: keys that it has when it has any of that part."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One published file."""

    name: str
    urls: tuple[str, ...]
    """The same bytes in several places; without any the file can only be imported."""
    sha256: str | None
    """None: nobody publishes it, so that it is pinned at the first use."""
    md5: str | None
    also: tuple[str, ...]
    """Digests of other published files that hold the same network."""
    size: int | None
    signature: Signature


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the catalogue."""

    name: str
    title: str
    task: str
    """One of TASKS."""
    family: str
    """A key for the code that uses it."""
    licence: Licence
    source: str
    """Where its authors tell about it."""
    files: tuple[ModelFile, ...]
    needs: tuple[str, ...] = ()
    """Models without which it cannot be used; each has a licence of its own."""

    @property
    def fetchable(self) -> bool:
        """Whether every file is published where a program can get it."""
        return all(file.urls for file in self.files)

    def file(self, name: str) -> ModelFile:
        """Return a file by its name; raises ModelUnknown."""
        for file in self.files:
            if file.name == name:
                return file
        raise ModelUnknown(
            f"{self.name} has no file {name!r}; it has {', '.join(f.name for f in self.files)}"
        )


@lru_cache(4)
def catalogue(path: Path = CATALOGUE) -> Mapping[str, ModelSpec]:
    """Return every model by its name, in the order of the catalogue."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    licences = {key: Licence(**row) for key, row in data["licences"].items()}
    specs = [_spec(row, _licence(row, licences), data["publishers"]) for row in data["models"]]
    return {spec.name: spec for spec in specs}


def find_spec(specs: Mapping[str, ModelSpec], name: str) -> ModelSpec:
    """Return a model by its name; raises ModelUnknown, naming the nearest."""
    if name in specs:
        return specs[name]
    near = difflib.get_close_matches(name, specs, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "'visard models list' shows what there is"
    raise ModelUnknown(f"there is no model {name!r}; {hint}")


def _licence(row: Mapping[str, Any], licences: Mapping[str, Licence]) -> Licence:
    licence = licences[row["licence"]]
    return licence if licence.url else replace(licence, url=row["source"])


def _spec(row: Mapping[str, Any], licence: Licence, publishers: Mapping[str, list[str]]) -> ModelSpec:
    places = publishers.get(row.get("publisher", ""), [])
    only = {**row, "name": row.get("file", f"{row['name']}.onnx")}
    files = tuple(_file(each, places) for each in row.get("files", [only]))
    facts = {key: row[key] for key in ("name", "title", "task", "family", "source")}
    return ModelSpec(**facts, licence=licence, files=files, needs=tuple(row.get("needs", ())))


def _file(row: Mapping[str, Any], places: list[str]) -> ModelFile:
    return ModelFile(
        name=row["name"],
        urls=tuple(place.format(release=row.get("release", ""), file=row["name"]) for place in places),
        sha256=row.get("sha256"),
        md5=row.get("md5"),
        also=tuple(row.get("also", ())),
        size=row.get("size"),
        signature=_signature(row),
    )


def _signature(row: Mapping[str, Any]) -> Signature:
    hints = row.get("hints", {})
    return Signature(
        inputs=_shapes(row.get("inputs", {})),
        output=tuple(row.get("output", ())),
        weight=tuple(row.get("weight", ())),
        keys=_shapes(row.get("keys", {})),
        half=hints.get("half"),
        key_hints=_shapes(hints.get("keys", {})),
    )


def _shapes(row: Mapping[str, list[int]]) -> dict[str, Shape]:
    return {name: tuple(shape) for name, shape in row.items()}
