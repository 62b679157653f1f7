"""``visard engines list`` and ``clear``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.engines.tables import Notes, columns, size
from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.engines import BackendInfo, CachedInfo, EnginesInfo


@click.command("list")
@common
@pass_output
def list_(output: Output) -> None:
    """List what can run networks here, the networks that ship with Visard, and what is compiled."""
    from visard.daemon.diagnostics.engine_report import everything
    from visard.models.bundled import shipped

    info, names = everything(), list(shipped())
    facts = {**info.model_dump(mode="json", exclude={"serving"}), "networks": names}
    output.result(facts, _text(info, names))


def _text(info: "EnginesInfo", names: list[str]) -> str:
    notes = Notes()
    backends = columns(("backend", "version", "state"), [_backend(each, notes) for each in info.backends])
    kept = f"compiled, {size(info.bytes)} of at most {size(info.limit)} in {info.folder}"
    head = ("network", "backend", "device", "precision", "size", "last used", "state")
    rows = list(map(_kept, info.cached))
    return "\n".join(
        [
            backends + notes.below(),
            "",
            f"networks: {', '.join(names)}",
            "",
            f"{kept}:" if rows else f"nothing is {kept}",
            *([columns(head, rows)] if rows else []),
        ]
    )


def _backend(info: "BackendInfo", notes: Notes) -> tuple[str, str, str]:
    ways = ", ".join(f"{device} ({', '.join(names)})" for device, names in info.precisions.items())
    return (
        info.name,
        info.version or "-",
        ways if info.available else f"not here: {notes.refer(info.reason, 60)}",
    )


def _kept(info: "CachedInfo") -> tuple[str, ...]:
    used = f"{info.used.astimezone():%Y-%m-%d %H:%M}"
    return info.model, info.backend, info.device, info.precision, size(info.bytes), used, info.verdict


@click.command("clear")
@click.option("--backend", metavar="NAME", help="What this backend compiled.")
@click.option("--model", metavar="MODEL|FILE", help="What was compiled of this network.")
@click.option(
    "--all", "everything", is_flag=True, help="All that is compiled, and what backends keep beside."
)
@common
@pass_output
def clear(output: Output, backend: str | None, model: str | None, everything: bool) -> None:
    """Remove compiled networks; they are compiled again when they are needed."""
    if everything == bool(backend or model):
        raise click.UsageError("Say --all, or which: --backend, --model or both.")
    from visard.engines.cache.cache import Cache
    from visard.models.bundled import shipped

    cache, known = Cache(), shipped()
    before = cache.size()
    name = None if model is None else (known[model].name if model in known else Path(model).name)
    gone = cache.clear(name, backend)
    freed = before - cache.size()
    output.result(
        {"removed": len(gone), "bytes": freed},
        f"removed {len(gone)} compiled network{'s' * (len(gone) != 1)}, {size(freed)}",
    )
