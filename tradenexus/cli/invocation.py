"""One run of `nexus`: its global options, and what is built from them at first use (settings, output, connection)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from tradenexus.cli import config as configuration
from tradenexus.cli import credentials
from tradenexus.cli.failures import AuthNeeded, Usage
from tradenexus.cli.filtering import Filter
from tradenexus.cli.output import Output

if TYPE_CHECKING:
    import typer

    from tradenexus.cli.client import Client


@dataclass
class Options:
    """The global options as they stood on the command line."""

    profile: str | None = None
    url: str | None = None
    json: str | None = None
    jq: str | None = None
    jsonl: bool = False
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    no_input: bool = False
    yes: bool = False
    utc: bool = False
    local: bool = False
    timeout: float | None = None
    wide: bool = False
    flags: dict[str, str | None] = field(init=False)
    filter: Filter | None = field(init=False)

    def __post_init__(self) -> None:
        if self.json is not None and self.jsonl:
            raise Usage("--json and --jsonl exclude each other")
        if self.jq is not None and self.jsonl:
            raise Usage("--jq and --jsonl exclude each other", why="--jq prints a result a line as it is")
        if self.utc and self.local:
            raise Usage("--utc and --local exclude each other")
        zone = "UTC" if self.utc else "local" if self.local else None
        self.filter = Filter(self.jq) if self.jq is not None else None
        output = "jsonl" if self.jsonl else "json" if self.json is not None or self.filter else None
        self.flags = {"profile": self.profile, "url": self.url, "tz": zone, "output": output}

    @property
    def as_json(self) -> bool:
        """Whether errors are wanted as JSON."""
        return self.json is not None or self.jsonl


def version() -> str:
    """Return the version of this program."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("trade-nexus")
    except PackageNotFoundError:
        return "0.1.0"


class Invocation:
    """What a command works with: `nx.client`, `nx.out`, `nx.config`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.new_profile = False  # whether the command may name a profile that does not exist yet
        self.began = time.monotonic()

    @cached_property
    def config(self) -> configuration.Config:
        """The settings in force."""
        return configuration.load(self.options.flags, new_profile=self.new_profile)

    @cached_property
    def out(self) -> Output:
        """Where data and notes go."""
        fields = [name for name in (self.options.json or "").split(",") if name and name != "*"]
        return Output(
            self.config["output"],
            fields=fields,
            filter_=self.options.filter,
            quiet=self.options.quiet,
            wide=self.options.wide,
            color=not self.options.no_color,
            local=self.config["tz"] == "local",
        )

    @cached_property
    def client(self) -> Client:
        """The connection with the profile's token; AuthNeeded when there is none."""
        token, _ = credentials.token(self.config)
        if not token:
            raise AuthNeeded(
                f"no token for {self.config['url']} in profile {self.config.profile.text!r}",
                why="keys are made in Settings > Keys of the web pages, or by `nexus key create`",
                hint="nexus auth login --with-token < token.txt   (or set NEXUS_TOKEN)",
            )
        return self.connect(token)

    def connect(self, token: str | None) -> Client:
        """Return a connection with this token, or with none."""
        from tradenexus.cli.client import Client

        agent = f"nexus/{version()} python/{sys.version_info.major}.{sys.version_info.minor}"
        patience = float(self.config["retry_s"])
        say: Callable[[str], None] = self.out.note
        return Client(self.config["url"], token, agent=agent, retry_s=patience, say=say, trace=self.options.verbose)

    def web(self, *parts: str) -> str:
        """Return the URL of a page: web("datasets", "ds_...")."""
        return "/".join((self.config["url"].rstrip("/"), *parts)) + "/"

    def time_left(self) -> float | None:
        """Seconds until --timeout, None without one."""
        if self.options.timeout is None:
            return None
        return self.options.timeout - (time.monotonic() - self.began)

    def interactive(self) -> bool:
        """Whether a question can be asked: a terminal on both sides and no --no-input."""
        return not self.options.no_input and sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be taken back; --yes skips, and without a terminal it is refused."""
        if self.options.yes:
            return
        if not self.interactive():
            raise Usage(f"not done: {question}", why="nobody can be asked here", hint="say --yes")
        if self.ask(f"{question} [y/N]").strip().lower() not in ("y", "yes"):
            raise Usage("not done", code="DECLINED")

    def ask(self, question: str, *, secret: bool = False) -> str:
        """Ask for a line of text on the terminal."""
        if secret:
            import getpass

            return getpass.getpass(f"{question}: ", stream=sys.stderr)
        sys.stderr.write(f"{question} ")
        sys.stderr.flush()
        return sys.stdin.readline().rstrip("\n")

    def close(self) -> None:
        """Close what was opened, and say once a day when server and program differ in version."""
        client = self.__dict__.get("client")
        if client is None:
            return
        client.close()
        if client.server_version and minor(client.server_version) != minor(version()):
            self._warn_once_a_day(
                f"this is nexus {version()}, the server is {client.server_version}: update the older one"
            )

    def _warn_once_a_day(self, text: str) -> None:
        stamp = configuration.state_dir() / "skew-warned"
        today = date.today().isoformat()
        if stamp.is_file() and stamp.read_text("utf-8") == today:
            return
        configuration.write_private(stamp, today)
        self.out.note(text)


def minor(text: str) -> tuple[str, ...]:
    """Return major and minor of a version."""
    return tuple(text.split(".")[:2])


def of(ctx: typer.Context) -> Invocation:
    """Return the run that a command belongs to."""
    return ctx.find_root().obj
