"""Runs one function in a capped child process that exits: the only way a stranger's bytes are first read.

The child is `datasets.engine.child`: own session, cleared environment, closed descriptors, limits, where the kernel
allows no network and an own process namespace, and under a parent that is root a uid of its own. Here the parent starts
it (`datasets.engine.starting`), watches its memory and the clock, passes its messages on and turns every way it can end
into a result or a ChildFailed.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from datasets.engine import family, handover, identity, starting
from datasets.engine.identity import Identity
from datasets.engine.starting import Process
from datasets.engine.surroundings import ROOT
from tradenexus.errors import Conflict, ProblemError, Unavailable, Unprocessable

_TICK_S = 0.05
_ASK_CANCELLED_S = 0.5
_STDERR_BYTES = 8192
_LINE_BYTES = 64 << 20
_AGAIN_AFTER_S = (0.5, 2.0)
_PROTECTIONS = "datasets.engine.child:protections"


class ChildFailed(Unprocessable):
    """The reading process ended without a result. `code` and `message` say how; the stored file is untouched."""

    code = "CHILD_FAILED"

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None, status: int = 422):
        super().__init__(message, details)
        self.code, self.status = code, status


class ReaderCrashed(Unprocessable):
    """The file made its reader crash, so it cannot be trusted. Write it again with another tool, or as CSV."""

    code = "READER_CRASHED"


class ReaderKilled(Unavailable):
    """Reading processes were killed from outside, each time one was started: perhaps by the kernel for want of memory.

    It says nothing about the file. Free some memory on the machine and try again; nothing accepted is lost.
    """

    code = "READER_KILLED"


class MemoryLimit(Unprocessable):
    """Reading the file needs more memory than a reader is allowed. Split it, or use smaller row groups or records."""

    code = "MEMORY_LIMIT"


class TimeLimit(Unprocessable):
    """Reading the file took longer than a reader is allowed. Split it, or raise the limit in the settings."""

    code = "TIME_LIMIT"


class OutputLimit(Unprocessable):
    """What the file unfolds into is larger than one output file may be. Split it by time or by instrument."""

    code = "OUTPUT_LIMIT"


class DiskFull(Unavailable):
    """No space is left to write the result. Free some under NEXUS_HOME and try again; nothing accepted is lost."""

    code = "DISK_FULL"


class ChildCancelled(Conflict):
    """The work was cancelled while its child was running; the child is gone and its output may be removed."""

    code = "CANCELLED"


@dataclass(frozen=True)
class Limits:
    """What one child may use. `memory_bytes` is resident memory of it and all it starts, the times are seconds."""

    memory_bytes: int = 1 << 30
    cpu_s: int = 900
    wall_s: float = 1800
    file_bytes: int = 64 << 30
    open_files: int = 1024
    network: bool = False


@dataclass
class _Outcome:
    result: Any = None
    error: dict[str, Any] | None = None
    answered: bool = False
    stopped: str | None = None


def run(
    task: str,
    params: dict[str, Any],
    *,
    limits: Limits | None = None,
    on_message: Callable[[dict[str, Any]], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    pass_fds: Sequence[int] = (),
) -> Any:
    """Call `module:function`(params, emit) in a capped child and return its JSON result.

    Files stand in `params` as `handover.reads(path)` and `handover.writes(folder)`: the child may have another uid,
    which reaches nothing else. Each `path` in the result is a plain file in such a folder, or it is not believed.
    `on_message` gets each emitted dict, in this thread. Raises ChildFailed (READER_CRASHED, MEMORY_LIMIT, TIME_LIMIT,
    OUTPUT_LIMIT, or the code of the ProblemError raised there), ChildCancelled when `cancelled()` turns true, and
    whatever the callbacks raise; the child and all it started are gone in every case. A child killed from outside is
    started again, so a task must overwrite what it finds in its folder; READER_KILLED when that does not help.
    """
    limits = limits or Limits()
    on_message, cancelled = on_message or (lambda message: None), cancelled or (lambda: False)
    for pause_s in _AGAIN_AFTER_S:
        try:
            return _run_once(task, params, limits, on_message, cancelled, pass_fds)
        except ChildFailed as failed:
            if failed.code != ReaderKilled.code:
                raise
        # Whoever ends a whole family of processes comes for this one next: the death of its child is no verdict then.
        time.sleep(pause_s)
    return _run_once(task, params, limits, on_message, cancelled, pass_fds)


def _run_once(
    task: str,
    params: dict[str, Any],
    limits: Limits,
    on_message: Callable[[dict[str, Any]], None],
    cancelled: Callable[[], bool],
    pass_fds: Sequence[int],
    proving: bool = False,
) -> Any:
    wanted = not identity.missing() and (proving or _proven().get("own_uid"))
    with identity.taken() if wanted else nullcontext() as own, handover.given(params, own) as given:
        process = _start({"task": task, "params": given.params}, limits, own, [*pass_fds, *given.descriptors])
        watch = _Watch(process, limits, on_message, cancelled)
        try:
            outcome = watch.follow()
        finally:
            _end(process, own)
    result = _conclude(outcome, process.wait(), watch.stderr_tail(), limits)
    try:
        return given.back(result)
    except handover.ForeignOutput as error:
        words = "The reading process named a file as its result that it did not write."
        raise ChildFailed(ReaderCrashed.code, words) from error


def _end(process: Process, own: Identity | None) -> None:
    family.kill(process.pid)
    if own:
        family.kill_user(own.uid)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


@lru_cache(maxsize=1)
def _proven() -> dict[str, Any]:
    """Ask one child what holds when it takes a uid of its own: a kernel may refuse what its parent thinks possible."""
    try:
        return dict(_run_once(_PROTECTIONS, {}, Limits(wall_s=20), lambda said: None, lambda: False, (), proving=True))
    except ChildFailed as failed:
        return {"own_uid": False, "failed": failed.details.get("lastWords") or failed.message}


@lru_cache(maxsize=1)
def capabilities() -> dict[str, Any]:
    """Tell which protections hold on this machine, by asking a child; `notes` explains what is not on."""
    held = dict(run(_PROTECTIONS, {}, limits=Limits(wall_s=20)))
    held.update(new_session=True, cleared_environment=True, closed_descriptors=True, wall_clock=True)
    held["memory_watch"] = family.resident_bytes(os.getpid()) > 0
    notes = {}
    if held["own_uid"]:
        held["home_closed"] = identity.home_is_closed()
        if not held["home_closed"]:
            notes["home_closed"] = "NEXUS_HOME is open to other users, who may read in it: chmod 700 it."
    else:
        notes["own_uid"] = identity.missing() or identity.shut_out()
    if not held["network_off"]:
        notes["network_off"] = "The kernel refuses network namespaces to this user; the child could open connections."
    if not held["pid_namespace"]:
        notes["pid_namespace"] = (
            "No user namespaces: processes started by a child are ended by session, unless they leave it."
        )
    return {**held, "notes": notes}


def _start(work: dict[str, Any], limits: Limits, own: Identity | None, descriptors: Sequence[int]) -> Process:
    process = starting.start(work["task"].partition(":")[0], descriptors)
    # Two lines: how to be confined is ours alone; the work may hold a stranger's bytes and is read after that.
    confinement = json.dumps({"limits": asdict(limits), "identity": asdict(own) if own else None})
    assert process.stdin
    try:
        process.stdin.write(f"{confinement}\n{json.dumps(work)}\n".encode())
        process.stdin.close()
    except BrokenPipeError:
        # It died before reading; how is told by its exit code and last words.
        process.stdin = None
    return process


class _Watch:
    """Reads what the child says and ends it when it takes too long, too much, or is no longer wanted."""

    def __init__(
        self,
        process: Process,
        limits: Limits,
        on_message: Callable[[dict[str, Any]], None],
        cancelled: Callable[[], bool],
    ):
        self._process, self._limits = process, limits
        self._on_message, self._cancelled = on_message, cancelled
        self._deadline = time.monotonic() + limits.wall_s
        self._ask_at = 0.0
        self._line = bytearray()
        self._stderr = bytearray()
        self._outcome = _Outcome()

    def follow(self) -> _Outcome:
        with selectors.DefaultSelector() as selector:
            for pipe in (self._process.stdout, self._process.stderr):
                assert pipe
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while not self._outcome.stopped:
                # The exit is looked at before the read: what was said before dying is then read, and no more awaited.
                ended = self._process.poll() is not None or self._process.stdout not in selector.get_map()
                for key, _ in selector.select(0 if ended else _TICK_S):
                    self._read(selector, key.fileobj)
                if ended and self._drained(selector):
                    return self._outcome
                self._check()
        if self._outcome.stopped == "cancelled":
            raise ChildCancelled("The work was cancelled.")
        return self._outcome

    def stderr_tail(self) -> str:
        return self._stderr.decode("utf-8", "replace").strip()

    def _drained(self, selector: selectors.BaseSelector) -> bool:
        if selector.select(0):
            return False
        # Nobody can answer any more but it still runs: give it a moment to exit by itself before it is ended.
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._outcome.stopped = None if self._outcome.answered else "silent"
        return True

    def _read(self, selector: selectors.BaseSelector, pipe: Any) -> None:
        try:
            data = os.read(pipe.fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not data:
            selector.unregister(pipe)
        elif pipe is self._process.stderr:
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line += line
            self._answer(bytes(self._line))
            self._line.clear()
        self._line += rest
        if len(self._line) > _LINE_BYTES:
            self._outcome.stopped = "talkative"

    def _answer(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            self._outcome.stopped = "garbled"
            return
        if "message" in said:
            self._on_message(said["message"])
            return
        self._outcome.answered = True
        self._outcome.result, self._outcome.error = said.get("result"), said.get("error")

    def _check(self) -> None:
        now = time.monotonic()
        if now > self._deadline:
            self._outcome.stopped = "wall"
        elif family.resident_bytes(self._process.pid) > self._limits.memory_bytes:
            self._outcome.stopped = "memory"
        elif now >= self._ask_at:
            self._ask_at = now + _ASK_CANCELLED_S
            if self._cancelled():
                self._outcome.stopped = "cancelled"


def _conclude(outcome: _Outcome, code: int, last_words: str, limits: Limits) -> Any:
    if outcome.stopped == "wall":
        raise ChildFailed(TimeLimit.code, f"Stopped after {limits.wall_s:g} s.", {"wallSeconds": limits.wall_s})
    if outcome.stopped == "memory":
        raise _memory(limits)
    if outcome.answered and outcome.error:
        error = outcome.error
        raise ChildFailed(error["code"], error["message"], error.get("details"), error.get("status", 422))
    if outcome.answered:
        return outcome.result
    raise _death(outcome, code, last_words, limits)


def _memory(limits: Limits) -> ProblemError:
    mebibytes = limits.memory_bytes >> 20
    words = f"Reading this needs more than the {mebibytes} MiB of memory it is allowed."
    return ChildFailed(MemoryLimit.code, words, {"memoryBytes": limits.memory_bytes})


def _death(outcome: _Outcome, code: int, last_words: str, limits: Limits) -> ProblemError:
    number = -code if code < 0 else code - 128 if code > 128 else 0
    name = signal.Signals(number).name if number in set(signal.Signals) else ""
    if name == "SIGXCPU":
        words = f"Used up its {limits.cpu_s} s of processor time."
        return ChildFailed(TimeLimit.code, words, {"cpuSeconds": limits.cpu_s})
    if "bad_alloc" in last_words or "MemoryError" in last_words or "cannot allocate memory" in last_words.lower():
        return _memory(limits)
    if name == "SIGXFSZ":
        return ChildFailed(OutputLimit.code, "The result would be larger than one file is allowed to be.")
    if name == "SIGKILL" and not outcome.stopped:
        words = "The reading process was killed from outside, perhaps by the kernel for want of memory."
        return ChildFailed(ReaderKilled.code, words, {"signal": name}, ReaderKilled.status)
    if outcome.stopped:
        words = f"The reading process was stopped: it was {outcome.stopped}."
    elif name:
        words = f"The reading process crashed ({name}): this file breaks its reader."
    else:
        words = "The reading process ended without an answer."
    details = {"signal": name, "exitCode": code, "lastWords": _without_paths(last_words)}
    return ChildFailed(ReaderCrashed.code, words, details)


def _without_paths(words: str) -> str:
    return words.replace(f"{ROOT}/", "").replace(f"{sys.base_prefix}/", "").replace(f"{sys.prefix}/", "")[-1500:]


def open_read_only(path: str | Path) -> IO[bytes]:
    """Open `path` for a child to read by descriptor: pass `.fileno()` in `pass_fds` and `/proc/self/fd/N` in params."""
    return open(path, "rb")
