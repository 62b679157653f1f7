"""``visard settings``: what a running daemon remembers."""

from typing import TYPE_CHECKING, Any

import click

from visard.daemon.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from visard.daemon.config.file import Config


@click.group("settings", no_args_is_help=True)
@common
def command() -> None:
    """Show and change the settings of the running daemon."""


@command.command("get")
@click.argument("key", required=False)
@common
@pass_output
def get(output: Output, key: str | None) -> None:
    """Show one setting, or all."""
    from visard.daemon.api.client import Client
    from visard.daemon.config.file import check_key

    with Client() as daemon:
        values = daemon.settings().model_dump(mode="json")
    if key is None:
        output.result(values, "\n".join(f"{name} = {_text(value)}" for name, value in values.items()))
    else:
        check_key(key)
        output.result({key: values[key]}, _text(values[key]))


@command.command("set")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--reveal", is_flag=True, help="Also if others may recognise you then; until you hide again.")
@common
@pass_output
def set_(output: Output, key: str, value: str | None, reveal: bool) -> None:
    """Change a setting: KEY VALUE, or KEY=VALUE."""
    from visard.daemon.api.client import Client

    if value is None:
        key, equals, value = key.partition("=")
        if not equals:
            raise click.UsageError(f"Give a value: {key}=VALUE.")
    with Client() as daemon:
        _answer(output, key, daemon.change({key: _value(key, value)}, reveal=reveal))


@command.command("unset")
@click.argument("key")
@common
@pass_output
def unset(output: Output, key: str) -> None:
    """Take a setting back to its default."""
    from visard.daemon.api.client import Client

    with Client() as daemon:
        _answer(output, key, daemon.unset(key))


def _answer(output: Output, key: str, config: "Config") -> None:
    value = config.model_dump(mode="json")[key]
    output.result({key: value}, f"{key} = {_text(value)}")


def _value(key: str, text: str) -> Any:
    """Read a value as JSON, except where the setting is a text; what is not JSON is a text."""
    import json

    from visard.daemon.config.file import Config

    field = Config.model_fields.get(key)
    if field is not None and field.annotation in (str, str | None):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
