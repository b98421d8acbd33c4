"""`python -m lona.sandbox --port N --home DIR`: serve the stand-in until SIGTERM or SIGINT, then end with status 0.

--home is the sandbox's own folder (default NEXUS_HOME/lona-sandbox). NEXUS_SANDBOX_AGENT_ID with
NEXUS_SANDBOX_AGENT_TOKEN names an agent that exists from the start; NEXUS_SANDBOX_<KNOB> sets a knob.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from lona.sandbox import app, identity, knobs, logs, seeds
from lona.sandbox.edge import Connection
from lona.sandbox.store import Store

log = logging.getLogger("lona.sandbox")


def main() -> int:
    """Serve; returns the exit status: 0 after a signal, 2 when it could not start."""
    given = _arguments()
    logs.configure()
    try:
        settings = knobs.from_environment()
    except knobs.KnobRefused as error:
        log.critical("knob refused", extra={"reason": str(error)})
        return 2
    given.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(given.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        listener = socket.create_server((given.host, given.port), backlog=128)
    except OSError as error:
        log.critical("cannot start", extra={"home": str(given.home), "port": given.port, "reason": str(error)})
        return 2
    store = Store(given.home)
    seeds.plant(store)
    _seed_agent(store)
    _serve(store, settings, listener)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lona.sandbox", description="A local stand-in for Lona.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port; the first log line names it")
    parser.add_argument("--host", default="127.0.0.1")
    default = Path(os.environ.get("NEXUS_HOME", "var")) / "lona-sandbox"
    parser.add_argument("--home", type=Path, default=default)
    return parser.parse_args()


def _seed_agent(store: Store) -> None:
    agent_id, token = os.environ.get("NEXUS_SANDBOX_AGENT_ID"), os.environ.pop("NEXUS_SANDBOX_AGENT_TOKEN", None)
    if agent_id and token:
        identity.seed(store, agent_id, token)


def _serve(store: Store, settings: knobs.Knobs, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app.build(store, settings),
        http=Connection,
        loop="asyncio",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )
    # uvicorn raises the signal again after its graceful end; asked to stop is not failed, so it finds these deaf.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    log.info("listening", extra={"host": listener.getsockname()[0], "port": listener.getsockname()[1]})
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
