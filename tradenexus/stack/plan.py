"""What an installation consists of: the environment of its processes, its first-run steps and its children."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tradenexus.stack.home import Home

PROJECT = Path(__file__).resolve().parent.parent.parent
FIRST_USER = ["--tenant", "Local", "--user", "you@localhost", "--staff", "--key-name", "local"]
AGENT = "trade-nexus-local"
APPLICATION = "tradenexus.asgi:application"


class Step(NamedTuple):
    """A command that must succeed before the children start; `keep_output` hands its output to the printer."""

    name: str
    argv: tuple[str, ...]
    keep_output: bool = False


class Plan(NamedTuple):
    """Everything the supervisor runs: stages of steps (those of a stage side by side), the web server, and `services`.

    `only_for` maps the name of a service to environment that just it may know.
    """

    env: dict[str, str]
    stages: list[list[Step]]
    services: dict[str, list[str]]
    web: list[str]
    only_for: dict[str, dict[str, str]] = {}


def environment(home: Home, sandbox_port: int, web_port: int, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the children's environment: what is set stays, what is missing gets the embedded default."""
    env = {
        "PYTHONUNBUFFERED": "1",
        # Fewer arenas: the resting processes give back what a burst of threads took.
        "MALLOC_ARENA_MAX": "2",
        "NEXUS_PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        **base,
        "NEXUS_HOME": str(home.root),
        "DJANGO_SETTINGS_MODULE": "tradenexus.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), base.get("PYTHONPATH", "")))),
    }
    if not env.get("NEXUS_SECRET_KEY"):
        env.setdefault("NEXUS_SECRET_KEY_FILE", str(home.secret_key_file))
    if sandbox_port:
        env["LONA_GATEWAY_URL"] = f"http://127.0.0.1:{sandbox_port}"
        env["LONA_AGENT_ID"] = AGENT
        env["LONA_AGENT_TOKEN_FILE"] = str(home.agent_token_file)
        env["LONA_ALLOW_PRIVATE"] = "1"
        env["LONA_PROVIDER_LABEL"] = "Sandbox (local)"
        env.setdefault("LONA_POLL_S", "0.5")  # a local provider needs no politeness
    return env


def wants_sandbox(base: Mapping[str, str] = os.environ) -> bool:
    """Tell whether Lona is played by the local sandbox: yes, unless a gateway is named in the environment."""
    return not base.get("LONA_GATEWAY_URL")


def embedded(home: Home, env: dict[str, str], sandbox_port: int) -> Plan:
    """Return the plan of the real stack: server, worker and, without a real gateway, the Lona sandbox."""
    manage = [sys.executable, str(PROJECT / "manage.py")]
    stages = [
        [
            Step("database", (*manage, "migrate", "--verbosity", "0")),
            Step("static files", (*manage, "browserfiles")),
        ],
        [Step("first user", (*manage, "bootstrap", *FIRST_USER, "--json"), True)],
    ]
    services, only_for = {}, {}
    if sandbox_port:
        services["lona"] = [
            sys.executable, "-m", "lona.sandbox", "--port", str(sandbox_port), "--home", str(home.sandbox),
        ]  # fmt: skip
        token = home.agent_token_file.read_text().strip()
        only_for["lona"] = {"NEXUS_SANDBOX_AGENT_ID": AGENT, "NEXUS_SANDBOX_AGENT_TOKEN": token}
    services["worker"] = [*manage, "worker"]
    return Plan(env, stages, services, [sys.executable, "-m", "tradenexus.stack.web", APPLICATION], only_for)
