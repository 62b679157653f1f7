"""``visard cameras``, ``sources``, ``sinks``, ``processors`` and so on: what there is to choose from."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.schema import CameraInfo, ProcessorInfo
    from visard.engines.plugins import Registry


class Plugin(Protocol):
    """A plugin that is listed."""

    name: str
    summary: str


@click.command("cameras")
@common
@pass_output
def cameras(output: Output) -> None:
    """List the cameras with the names and ids that --source camera:NAME and the setting camera take."""
    from visard.daemon.api.client import Client
    from visard.daemon.errors import DaemonError

    try:
        with Client() as daemon:
            found = daemon.cameras()
    except DaemonError:
        found = _cameras_seen_here()
    text = "\n".join(map(_camera, found)) or "no camera was found; 'visard doctor' tells more"
    output.result([each.model_dump(mode="json") for each in found], text)


@click.command("sources")
@common
@pass_output
def sources(output: Output) -> None:
    """List what --source may be."""
    from visard.daemon import sources

    _list_plugins(output, sources.sources, lambda plugin: plugin.rank)


@click.command("sinks")
@common
@pass_output
def sinks(output: Output) -> None:
    """List what --sink may be."""
    from visard.daemon import sinks

    _list_plugins(output, sinks.sinks, lambda plugin: plugin.rank)


@click.command("occluders")
@common
@pass_output
def occluders(output: Output) -> None:
    """List what --occluder may be, besides none."""
    from visard.models.occluder import occluders

    _list_plugins(output, occluders, lambda plugin: plugin.name)


@click.command("enhancers")
@common
@pass_output
def enhancers(output: Output) -> None:
    """List what --enhancer may be, besides none."""
    from visard.models.enhancer import enhancers

    _list_plugins(output, enhancers, lambda plugin: plugin.name)


@click.command("processors")
@common
@pass_output
def processors(output: Output) -> None:
    """List what --processor may be; with --json the options of each."""
    from visard.daemon.personas.describe import describe

    found = describe()
    output.result([each.model_dump(mode="json") for each in found], "\n".join(map(_processor, found)))


def _processor(info: "ProcessorInfo") -> str:
    if info.broken is not None:
        return f"{info.name:<12} cannot be used: {info.broken}"
    made_of = " or ".join(each if each == "photo" else f".{each}" for each in info.accepts)
    return f"{info.name:<12} {info.kind:<8} {made_of:<10} {info.summary}"


def _cameras_seen_here() -> "list[CameraInfo]":
    """Return what this process sees by itself; nobody has chosen yet."""
    from visard.daemon.api.schema import CameraInfo
    from visard.daemon.sources._cameras import list_cameras

    return [
        CameraInfo(id=each.stable_id, name=each.name, path=each.path, busy=each.busy, chosen=False)
        for each in list_cameras()
    ]


def _camera(info: "CameraInfo") -> str:
    marks = ", ".join(mark for mark, true in (("chosen", info.chosen), ("in use", info.busy)) if true)
    return f"{info.name} ({info.id}){f' {marks}' if marks else ''}"


def _list_plugins(output: Output, registry: "Registry[Any]", order: Callable[[Any], Any]) -> None:
    """Print the plugins of a registry and those that cannot be used here."""
    plugins: list[Plugin] = sorted(registry.all().values(), key=order)
    facts: list[dict[str, str | None]] = [
        {"name": plugin.name, "summary": plugin.summary, "broken": None} for plugin in plugins
    ]
    facts += [{"name": name, "summary": None, "broken": reason} for name, reason in registry.broken.items()]
    lines = [
        f"{fact['name']:<10} {fact['summary'] or 'cannot be used: ' + str(fact['broken'])}" for fact in facts
    ]
    output.result(facts, "\n".join(lines))
