"""``visard engines clear``."""

from pathlib import Path

import click

from visard.daemon.cli.engines.tables import size
from visard.daemon.cli.output import Output, common, pass_output


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
