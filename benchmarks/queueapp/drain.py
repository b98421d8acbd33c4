"""`python -m benchmarks.queueapp.drain N [RATE]`: one worker's loop, as a worker process runs it, until N are done.

It says "ready", waits for a line, and says how many it did. RATE: at most so many a second, in bursts of BURST.
"""

from __future__ import annotations

import sys
import time

import django

BURST = 5


def drain(most: int) -> int:
    """Claim, run and settle jobs until there are none or so many are done; return how many."""
    from tradenexus.jobs import runner

    return runner.wake(most=most)


def pace(most: int, rate: float) -> int:
    """The same, at a steady rate."""
    done, began = 0, time.monotonic()
    while done < most:
        time.sleep(max(0.0, began + done / rate - time.monotonic()))
        some = drain(BURST)
        done += some
        if not some:
            break
    return done


if __name__ == "__main__":
    django.setup()
    from django.db import connection

    from tradenexus.jobs import registry

    connection.ensure_connection()
    registry.names()
    print("ready", flush=True)
    sys.stdin.readline()
    count = int(sys.argv[1])
    print(pace(count, float(sys.argv[2])) if len(sys.argv) > 2 else drain(count), flush=True)
