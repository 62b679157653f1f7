"""``visard models``: networks that others publish, with their licences."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.models import ModelFileInfo, ModelInfo
    from visard.models.store import Licence, Store

_PATH = click.Path(path_type=Path)
accept_option = click.option(
    "--accept-licence", is_flag=True, help="You have read the licence, which is shown, and accept it."
)
progress_option = click.option(
    "--progress/--no-progress", "shown", default=None, help="Show a bar.  [default: on a terminal]"
)


@click.group("models", no_args_is_help=True)
@common
def command() -> None:
    """Networks that others publish: swappers, animators, enhancers and what finds things in front of faces.

    None ships with Visard. What is fetched or imported is checked before anything uses it.
    """


@command.command("list")
@click.option("--here", is_flag=True, help="Only those that are here.")
@click.option("--task", metavar="TASK", help="Only those for this: one_shot, enhance, occlude and so on.")
@common
@pass_output
def list_(output: Output, here: bool, task: str | None) -> None:
    """List the models, their licences and what is here."""
    from visard.models.store.spec import TASKS

    if task not in (None, *TASKS):
        raise click.BadParameter(f"{task!r} is none of {', '.join(TASKS)}", param_hint="--task")
    infos = _infos(_store())
    chosen = [each for each in infos if (each.here or not here) and task in (None, each.task)]
    output.result([each.model_dump(mode="json") for each in chosen], _table(chosen))


@command.command()
@click.argument("name")
@common
@pass_output
def show(output: Output, name: str) -> None:
    """Show what is known about a model: licence, files, hashes, and how to get it."""
    from visard.daemon.service.model_files import info

    store = _store()
    found = info(store, store.get(name))
    output.result(found.model_dump(mode="json"), _details(found))


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@accept_option
@progress_option
@common
@pass_output
def fetch(output: Output, names: tuple[str, ...], accept_licence: bool, shown: bool | None) -> None:
    """Fetch models from where they are published; what broke off goes on where it was."""
    from visard.daemon.foreground.signals import terminating
    from visard.daemon.service.model_files import info

    store, done = _store(), []
    licences = {spec.name: spec.licence for spec in (store.get(name).spec for name in names)}
    _agree(output, store, licences, accept_licence)
    for name in licences:
        with terminating(), output.working(f"fetching {name}", shown) as report:
            done.append(info(store, store.fetch(name, report)))
    lines = [*map(_came, done), *_lacking(store, licences)]
    output.result([each.model_dump(mode="json") for each in done], "\n".join(lines))


@command.command("import")
@click.argument("path", type=_PATH, metavar="FILE|FOLDER")
@click.option("--as", "name", metavar="NAME", help="Which model it is, where what it holds fits several.")
@click.option("--by-name", is_flag=True, help="Where what a file holds fits several, let its name choose.")
@accept_option
@progress_option
@common
@pass_output
def import_(
    output: Output, path: Path, name: str | None, by_name: bool, accept_licence: bool, shown: bool | None
) -> None:
    """Take models from a file or folder of this machine; each is known by what it holds.

    A folder may hold other files too. Those that do not come are listed, and the exit status is 1 when one
    of them is called like a model.
    """
    from visard.daemon.foreground.signals import terminating

    store = _store()
    with terminating(), output.working(f"importing {path.name}", shown) as report:
        findings = store.look(path.expanduser(), name, report, by_name=by_name)
    _agree(output, store, findings.licences, accept_licence)
    with terminating(), output.working(f"importing {path.name}", shown) as report:
        findings = store.take(findings, report)
    facts = {
        "imported": [
            {"model": each.what.spec.name, "file": each.what.file.name, "path": str(each.path),
             "sha256": each.what.sha256, "published": each.what.published}
            for each in findings.found
        ],
        "refused": [{"path": str(path), "reason": reason} for path, reason in findings.refused],
    }  # fmt: skip
    lines = [
        f"{each.path.name} is {each.what.spec.name}" + _pinned(each.what.published) for each in findings.found
    ]
    lines += [f"left out: {reason}" for _, reason in findings.refused]
    lines += _lacking(store, findings.licences)
    output.result(facts, "\n".join(lines))
    if findings.bad:
        click.get_current_context().exit(1)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@progress_option
@common
@pass_output
def verify(output: Output, names: tuple[str, ...], shown: bool | None) -> None:
    """Read models again, all that are here or these, and say whether they are as they came."""
    store = _store()
    wanted = names or tuple(each.spec.name for each in store.list() if each.here)
    for name in wanted:
        with output.working(f"checking {name}", shown) as report:
            store.verify(name, report)
    text = "\n".join(f"{name} is as it came" for name in wanted) or "no model is here"
    output.result({"verified": list(wanted)}, text)


@command.command()
@click.argument("name")
@click.option("--forget", is_flag=True, help="Forget its pinned hash and the accepted licence too.")
@common
@pass_output
def remove(output: Output, name: str, forget: bool) -> None:
    """Delete a model's files, and what was made of them."""
    store = _store()
    held = store.remove(name, forget=forget)
    back = store.command(held.spec)
    output.result(
        {"removed": held.spec.name, "command": back}, f"removed {held.spec.name}; get it back with: {back}"
    )


