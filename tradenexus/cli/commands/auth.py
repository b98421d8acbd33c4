"""`nexus auth`: the token of a profile."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tradenexus.cli import config as configuration
from tradenexus.cli import credentials, invocation, params
from tradenexus.cli.failures import AuthNeeded, Usage
from tradenexus.cli.output import Column

app = params.noun("Who you are to the server.")

WHO = (
    Column("email", "email"),
    Column("workspace", "tenant"),
    Column("role", "role"),
    Column("scopes", "scopes"),
    Column("user id", "userId"),
    Column("workspace id", "tenantId"),
    Column("server", "server"),
    Column("profile", "profile"),
    Column("token from", "tokenFrom"),
)


@app.command()
def login(
    ctx: typer.Context,
    with_token: Annotated[bool, typer.Option("--with-token", help="Read the token from stdin.")] = False,
    web: Annotated[bool, typer.Option("--web", help="Open the page where keys are made, then ask.")] = False,
) -> None:
    """Check a token with the server and keep it.

    Example: nexus --url https://pi:8000 auth login --with-token < token.txt
    """
    nx = invocation.of(ctx)
    nx.new_profile = True
    if with_token and web:
        raise Usage("--with-token and --web exclude each other")
    secret = _secret(nx, with_token, web)
    client = nx.connect(secret)
    me = client.get("/v1/me")
    client.close()
    where = credentials.save(nx.config, secret)
    if nx.config.origin("url") in ("flag", "environment"):
        configuration.set_value(nx.config, "url", nx.config["url"])
    nx.out.note(f"token kept in {where} for {nx.config['url']} (profile {nx.config.profile.text})")
    nx.out.facts(_who(nx, me, where), WHO)


def _secret(nx: invocation.Invocation, with_token: bool, web: bool) -> str:
    if with_token:
        secret = sys.stdin.readline().strip()
    elif nx.interactive():
        nx.out.warn(f"Make a key at {nx.web('settings', 'keys')} and paste it here; it is not shown.")
        if web:
            typer.launch(nx.web("settings", "keys"))
        secret = nx.ask("Token", secret=True).strip()
    else:
        raise Usage("nobody can be asked for the token here", hint="nexus auth login --with-token < token.txt")
    if not secret or not secret.isprintable() or " " in secret:
        raise AuthNeeded("no token was given", why="expected one line such as nx_<prefix>_<secret>")
    return secret


@app.command()
def logout(ctx: typer.Context) -> None:
    """Forget the token of this profile; the key itself stays valid (nexus key revoke).

    Example: nexus --profile pi auth logout
    """
    nx = invocation.of(ctx)
    found = credentials.forget(nx.config)
    note = f"forgot the token of profile {nx.config.profile.text}" if found else "there was no token"
    nx.out.told({"profile": nx.config.profile.text, "forgotten": found}, note)


@app.command()
def whoami(ctx: typer.Context) -> None:
    """Show user, workspace, role and scopes of the token in force. Example: nexus auth whoami --jq .email"""
    nx = invocation.of(ctx)
    nx.out.facts(_who(nx, nx.client.get("/v1/me"), credentials.token(nx.config)[1]), WHO)


def _who(nx: invocation.Invocation, me: dict, source: str) -> dict:
    return me | {"server": nx.config["url"], "profile": nx.config.profile.text, "tokenFrom": source}
