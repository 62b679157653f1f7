"""``visard events``."""

from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.api.schema import Event


@click.command("events")
@common
@pass_output
def command(output: Output) -> None:
    """Tell what happens, line by line, until the daemon ends; with --json one object a line."""
    from visard.daemon.api.client import Client

    with Client() as daemon, daemon.events() as events:
        for event in events:
            click.echo(event.model_dump_json() if output.json else _line(event))


def _line(event: "Event") -> str:
    from visard.daemon.api.schema import Job, Problem, Status
    from visard.daemon.cli.status_text import who

    if event.event == "status":
        status = Status.model_validate(event.data)
        return f"{status.state:<9} {who(status)}"
    if event.event == "progress":
        job = Job.model_validate(event.data)
        share = "" if job.progress is None else f" {job.progress:.0%}"
        return f"job       {job.title}{share}{f': {job.error}' if job.error else ''}"
    problem = Problem.model_validate(event.data)
    return f"problem   {problem.message}"
