"""Carrying out a plan of ``install`` or ``uninstall`` and telling of it."""

import sys
from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output

if TYPE_CHECKING:
    from visard.daemon.install import InstallPlan


def perform(output: Output, plan: "InstallPlan", result: str, *, dry_run: bool) -> None:
    """Do all steps, or only say what they would do; progress goes to stderr, the outcome to stdout."""
    from visard.daemon import install

    machine = install.this_machine()
    if dry_run:
        done = install.foresee(plan.steps, machine)
        lines = [f"would {what}" for what in done]
    else:
        done = install.carry_out(plan.steps, machine, output.note)
        lines = [f"{result}."]
    facts = {"dry_run": dry_run, "steps": done, "notes": list(plan.notes)}
    output.result(facts, "\n".join([*lines, *(f"note: {note}" for note in plan.notes)]))


def ask(question: str) -> None:
    """Go on only after a yes; raises Abort, or UsageError when nobody can answer."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody is here to answer; say --yes.")
    click.confirm(question, abort=True, err=True)
