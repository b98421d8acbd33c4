"""`nexus config`: the settings of this program."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import config as configuration
from tradenexus.cli import credentials, invocation, params
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column

app = params.noun("Settings of this program.")

Key = Annotated[str, typer.Argument(metavar="KEY", help=", ".join(configuration.DEFAULTS))]


@app.command()
def get(ctx: typer.Context, key: Key) -> None:
    """Print one setting. Example: nexus config get url"""
    nx = invocation.of(ctx)
    if key not in configuration.DEFAULTS:
        raise Usage(f"there is no setting {key!r}", why=f"settings: {', '.join(configuration.DEFAULTS)}")
    value = nx.config.values[key]
    nx.out.value({"key": key, "value": value.text, "origin": value.origin}, value.text)


@app.command("set")
def set_(ctx: typer.Context, key: Key, value: Annotated[str, typer.Argument(help="New value.")]) -> None:
    """Write one setting into the profile in force. Example: nexus --profile pi config set url http://pi:8000"""
    nx = invocation.of(ctx)
    nx.new_profile = True
    configuration.set_value(nx.config, key, value)
    nx.out.note(f"{nx.config.path}: profile {nx.config.profile.text}, {key} = {value}")


@app.command("list")
def list_(
    ctx: typer.Context,
    show_origin: Annotated[bool, typer.Option("--show-origin", help="Where each value comes from.")] = False,
) -> None:
    """List the settings in force. Example: nexus config list --show-origin"""
    nx = invocation.of(ctx)
    values = {"profile": nx.config.profile, **nx.config.values}
    items = [{"key": key, "value": value.text, "origin": value.origin} for key, value in values.items()]
    token, origin = credentials.token(nx.config)
    items.append({"key": "token", "value": "set" if token else "not set", "origin": origin})
    columns = (Column("KEY", "key"), Column("VALUE", "value"), *((Column("ORIGIN", "origin"),) if show_origin else ()))
    nx.out.rows(items, columns)


@app.command()
def path(ctx: typer.Context) -> None:
    """Print where the configuration file is. Example: nexus config path"""
    nx = invocation.of(ctx)
    path_ = str(configuration.config_path())
    nx.out.value({"path": path_}, path_)
