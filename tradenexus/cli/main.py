"""The root of `nexus`: global options, lazily loaded nouns, and the border where failures become exit codes.

Each noun is one module of `commands`, imported only when it is used, so that a command starts in a fraction of a
second.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tradenexus.cli import helping, output, values
from tradenexus.cli.failures import Failure, Usage
from tradenexus.cli.invocation import Invocation, Options, version

COMMANDS = [
    "auth",
    "key",
    "config",
    "completion",
    "doctor",
    "status",
    "search",
    "open",
    "watch",
    "api",
    "upload",
    "session",
    "sniff",
    "dataset",
    "view",
    "snapshot",
    "validate",
    "transform",
    "quality",
    "publish",
    "publication",
    "lake",
    "export",
    "feature",
    "lona",
    "strategy",
    "backtest",
    "job",
    "ingest",
    "vendor",
    "lineage",
    "audit",
    "maintenance",
    "help",
]

# Global options may stand anywhere, as in `nexus dataset list --json`; not --profile, because validate has its own.
_FLAGS = {
    "--jsonl",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "--no-color",
    "--no-input",
    "--yes",
    "-y",
    "--utc",
    "--local",
    "--wide",
}
_WITH_VALUE = {"--url", "--timeout", "--jq"}


def hoist(args: list[str]) -> list[str]:
    """Move global options to the front; `--json` alone becomes `--json=*`. What follows `--` stays."""
    front: list[str] = []
    rest: list[str] = []
    queue = list(args)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += [word, *queue]
            break
        if word == "--json":
            front.append("--json=*")
        elif word in _FLAGS or word.startswith(("--json=", "--url=", "--timeout=", "--jq=")):
            front.append(word)
        elif word in _WITH_VALUE:
            front += [word, *queue[:1]]
            queue = queue[1:]
        else:
            rest.append(word)
    return front + rest


class Root(TyperGroup):
    """Loads a noun's module when it is asked for, and catches everything at the end."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return COMMANDS

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module of a noun and return its command; None when there is no such noun."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tradenexus.cli.commands.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return _placed(helping.dress(values.lighten(command)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, or suggest the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise _no_command("nexus", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the global options, read without heavy libraries."""
        return [values.light(param) for param in super().get_params(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what nexus is, then examples."""
        helping.write(self, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse with global options hoisted to the front."""
        return super().parse_args(ctx, hoist(args))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end the process with the exit code of what happened."""
        words = list(sys.argv[1:] if args is None else args)
        go = super().main
        sys.exit(_bordered(lambda: go(words, "nexus", complete_var, False, windows_expand_args, **extra), words))


def _no_command(where: str, word: str, known: Sequence[str]) -> Usage:
    close = get_close_matches(word, known, n=3)
    why = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(known)}"
    return Usage(f"there is no command {f'{where} {word}'!r}", why=why, hint=f"{where} --help")


def _placed(command: Any) -> Any:
    """Make the verbs of a noun suggest the nearest one, and failures know which command they are of."""
    verbs = getattr(command, "commands", {})
    if verbs:
        resolve = command.resolve_command

        def resolved(ctx: Any, args: list[str]) -> Any:
            if args[0] not in verbs and not args[0].startswith("-"):
                raise _no_command(ctx.command_path, args[0], list(verbs))
            return resolve(ctx, args)

        command.resolve_command = resolved
    for leaf in verbs.values() or [command]:
        leaf.invoke = partial(_told, leaf.invoke)
    return command


def _told(invoke: Any, ctx: Any) -> Any:
    try:
        return invoke(ctx)
    except Failure as failure:
        failure.command = failure.command or ctx.command_path
        raise


def _bordered(call: Any, words: list[str]) -> int:
    as_json = any(word == "--jsonl" or word.split("=")[0] == "--json" for word in words)
    try:
        return call() or 0
    except Failure as failure:
        output.report(failure, as_json=as_json)
        return failure.exit_code
    except typer.TyperException as error:
        return _usage(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        output.report(Failure("interrupted", code="INTERRUPTED"), as_json=as_json)
        return 130
    except BrokenPipeError:
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - whoever read us has gone; the interpreter still flushes at exit
        return 0
    except Exception as error:  # noqa: BLE001 - the border of the command line
        return _unexpected(error, words, as_json)


def _usage(error: typer.TyperException, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(error.format_message())
        return 2
    ctx = getattr(error, "ctx", None)
    where = f"{ctx.command_path} --help" if ctx is not None else "nexus --help"
    what, _, why = error.format_message().partition(" (Possible")
    failure = Usage(what, why=f"possible{why.rstrip(')')}" if why else "", hint=where)
    output.report(failure, as_json=as_json)
    return failure.exit_code


def _unexpected(error: Exception, words: list[str], as_json: bool) -> int:
    if "-v" in words or "--verbose" in words:
        import traceback

        traceback.print_exc()
    why = f"{type(error).__name__}: {error}"
    output.report(
        Failure("unexpected error in nexus itself", code="CLIENT_ERROR", why=why, hint="run again with -v"),
        as_json=as_json,
    )
    return 1


app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="""Trade Nexus on the command line: market data in, proven good, out to a backtest.

    Example: nexus auth login
    Example: nexus upload btc.csv --wait
    Example: nexus dataset list --json=id,name
    Example: nexus help exit-codes
    """,
)


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"nexus {version()}\n")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    profile: Annotated[str | None, typer.Option(help="Named server of the configuration file.")] = None,
    url: Annotated[str | None, typer.Option(help="Server to talk to.")] = None,
    json: Annotated[
        str | None, typer.Option(metavar="[=FIELDS]", help="Print JSON, whole or the fields named.")
    ] = None,
    jq: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Print what this jq expression makes of the JSON, strings raw.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print lists as one JSON object a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Data and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show each call to the server.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to confirmations.")] = False,
    utc: Annotated[bool, typer.Option("--utc", help="Show times in UTC (default).")] = False,
    local: Annotated[bool, typer.Option("--local", help="Show times in this machine's zone.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Stop waiting after S seconds (exit 8).")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Show all columns.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version.")
    ] = False,
) -> None:
    """Take the global options."""
    if ctx.resilient_parsing:
        return
    chosen = Options(profile, url, json, jq, jsonl, quiet, verbose, no_color, no_input, yes, utc, local, timeout, wide)
    ctx.obj = Invocation(chosen)
    ctx.call_on_close(ctx.obj.close)


def _terminated(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def run() -> None:
    """Start `nexus`: the entry point. SIGTERM is handled like Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminated)
    app(prog_name="nexus")
