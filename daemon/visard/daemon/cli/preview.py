"""``visard preview``."""

import click

from visard.daemon.cli.output import Output, common, pass_output


@click.command("preview")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser as well.")
@common
@pass_output
def command(output: Output, opened: bool) -> None:
    """Give the address of a page that shows driver and result; it is good for one visit."""
    from visard.daemon.api.client import Client

    with Client() as daemon:
        url = daemon.preview()
    if opened:
        import webbrowser

        webbrowser.open(url)
    output.result({"url": url}, url)
