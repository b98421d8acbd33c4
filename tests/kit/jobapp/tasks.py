"""Kinds of jobs that behave well or badly. Effects are lines in a file: one append a finished effect."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

from tradenexus.errors import Unavailable, Unprocessable
from tradenexus.events import outbox
from tradenexus.jobs import registry, schedules


class Refused(Unprocessable):
    """The test's own refusal."""

    code = "TEST_REFUSED"


def note(run: Any, word: str) -> None:
    """Append a line to the file the params name: one write, so that lines of many processes do not mix."""
    path = run.params.get("file")
    if path:
        with Path(path).open("a") as stream:
            stream.write(f"{word} {run.job.ref} {run.token} {os.getpid()}\n")


@registry.handler("test.echo", "Echo for a test")
def echo(run):
    """Finish in an effect."""
    time.sleep(run.params.get("nap_s", 0.0))
    with run.effect() as effect:
        effect.finish({"echo": run.params.get("text")})
    note(run, "done")
    return {"ignored": True}


@registry.handler("test.effect", "Effect for a test")
def effect_of(run):
    """Leave one audit entry, in the transaction that ends the job."""
    time.sleep(run.params.get("nap_s", 0.0))
    with run.effect() as effect:
        effect.finish({})
        outbox.record(run.actor, "test.effect", run.job.ref)


@registry.handler("test.plain", "Plain for a test")
def plain(run):
    """Finish by returning."""
    note(run, "done")
    return {"plain": True}


@registry.handler("test.heavy", "Heavy for a test", heavy=True)
def heavy(run):
    """Note begin and end around a nap."""
    note(run, "begin")
    time.sleep(run.params.get("nap_s", 0.2))
    note(run, "end")
    return {}


@registry.handler("test.nap", "Nap for a test")
def nap(run):
    """Sleep, reporting progress and asking for a cancel."""
    note(run, "begin")
    total = run.params.get("nap_s", 30)
    begun = time.monotonic()
    while (spent := time.monotonic() - begun) < total:
        run.progress("napping", spent, total, "seconds")
        run.check()
        time.sleep(0.05)
    note(run, "done")
    return {"napped": True}


@registry.handler("test.deaf", "Deaf for a test")
def deaf(run):
    """Sleep without ever asking."""
    note(run, "begin")
    time.sleep(run.params.get("nap_s", 600))
    return {}


def told(run_or_job, actor, error, outcome):
    """Note what on_failure was told."""
    job = getattr(run_or_job, "job", run_or_job)
    path = job.params.get("file")
    if path:
        with Path(path).open("a") as stream:
            stream.write(f"told {job.ref} {outcome} {error.code}\n")


@registry.handler("test.poison", "Poison for a test", max_attempts=2, on_failure=told)
def poison(run):
    """End its process, in the way the params say."""
    note(run, "begin")
    how = run.params["how"]
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "sysexit":
        raise SystemExit(4)
    raise ValueError("a secret nobody may read")


@registry.handler("test.refuse", "Refuse for a test", on_failure=told)
def refuse(run):
    """Fail for good."""
    raise Refused("no", {"why": "because"})


@registry.handler("test.later", "Later for a test", max_attempts=3, on_failure=told)
def later(run):
    """Fail for now, until the attempt the params name."""
    note(run, "begin")
    if run.job.attempts < run.params.get("good_at", 99):
        if "retry_after" in run.params:
            raise Unavailable("a service is down", {"retryAfterSeconds": run.params["retry_after"]})
        raise registry.RetryLater("the world is down", run.params.get("after_s"))
    return {"attempt": run.job.attempts}


@registry.handler("test.badhook", "Badhook for a test", on_failure=lambda *_: 1 / 0)
def badhook(run):
    """Fail, with a hook that fails too."""
    raise Refused("no")


@registry.handler("test.tick", "Tick for a test")
def tick(run):
    """Run by a schedule, in workers that are told so."""
    return {}


if os.environ.get("TEST_SCHEDULE"):
    schedules.every(3_600, "test.tick")
