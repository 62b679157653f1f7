"""``visard install`` and ``visard uninstall``: start with the session, or no longer."""

from typing import TYPE_CHECKING

import click

from visard.daemon.cli.output import Output, ask, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.install import InstallPlan

dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.command("install")
@click.option("--no-tray", is_flag=True, help="Leave the icon in the panel out.")
@click.option("--no-start", is_flag=True, help="Start nothing now, only with the next session.")
@dry_run_option
@common
@pass_output
def install(output: Output, no_tray: bool, no_start: bool, dry_run: bool) -> None:
    """Start the daemon and the icon in the panel with your session, from now on.

    Only your own account changes. Running it again repairs what is missing and leaves the rest alone.
    """
    from visard.daemon.install import InstallOptions, environment, installer, visard_command

    options = InstallOptions(visard_command(), environment(), tray=not no_tray, start=not no_start)
    _perform(output, installer().install(options), "Visard starts with your session", dry_run=dry_run)


@click.command("uninstall")
@click.option(
    "--purge", is_flag=True, help="Delete your personas and settings, and what was fetched, as well."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@common
@pass_output
def uninstall(output: Output, purge: bool, yes: bool, dry_run: bool) -> None:
    """Stop the daemon and the icon in the panel, and no longer start them with your session.

    Personas and settings stay, unless --purge is given. Files that you changed are put aside, not deleted.
    """
    from visard.daemon import install
    from visard.daemon.config import paths

    plan = install.installer().uninstall(
        install.InstallOptions(install.visard_command(), install.environment())
    )
    places = paths.places()
    if purge:
        if not (yes or dry_run):
            ask(f"Delete your personas in {places['data']} and your settings in {places['config']} for good?")
        plan = install.InstallPlan((*plan.steps, *install.purge()), plan.notes)
    elif install.user_files_left():
        kept = f"personas stay in {places['data']}, settings in {places['config']}; --purge deletes them"
        plan = install.InstallPlan(plan.steps, (*plan.notes, kept))
    _perform(output, plan, "Visard no longer starts with your session", dry_run=dry_run)


def _perform(output: Output, plan: "InstallPlan", result: str, *, dry_run: bool) -> None:
    """Do all steps, or only say what they would do; progress goes to stderr, the outcome to stdout."""
    from visard.daemon import install

    computer = install.this_computer()
    if dry_run:
        done = install.dry_run(plan.steps, computer)
        lines = [f"would {what}" for what in done]
    else:
        done = install.apply(plan.steps, computer, output.note)
        lines = [f"{result}."]
    facts = {"dry_run": dry_run, "steps": done, "notes": list(plan.notes)}
    output.result(facts, "\n".join([*lines, *(f"note: {note}" for note in plan.notes)]))
