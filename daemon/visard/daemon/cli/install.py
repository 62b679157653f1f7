"""``visard install``: start with the session."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("install")
@click.option("--no-tray", is_flag=True, help="Leave the icon in the panel out.")
@click.option("--no-start", is_flag=True, help="Start nothing now, only with the next session.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@common
@pass_output
def command(output: Output, no_tray: bool, no_start: bool, dry_run: bool) -> None:
    """Start the daemon and the icon in the panel with your session, from now on.

    Only your own account changes. Running it again repairs what is missing and leaves the rest alone.
    """
    from visard.daemon import install
    from visard.daemon.cli.confirm import perform

    wish = install.InstallOptions(install.here(), install.environment(), tray=not no_tray, start=not no_start)
    perform(output, install.system().install(wish), "Visard starts with your session", dry_run=dry_run)
