"""Options that several commands share."""

from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from visard.daemon.config.settings import Settings

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode

MODES = ("swap", "animate")  # importing Mode for its names would load OpenCV to show a help text


def _mode(_ctx: click.Context, _option: click.Parameter, value: str) -> "Mode":
    from visard.daemon.config.settings import Mode

    return Mode(value)


def persona_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --persona."""
    text = "A persona of the library or the path of a photo.  [default: the first that ships]"
    return click.option("-p", "--persona", help=text)(function)


def mode_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --mode, which the command gets as a Mode."""
    return click.option(
        "--mode",
        type=click.Choice(MODES),
        default="swap",
        show_default=True,
        callback=_mode,
        help="Swap the face in the frame, or animate the persona's portrait.",
    )(function)


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one argument ``settings``."""

    @wraps(function)
    def collect(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in Settings.model_fields}
        settings = Settings(**{name: value for name, value in chosen.items() if value is not None})
        return function(*args, settings=settings, **kwargs)

    command: Callable[..., Any] = collect
    for name, field in reversed(Settings.model_fields.items()):
        command = _option(name, field)(command)
    return command


def _option(name: str, field: FieldInfo) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    flag = "--" + name.replace("_", "-")
    default = field.default.value if isinstance(field.default, Enum) else field.default
    text = f"{(field.description or '').capitalize()}."
    if field.annotation is bool:
        return click.option(f"{flag}/--no{flag[1:]}", name, default=None, help=text)
    return click.option(flag, name, type=_type(field), default=None, help=f"{text}  [default: {default}]")


def _type(field: FieldInfo) -> "click.ParamType[Any]":
    if isinstance(field.annotation, type) and issubclass(field.annotation, Enum):
        return click.Choice([choice.value for choice in field.annotation])
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    return click.IntRange(low, high) if field.annotation is int else click.FloatRange(low, high)  # type: ignore[arg-type]
