"""``visard uninstall``: no longer start with the session."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("uninstall")
@click.option(
    "--purge", is_flag=True, help="Delete your personas and settings, and what was fetched, as well."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@common
@pass_output
def command(output: Output, purge: bool, yes: bool, dry_run: bool) -> None:
    """Stop the daemon and the icon in the panel, and no longer start them with your session.

    Personas and settings stay, unless --purge is given. Files that you changed are put aside, not deleted.
    """
    from visard.daemon import install
    from visard.daemon.cli.confirm import ask, perform
    from visard.daemon.config import paths

    plan = install.system().uninstall(install.InstallOptions(install.here(), install.environment()))
    places = paths.places()
    if purge:
        if not (yes or dry_run):
            ask(f"Delete your personas in {places['data']} and your settings in {places['config']} for good?")
        plan = install.InstallPlan((*plan.steps, *install.purge()), plan.notes)
    elif install.left():
        kept = f"personas stay in {places['data']}, settings in {places['config']}; --purge deletes them"
        plan = install.InstallPlan(plan.steps, (*plan.notes, kept))
    perform(output, plan, "Visard no longer starts with your session", dry_run=dry_run)
