"""`python -m benchmarks.queueapp.drain N`: one worker's loop, as a worker process runs it, until N jobs are done.

It says "ready", waits for a line, and says how many it did.
"""

from __future__ import annotations

import sys

import django


def drain(most: int) -> int:
    """Claim, run and settle jobs until there are none or so many are done; return how many."""
    from tradenexus.jobs import runner

    return runner.wake(most=most)


if __name__ == "__main__":
    django.setup()
    from django.db import connection

    from tradenexus.jobs import registry

    connection.ensure_connection()
    registry.names()
    print("ready", flush=True)
    sys.stdin.readline()
    print(drain(int(sys.argv[1])), flush=True)
