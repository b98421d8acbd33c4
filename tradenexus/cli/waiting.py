"""Following a job: prints its page first, long-polls until it ends, and turns how it ended into an exit code.

Ctrl-C leaves the job running (130, with the command to go on watching); --timeout hit is 8; a failed gate is 7.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tradenexus.cli import figures
from tradenexus.cli.failures import Failure, GateFailed, Interrupted, StillPending
from tradenexus.cli.progress import Board

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

FINAL = frozenset({"succeeded", "failed", "cancelled", "stalled"})
POLL_S = 20
PATIENCE_S = 120.0
GATE_REASONS = ("VALIDATION_FAILED", "QUALITY", "GATE")


def announce(nx: Invocation, job: dict[str, Any]) -> None:
    """Print where the job can be watched."""
    nx.out.note(f"Web: {nx.web('jobs', job['id'])}")


def follow(nx: Invocation, job: dict[str, Any], *, again: str = "") -> dict[str, Any]:
    """Wait until the job is final and return it; `again` is the command shown when the person stops waiting."""
    announce(nx, job)
    hint = again or f"nexus job watch {job['id']}"
    try:
        with Board(quiet=nx.options.quiet) as board:
            while job["state"] not in FINAL:
                board.show([(job["kind"], line(job), part(job))])
                job = poll(nx, job)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped watching; {job['id']} goes on", hint=hint) from None
    return job


def poll(nx: Invocation, job: dict[str, Any]) -> dict[str, Any]:
    """Ask for the job once, held by the server up to 20 s; StillPending when --timeout is used up."""
    left = nx.time_left()
    check_time(nx, f"{job['id']} is still {job['state']}", f"nexus job watch {job['id']}")
    wait = POLL_S if left is None else max(1, min(POLL_S, int(left)))
    began = time.monotonic()
    fresh = nx.client.get(f"/v1/jobs/{job['id']}", {"wait": wait}, patience_s=PATIENCE_S)["job"]
    if fresh["state"] not in FINAL and time.monotonic() - began < 0.2:
        time.sleep(0.2)  # a server that does not hold the call must not be hammered
    return fresh


def check_time(nx: Invocation, still: str, again: str) -> None:
    """Raise StillPending when --timeout is used up."""
    left = nx.time_left()
    if left is not None and left <= 0:
        raise StillPending(still, why="--timeout was hit", hint=again)


def line(job: dict[str, Any]) -> str:
    """Return the progress of a job on one line: state, phase, part done, rate, time left."""
    progress = job.get("progress") or {}
    parts = [job["state"]]
    if progress.get("phase"):
        parts.append(str(progress["phase"]))
    done, total = progress.get("done"), progress.get("total")
    if done is not None and total:
        bytes_ = progress.get("unit", "bytes") == "bytes"
        parts.append(figures.percent(int(done), int(total)))
        parts.append(figures.pair(int(done), int(total)) if bytes_ else f"{int(done):,}/{int(total):,}")
    elif done is not None:
        parts.append(f"{int(done):,} {progress.get('unit') or ''}".strip())
    left = progress.get("etaS")
    if left:
        parts.append(f"eta {figures.span(float(left))}")
    return "  ".join(parts)


def part(job: dict[str, Any]) -> int:
    """Return how much of a job is done in whole percent, 0 when it cannot be told."""
    progress = job.get("progress") or {}
    done, total = progress.get("done"), progress.get("total")
    return int(done) * 100 // int(total) if done is not None and total else 0


def succeed(job: dict[str, Any], *, what: str = "") -> dict[str, Any]:
    """Return the job when it succeeded; else raise the Failure that says why it did not."""
    if job["state"] == "succeeded":
        return job
    error = job.get("error") or {}
    code = str(error.get("code") or job["state"].upper())
    kind = GateFailed if any(word in code for word in GATE_REASONS) else Failure
    raise kind(
        f"{what or job['kind']} {job['state']}" + (f": {error['message']}" if error.get("message") else ""),
        code=code,
        why=f"{code} · {job['id']}, attempt {job.get('attempts', '?')}",
        hint=f"nexus job logs {job['id']}   (again: nexus job retry {job['id']})",
        details=error.get("details"),
    )


def finish(nx: Invocation, job: dict[str, Any], *, what: str = "", again: str = "") -> dict[str, Any]:
    """Follow a job and insist that it succeeded."""
    return succeed(follow(nx, job, again=again), what=what)