def _lacking(store: "Store", names: Iterable[str]) -> list[str]:
    """Say what else these models need that is not here."""
    needs = dict.fromkeys(each for name in names for each in store.get(name).spec.needs)
    lacking = [held.spec for held in map(store.get, needs) if not held.here]
    return [f"to be used it needs more: {store.command(*lacking)}"] if lacking else []


def _store() -> "Store":
    from visard.daemon.config import paths
    from visard.daemon.config.file import ConfigFile
    from visard.models.store import open_store

    config = ConfigFile(paths.config() / "config.toml").config
    return open_store(paths.data() / "models", config.models_mirror)


def _infos(store: "Store") -> "list[ModelInfo]":
    from visard.daemon.service.model_files import info

    return [info(store, held) for held in store.list()]


def _agree(output: Output, store: "Store", licences: "Mapping[str, Licence]", accept: bool) -> None:
    """Show the licences that are not accepted yet, and go on when they are; raises LicenceNotAccepted."""
    asked = {name: licence for name, licence in licences.items() if not store.get(name).accepted}
    if asked and (accept or sys.stdin.isatty()):
        for words in dict.fromkeys(licence.words for licence in asked.values()):
            output.note(words)
        if not accept:
            click.confirm(f"Do you accept this for {', '.join(asked)}?", abort=True, err=True)
            accept = True
    store.accept(licences, accept)


def _table(infos: "Iterable[ModelInfo]") -> str:
    from visard.daemon.cli.engines.tables import columns, size

    rows = [
        (each.name, each.task, each.licence.id, size(each.size) if each.size else "-", _state(each))
        for each in infos
    ]
    return columns(("model", "task", "licence", "size", "state"), rows) if rows else "there is none"


def _state(info: "ModelInfo") -> str:
    if info.here:
        return "here"
    some = sum(file.here for file in info.files)
    return (
        f"{some} of {len(info.files)} files are here" if some else "" if info.fetchable else "to be imported"
    )


def _details(info: "ModelInfo") -> str:
    licence = info.licence
    use = "any use" if licence.commercial else "no commercial use"
    asked = "" if not licence.ask else ", accepted" if licence.accepted else ", to be accepted first"
    lines = [
        f"{info.name}: {info.title} ({info.task}, {info.family})",
        f"licence    {licence.name} ({licence.id}): {use}{asked}",
        f"           {licence.text} {licence.url}",
        f"source     {info.source}",
        *_needs(info),
        f"state      {_state(info) or 'not here'}" + ("" if info.here else f"; get it with: {info.command}"),
    ]
    return "\n".join([*lines, *(line for file in info.files for line in _file(file))])


def _needs(info: "ModelInfo") -> Iterable[str]:
    for need in info.needs:
        use = "any use" if need.commercial else "no commercial use"
        yield f"needs      {need.name} ({need.licence}: {use}), {'here' if need.here else 'not here'}"
    if info.licence.commercial and not all(need.commercial for need in info.needs):
        yield "           so with what it needs there is no commercial use, whatever its own licence says"


def _file(file: "ModelFileInfo") -> Iterable[str]:
    from visard.daemon.cli.engines.tables import size

    yield f"file       {file.name}{f', {size(file.size)}' if file.size else ''}"
    known = "pinned at the first use" if file.pinned else "published"
    if file.sha256:
        yield f"           sha256 {file.sha256} ({known})"
    else:
        other = f", but md5 {file.md5}" if file.md5 else ": it is pinned at the first use"
        yield f"           sha256 is not published{other}"
    if file.origin:
        yield f"           from {file.origin}"
    elif not file.urls:
        yield "           no program can fetch it from where it is published: it has to be imported"
    for url in file.urls:
        yield f"           {url}"
    yield f"           holds {file.expected}"


def _came(info: "ModelInfo") -> str:
    return f"{info.name} is here" + _pinned(not any(file.pinned for file in info.files))


def _pinned(published: bool) -> str:
    return "" if published else "; nobody publishes its hash: it is pinned as it is from now on"
