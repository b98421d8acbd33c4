"""The capped children of a Dask cluster's workers: the same functions on the same paths, on other machines.

Dask carries the name of a function and its params, paths among them, never data: every worker sees NEXUS_HOME at the
same place. Each attempt writes in a folder of its own, so that a worker that was given up and still runs changes
nothing that is read; when a worker dies, Dask gives its share to another.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from datasets.engine import children, handover
from tradenexus.errors import ProblemError, Unavailable

CONNECT_S, NOBODY_S = 10.0, 60.0
_TICK_S, _ASK_S = 0.1, 0.5


class ComputeUnavailable(Unavailable):
    """The Dask cluster does not answer, or no worker of it does. The job is tried again by itself; nothing is lost."""

    code = "COMPUTE_UNAVAILABLE"


def run(
    address: str,
    task: str,
    shares: Sequence[dict[str, Any]],
    *,
    limits: children.Limits,
    on_message: Callable[[int, dict[str, Any]], None],
    cancelled: Callable[[], bool],
) -> list[Any]:
    """Call `task` for each share at the cluster whose scheduler is `host:port`; return the results in order.

    ComputeUnavailable when nobody answers or no worker comes within a minute; else what the first failing child raises.
    """
    from distributed import Client

    try:
        client = Client(f"tcp://{address}", timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise _away(f"The Dask scheduler at {address} does not answer.") from error
    with client:
        work = _Work(client, task, shares, limits)
        try:
            work.follow(on_message, cancelled)
            return work.results()
        finally:
            work.end()


class _Work:
    """The shares of one job on their way."""

    def __init__(self, client: Any, task: str, shares: Sequence[dict[str, Any]], limits: children.Limits):
        from distributed import Event

        self._client, self._name = client, f"nexus-{uuid4().hex}"
        self._said: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
        self._stop = Event(self._name, client)
        client.subscribe_topic(self._name, lambda event: self._said.put(event[1]))
        self._futures = [
            client.submit(at_worker, task, share, limits, number, self._name, key=f"{self._name}-{number}", pure=False)
            for number, share in enumerate(shares)
        ]

    def follow(self, on_message: Callable[[int, dict[str, Any]], None], cancelled: Callable[[], bool]) -> None:
        """Wait until all shares ended, or one failed."""
        asked = seen = time.monotonic()
        while not all(future.done() for future in self._futures) and not self._errors():
            while not self._said.empty():
                on_message(*self._said.get())
            now = time.monotonic()
            if now - asked >= _ASK_S:
                asked = now
                if cancelled():
                    raise children.ChildCancelled("the work was cancelled while it ran", {"reason": "cancelled"})
                seen = now if self._client.scheduler_info()["workers"] else seen
                if now - seen > NOBODY_S:
                    raise _away("The Dask cluster has no worker.")
            time.sleep(_TICK_S)

    def results(self) -> list[Any]:
        """Return what came of each share, or raise why one failed."""
        # those that were ended because of another say only that
        for error in sorted(self._errors(), key=lambda error: isinstance(error, children.ChildCancelled)):
            raise error
        return [future.result()["result"] for future in self._futures]

    def end(self) -> None:
        """Stop what still runs and forget all of it."""
        self._stop.set()
        self._client.unsubscribe_topic(self._name)
        for future in self._futures:
            future.release()

    def _errors(self) -> list[Exception]:
        return [error for future in self._futures if future.done() and (error := _error(future))]


def _error(future: Any) -> Exception | None:
    if future.status != "finished":  # the function itself catches: a worker was lost too often, or its code is another
        return _away(f"A share of the work was lost by the Dask cluster: {future.exception() or future.status}")
    told = future.result().get("error")
    if told is None:
        return None
    kind = getattr(import_module(told["module"]), told["name"])
    error: Exception = kind.__new__(kind, told["state"]["message"])
    error.__dict__.update(told["state"])
    return error


def _away(words: str) -> ComputeUnavailable:
    return ComputeUnavailable(words, {"retryAfterSeconds": 15})


def at_worker(task: str, params: dict[str, Any], limits: children.Limits, number: int, name: str) -> dict[str, Any]:
    """Run one share in a capped child of this Dask worker -> {result} or {error}: what a `children.run` would raise.

    `name` is the event that says stop, and the topic for what the child says.
    """
    from distributed import Event, get_worker

    worker = get_worker()
    stop = _Stop(Event(name))

    def tell(message: dict[str, Any]) -> None:
        worker.log_event(name, (number, message))

    try:
        own = _in_own_rooms(params)
        return {"result": children.run(task, own, limits=limits, on_message=tell, cancelled=stop)}
    except ProblemError as error:
        kind = type(error)
        return {"error": {"module": kind.__module__, "name": kind.__qualname__, "state": dict(error.__dict__)}}


class _Stop:
    """Whether the event is set; asked at most twice a second, for each time asks the scheduler."""

    def __init__(self, event: Any):
        self._event, self._asked, self._lock = event, 0.0, threading.Lock()

    def __call__(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked < _ASK_S:
                return False
            self._asked = time.monotonic()
        return bool(self._event.is_set())


def _in_own_rooms(value: Any) -> Any:
    """Return the params with a folder of this attempt's own in each folder that is written to."""
    if isinstance(value, handover.Output):
        room = Path(value.folder) / f"attempt-{uuid4().hex}"
        room.mkdir()
        return handover.writes(room, value.name)
    if isinstance(value, dict):
        return {name: _in_own_rooms(each) for name, each in value.items()}
    return [_in_own_rooms(each) for each in value] if isinstance(value, list) else value
