"""``visard doctor``: what is here and what is missing."""

from dataclasses import asdict

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("doctor")
@common
@pass_output
@click.pass_context
def command(ctx: click.Context, output: Output) -> None:
    """Say what is here, what is missing and how to get it. The exit status is 0 when the main job can run."""
    from visard.daemon.diagnostics.doctor import examine
    from visard.daemon.diagnostics.findings import render, status

    findings = examine()
    bad = status(findings)
    if output.json:
        output.result({"ok": not bad, "findings": [asdict(finding) for finding in findings]}, "")
    else:
        from rich.console import Console

        Console().print(render(findings), soft_wrap=True)
    ctx.exit(bad)
