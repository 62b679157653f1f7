"""Options that several commands share."""

import re
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from annotated_types import Ge, Le, MultipleOf
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from visard.daemon.config.settings import Settings

if TYPE_CHECKING:
    from visard.daemon.config.settings import Mode
    from visard.models.processor import Kind

_TIME = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):(?=[0-5]?\d(?:\.|$)))?(\d+(?:\.\d+)?)")
MODES = ("swap", "animate")  # importing Mode for its names would load OpenCV to show a help text


def _mode(_ctx: click.Context, _option: click.Parameter, value: str | None) -> "Mode | None":
    from visard.daemon.config.settings import Mode

    return None if value is None else Mode(value)


class Time(click.ParamType[float]):
    """Seconds, or [HH:]MM:SS[.mmm]."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        if not (parts := _TIME.fullmatch(value)):
            self.fail(f"{value!r} is no time; write seconds or [HH:]MM:SS[.mmm]", param, ctx)
        hours, minutes, seconds = parts.groups("0")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def persona_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --persona."""
    text = (
        "A persona of the library, a photo or a trained model by its path.  [default: the first that ships]"
    )
    return click.option("-p", "--persona", help=text)(function)


def mode_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --mode, which the command gets as a Mode, or as None for what the persona's processor does."""
    return click.option(
        "--mode",
        type=click.Choice(MODES),
        callback=_mode,
        help="Swap the face in the frame, or animate the persona's portrait.  "
        "[default: what the processor does, else swap]",
    )(function)


def processor_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --processor and --option, which the command gets as ``processor`` and ``options``.

    With the class ProcessorCommand its help lists the options that there are.
    """
    text = "What puts the persona on: auto, or a name that 'visard processors' lists."
    return click.option("--processor", type=_ProcessorName(), help=text)(_option_option(function))


def animator_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --animator and --option, which the command gets as ``processor_options`` gives them."""
    text = "What moves the portrait: auto, or an animator that 'visard processors' lists."
    option = click.option("--animator", "processor", type=_ProcessorName("animate"), help=text)
    return option(_option_option(function))


def _option_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--option",
        "options",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_values,
        help="An option of the processor, as often as wanted; 'KEY=' is its default again.",
    )(function)


def _values(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str | None]:
    """Return KEY=VALUE as a dictionary; what is empty is the default."""
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise click.BadParameter(f"{name!r} has no value; write KEY=VALUE")
    return {name.strip().replace("-", "_"): value.strip() or None for name, _, value in pairs}


class _ProcessorName(click.ParamType[str]):
    """``auto`` or the name of a processor; which ones there are is looked up when one is given."""

    name = "name"

    def __init__(self, kind: "Kind | None" = None) -> None:
        """``kind``: of those that may be given; None: any."""
        self._kind = kind

    def _names(self) -> list[str]:
        from visard.models.processor import processors

        found = (one.name for one in processors().values() if self._kind in (None, one.kind))
        return ["auto", *sorted(found)]

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
        """Return the names that begin so."""
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from visard.models.errors import ProcessorUnknown
        from visard.models.processor import find_processor

        try:
            name = "auto" if value == "auto" else find_processor(value).name
        except ProcessorUnknown as error:
            self.fail(str(error), param, ctx)
        if name not in (known := self._names()):
            self.fail(f"{name} can not {self._kind}; choose one of: {', '.join(known)}", param, ctx)
        return name


class ProcessorCommand(click.Command):
    """A command whose help ends with the options of every processor that has some."""

    kinds: frozenset[str] = frozenset(MODES)
    """Of the processors that are listed."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them: name, type or range, default and what each does."""
        from visard.daemon.personas.describe import describe

        for processor in (one for one in describe() if one.kind in self.kinds):
            if fields := processor.options.get("properties"):
                with formatter.section(f"Options of {processor.name}, for --option"):
                    formatter.write_dl([option_help(name, field) for name, field in fields.items()])
        super().format_epilog(ctx, formatter)


class AnimatorCommand(ProcessorCommand):
    """A command whose help ends with the options of every animator."""

    kinds = frozenset({"animate"})


def option_help(name: str, field: dict[str, Any]) -> tuple[str, str]:
    """Return ``NAME=what it may be`` and what it does, from its JSON schema."""
    default = field.get("default")
    text = "none" if default is None else str(default).lower() if isinstance(default, bool) else default
    return f"{name}={_may_be(field)}", f"{field.get('description', '')}  [default: {text}]".strip()


def _may_be(field: dict[str, Any]) -> str:
    kind = next((each for each in field.get("anyOf", ()) if each.get("type") != "null"), field)
    if "enum" in kind:
        return "|".join(map(str, kind["enum"]))
    if kind["type"] == "boolean":
        return "true|false"
    if "minimum" not in kind or "maximum" not in kind:
        return str(kind["type"])
    step = f" in {kind['multipleOf']}s" if "multipleOf" in kind else ""
    return f"{kind['minimum']:g}..{kind['maximum']:g}{step}"


def settings_of(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds options to a command, which gets them as one argument ``settings``."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def collect(*args: Any, **kwargs: Any) -> Any:
            chosen = {name: kwargs.pop(name) for name in names}
            settings = Settings(**{name: value for name, value in chosen.items() if value is not None})
            return function(*args, settings=settings, **kwargs)

        command: Callable[..., Any] = collect
        for name in reversed(names):
            command = _option(name, Settings.model_fields[name])(command)
        return command

    return add


settings_options = settings_of(*Settings.model_fields)


def _option(name: str, field: FieldInfo) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    flag = "--" + name.replace("_", "-")
    default = field.default.value if isinstance(field.default, Enum) else field.default
    text = f"{(field.description or '').capitalize()}."
    if field.annotation is bool:
        return click.option(f"{flag}/--no{flag[1:]}", name, default=None, help=text)
    return click.option(
        flag, name, type=value_type(field), default=None, help=f"{text}  [default: {default}]"
    )


def value_type(field: FieldInfo) -> "click.ParamType[Any]":
    """Return what a field's text may be."""
    if isinstance(field.annotation, type) and issubclass(field.annotation, Enum):
        return click.Choice([choice.value for choice in field.annotation])
    if field.annotation is str:
        return click.STRING
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    step: Any = next((each.multiple_of for each in field.metadata if isinstance(each, MultipleOf)), None)
    if step:
        return click.Choice(range(int(low or 0), int(high or 0) + 1, step))  # type: ignore[call-overload]
    return click.IntRange(low, high) if field.annotation is int else click.FloatRange(low, high)  # type: ignore[arg-type]
