"""What the daemon remembers: one TOML file that people may edit, and that survives a crash at any moment."""

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import tomlkit
from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from tomlkit.exceptions import TOMLKitError

from visard.daemon.config.settings import Line, Mode, Settings, concealing, reveals
from visard.daemon.errors import ConfigError, WouldReveal
from visard.engines.file_access import make_private, private_file, read_plain

MAX_BYTES = 1 << 20
"""Of a configuration."""


_ADDRESS = r"https?://[A-Za-z0-9._:\[\]-]+(/[!-~]*)?"


def _address(text: str) -> str:
    if text and not re.fullmatch(_ADDRESS, text):
        raise PydanticCustomError(
            "address", "Input should be an address that begins with https:// or http://"
        )
    return text


class Config(Settings):
    """Everything that is remembered: how it looks, and how the daemon works."""

    persona: Line | None = Field(None, description="the persona that is on; none: the first of the library")
    mode: Mode = Field(Mode.swap, description="swap the face, or animate the persona's portrait")
    paused: bool = Field(False, description="show a card instead of the camera, also after a restart")
    camera: Line = Field(
        "auto", min_length=1, max_length=500, description="auto, a camera's id or name, demo, or a video file"
    )
    width: int = Field(
        1280, ge=160, le=3840, multiple_of=2, description="width of the virtual camera, pixels"
    )
    height: int = Field(720, ge=120, le=2160, multiple_of=2, description="height of the virtual camera")
    fps: int = Field(30, ge=1, le=120, description="frames a second to ask the camera for")
    output: Line = Field(
        "camera", min_length=1, max_length=500, description="the virtual camera: camera, or camera:LABEL"
    )
    always_on: bool = Field(False, description="keep the camera on also while nobody watches")
    crossfade: float = Field(0.0, ge=0, le=2, description="seconds in which one persona becomes the next")
    models_mirror: Annotated[str, AfterValidator(_address)] = Field(
        "",
        max_length=500,
        description="address of a folder to fetch models from instead of their publishers",
        json_schema_extra={"pattern": f"^({_ADDRESS})?$"},
    )
    notifications: bool = Field(True, description="let the tray tell of problems")


class ConfigFile:
    """The configuration and the file it lives in; any thread. Comments in the file are kept.

    Without a file it begins with ``values`` and ends with the program.
    """

    def __init__(self, path: Path | None, values: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self._lock = Lock()
        self._document = _parse(path) if path else tomlkit.parse(tomlkit.dumps(values or {}))
        read = _validate(self._document.unwrap(), f"{path}: " if path else "")
        self.softened = concealing(read)
        """What the file holds would have revealed the driver: these values are used instead."""
        self._document.update(self.softened)
        self._config = read.model_copy(update=self.softened)

    @property
    def config(self) -> Config:
        """The present configuration."""
        return self._config

    def change(self, changes: Mapping[str, Any]) -> Config:
        """Check, write and return the configuration with some fields changed; raises ConfigError.

        None takes a field back to its default.
        """
        with self._lock:
            config = self.checked(changes)
            if reveals(config):
                raise WouldReveal.unless("visard settings set")
            document = tomlkit.parse(tomlkit.dumps(self._document))
            for key, value in config.model_dump(mode="json", include=set(changes)).items():
                if changes[key] is None:
                    document.pop(key, None)
                else:
                    document[key] = value
            self._write(tomlkit.dumps(document))
            self._document, self._config = document, config
            return config

    def checked(self, changes: Mapping[str, Any]) -> Config:
        """Return what ``change`` would make of the configuration, changing nothing; raises ConfigError."""
        for key in changes:
            check_key(key)
        wanted = {**self._document.unwrap(), **changes}
        return _validate({key: value for key, value in wanted.items() if value is not None})

    def _write(self, text: str) -> None:
        if self.path is None:
            return
        try:
            make_private(self.path.parent)
            replace_file(self.path, text)
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written ({error.strerror}); nothing was changed"
            ) from error


def replace_file(path: Path, text: str) -> None:
    """Replace a file as one step: readers, and a crash, find the old or the new one whole, and it is private.

    Raises OSError.
    """
    target = path.resolve()  # people keep their configuration elsewhere and link to it
    beside = target.with_suffix(".new")
    with open(beside, "w", encoding="utf-8", opener=private_file) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut, where the system knows how."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _parse(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(read_plain(path, MAX_BYTES).decode("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}. Correct it, or move it away") from error


def _validate(values: Mapping[str, Any], place: str = "") -> Config:
    for key in values:
        check_key(key, place)
    try:
        # As JSON, strict has the meaning that people expect: 1 and 1.0 are numbers, and "1" is not.
        plain = json.dumps({key: whole(value) for key, value in values.items()}, default=str)
        return Config.model_validate_json(plain, strict=True)
    except ValidationError as error:
        raise ConfigError(place + "; ".join(_explain(error))) from error


def whole(value: Any) -> Any:
    """Return 2.0 as 2, which JSON does not tell apart, and everything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _explain(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False):
        yield f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}, not {problem['input']!r}"


def check_key(key: str, place: str = "") -> None:
    """Raise ConfigError for a setting that does not exist, naming the nearest one that does."""
    if key in Config.model_fields:
        return
    near = difflib.get_close_matches(key, Config.model_fields, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(Config.model_fields)}"
    raise ConfigError(f"{place}there is no setting {key!r}; {hint}")
