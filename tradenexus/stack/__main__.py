"""`python -m tradenexus.stack up | status | stop | demo`: the embedded stack, no other service needed."""

import argparse
import os
import signal
import sys
import time

from tradenexus.stack import guard, plan, ports
from tradenexus.stack.home import Home, HomeBusy
from tradenexus.stack.supervisor import Supervisor, say

STOP_WITHIN_S = 30.0


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, do it, return the exit code."""
    arguments = _parser().parse_args(argv)
    home = Home(arguments.home)
    return arguments.do(home, arguments)


def up(home: Home, arguments: argparse.Namespace) -> int:
    """Bring the stack up on `home` and keep it up; 3 when another stack holds the home."""
    home.make()
    try:
        home.lock()  # the descriptor lives as long as the guard and the supervisor
    except HomeBusy as error:
        print(f"Refused: {error}. Stop it with: python -m tradenexus.stack stop", file=sys.stderr)
        return 3
    return guard.run(lambda: _supervise(home, arguments))


def demo(home: Home, arguments: argparse.Namespace) -> int:
    """Take one file all the way over the API and the command line; 0 only if every step was true."""
    from tradenexus.stack import demo as telling  # numpy: not in the supervisor

    return telling.run(home, arguments.once)


def status(home: Home, arguments: argparse.Namespace) -> int:
    """Print whether the stack runs, where, and with which processes; 0 only when it is ready."""
    state = home.read_state()
    if not state:
        print(f"not running (data: {home.root})")
        return 1
    ready = ports.get(int(state["url"].rpartition(":")[2]), "/readyz") == 200
    print(f"{state['url']} {'ready' if ready else 'NOT READY'}  data: {home.root}")
    for name, pid in state["pids"].items():
        print(f"  {name:8} {pid or 'down, restarting'}  restarts {state['restarts'].get(name, 0)}")
    return 0 if ready else 1


def stop(home: Home, arguments: argparse.Namespace) -> int:
    """Stop the stack that runs on `home` and wait until all of it is gone."""
    state = home.read_state()
    if not state:
        print("not running")
        return 0
    os.kill(state["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    while home.is_locked():
        if time.monotonic() > deadline:
            print(f"still stopping after {STOP_WITHIN_S:.0f} s (process {state['pid']})", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("stopped")
    return 0


def _supervise(home: Home, arguments: argparse.Namespace) -> int:
    sandbox_port = ports.free() if plan.wants_sandbox() else 0
    web = ports.listen(arguments.port)
    port = web.getsockname()[1]
    if arguments.port not in (0, port):
        say(f"Port {arguments.port} is taken; using {port}.")
    env = plan.environment(home, sandbox_port, port)
    return Supervisor(home, plan.embedded(home, env, sandbox_port), web, say).run(arguments.once_ready)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tradenexus.stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="up | status | stop | demo")
    for name, do in (("up", up), ("status", status), ("stop", stop), ("demo", demo)):
        command = commands.add_parser(name, help=do.__doc__)
        command.add_argument("--home", default=os.environ.get("NEXUS_HOME") or "./var")
        command.set_defaults(do=do)
        if name == "up":
            command.add_argument(
                "--port", type=int, default=int(os.environ.get("PORT") or 8000), help="0 = any free one"
            )
            command.add_argument("--once-ready", action="store_true", help="stop again as soon as it is ready")
        if name == "demo":
            command.add_argument("--once", action="store_true", help="stop after the story")
    return parser


if __name__ == "__main__":
    sys.exit(main())
