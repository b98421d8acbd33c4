"""`nexus help`: topics that belong to no single command."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import config, failures, invocation, params
from tradenexus.cli.output import Column

app = params.verb()
REFS = (
    ("btc", "the dataset of that name, in the version the action is for"),
    ("btc@7", "its version 7"),
    ("btc@published", "its newest published version"),
    ("ds_...", "a dataset by id; ds_...@7 one version of it"),
    ("https://.../datasets/ds_.../", "a pasted page"),
)
ENVIRONMENT = (
    *((variable, f"the setting `{key}`") for key, variable in config.ENVIRONMENT.items()),
    ("NEXUS_TOKEN", "the token, over what `nexus auth login` keeps"),
    ("NEXUS_PROFILE", "the profile"),
    ("NEXUS_CONFIG", "the configuration file"),
    ("NO_COLOR", "no colour"),
)
TOPICS = {"exit-codes": failures.EXIT_CODES, "refs": REFS, "environment": ENVIRONMENT}


@app.command()
def help_(ctx: typer.Context, topic: Annotated[str, typer.Argument(help=", ".join(TOPICS))] = "") -> None:
    """Explain a topic: exit-codes, refs, environment. Example: nexus help exit-codes"""
    nx = invocation.of(ctx)
    if topic not in TOPICS:
        raise failures.Usage(
            f"no topic {topic!r}" if topic else "which topic?", why=f"one of {', '.join(TOPICS)}", hint="nexus --help"
        )
    items = [{"name": str(name), "meaning": meaning} for name, meaning in TOPICS[topic]]
    nx.out.rows(items, (Column("NAME", "name"), Column("MEANING", "meaning")))
