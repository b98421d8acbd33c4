"""`nexus completion`: the script that makes a shell complete nexus commands."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, params
from tradenexus.cli.failures import Usage

app = params.verb()
SHELLS = ("bash", "zsh", "fish", "powershell")


@app.command()
def completion(
    ctx: typer.Context, shell: Annotated[str, typer.Argument(metavar="SHELL", help=", ".join(SHELLS))]
) -> None:
    """Print the completion script of a shell. Example: source <(nexus completion bash)"""
    nx = invocation.of(ctx)
    nx.out.raw("a completion script")
    from typer.completion import get_completion_script

    if shell not in SHELLS:
        raise Usage(f"no completion for {shell!r}", why=f"one of {', '.join(SHELLS)}")
    script = get_completion_script(prog_name="nexus", complete_var="_NEXUS_COMPLETE", shell=shell)
    nx.out.line(script)
