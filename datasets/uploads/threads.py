"""The threads of the byte path: one pool writes, another asks the database.

So a slow disk delays no look-up. A thread keeps its connection to the database from one call to the next, which is
most of what a short call costs, and gives it back when it rests.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import connections

from tradenexus import db

Result = TypeVar("Result")
REST_S = 0.5  # without a call, until a thread gives its connection back: others may need what the database has to give


class Pool:
    """Up to `most` threads that take calls in their order; they start when they are needed and stay."""

    def __init__(self, most: int, name: str):
        self._most, self._name = most, name
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
        self._resting = threading.Semaphore(0)
        self._started = 0
        self._starting = threading.Lock()

    def submit(self, verb: Callable[..., Result], *args: Any) -> Future[Result]:
        """Start a call in one of the threads."""
        call: Future[Result] = Future()
        self._calls.put((call, verb, args))
        if not self._resting.acquire(blocking=False):
            with self._starting:
                if self._started < self._most:
                    self._started += 1
                    threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        return call

    def _work(self) -> None:
        while True:
            call, verb, args = self._next()
            if call.set_running_or_notify_cancel():
                try:
                    result = verb(*args)
                except BaseException as error:  # noqa: BLE001 - it is whoever waits for the call that gets it
                    call.set_exception(error)
                else:
                    call.set_result(result)
            db.drop_broken()
            del call, verb, args  # a resting thread holds on to nothing
            self._resting.release()

    def _next(self) -> tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]:
        try:
            return self._calls.get(timeout=REST_S)
        except queue.Empty:
            connections.close_all()
        return self._calls.get()


_writers = Pool(min(8, 2 * (os.cpu_count() or 1)), "upload-write")
_askers = Pool(4, "upload-ask")


def submit(verb: Callable[..., Result], *args: Any) -> Future[Result]:
    """Start a call in a writing thread."""
    return _writers.submit(verb, *args)


async def write(verb: Callable[..., Result], *args: Any) -> Result:
    """Run a call in a writing thread to its end, also when the waiting task is cancelled."""
    return await finished(submit(verb, *args))


async def ask(verb: Callable[..., Result], *args: Any) -> Result:
    """Run a database look-up in a thread."""
    return await finished(_askers.submit(verb, *args))


async def finished(call: Future[Result]) -> Result:
    """Wait for a call; cancelling the waiter does not cancel the call."""
    return call.result() if call.done() else await asyncio.shield(asyncio.wrap_future(call))
