"""Runs the same function in several capped children at once and waits for all: one job over several processors.

Callbacks are called in the caller's thread only, for they write to the database over its connection. When one child
fails, the others are ended: a part of the work is no result.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from datasets.engine import children

_TICK_S = 0.1
_ASK_EVERY = 5  # ticks


def run(
    task: str,
    shares: Sequence[dict[str, Any]],
    *,
    limits: children.Limits,
    on_message: Callable[[int, dict[str, Any]], None],
    cancelled: Callable[[], bool],
) -> list[Any]:
    """Call `task` for each share as `children.run` does and return the results in order; `on_message` gets the number.

    `limits` hold for each child. Raises what the first failing child raises, or ChildCancelled.
    """
    if len(shares) == 1:
        told = [children.run(task, shares[0], limits=limits, on_message=lambda said: on_message(0, said),
                             cancelled=cancelled)]  # fmt: skip
        return told
    said: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
    stop = threading.Event()

    def one(number: int) -> Any:
        return children.run(
            task,
            shares[number],
            limits=limits,
            on_message=lambda message: said.put((number, message)),
            cancelled=stop.is_set,
        )

    with ThreadPoolExecutor(len(shares), "child") as pool:
        running = [pool.submit(one, number) for number in range(len(shares))]
        try:
            _follow(running, said, on_message, cancelled, stop)
        finally:
            stop.set()
    return _results(running)


def _follow(
    running: list[Future[Any]],
    said: queue.SimpleQueue[tuple[int, dict[str, Any]]],
    on_message: Callable[[int, dict[str, Any]], None],
    cancelled: Callable[[], bool],
    stop: threading.Event,
) -> None:
    ticks = 0
    while True:
        done, pending = wait(running, _TICK_S, FIRST_EXCEPTION)
        while not said.empty():
            on_message(*said.get())
        if not pending:
            return
        if any(future.exception() for future in done) or (ticks % _ASK_EVERY == 0 and cancelled()):
            stop.set()
        ticks += 1


def _results(ended: list[Future[Any]]) -> list[Any]:
    errors = [error for future in ended if (error := future.exception())]
    # those that were ended because of another say only that
    for error in sorted(errors, key=lambda error: isinstance(error, children.ChildCancelled)):
        raise error
    return [future.result() for future in ended]
