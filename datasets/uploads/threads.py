"""The threads of the byte path: one pool writes, another asks the database, so that a slow disk delays no look-up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections

Result = TypeVar("Result")

_writers = ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1)), thread_name_prefix="upload-write")
_askers = ThreadPoolExecutor(4, thread_name_prefix="upload-ask")


def submit(verb: Callable[..., Result], *args: Any) -> Future[Result]:
    """Start a call in a writing thread."""
    return _writers.submit(_fresh, verb, args)


async def write(verb: Callable[..., Result], *args: Any) -> Result:
    """Run a call in a writing thread to its end, also when the waiting task is cancelled."""
    return await finished(submit(verb, *args))


async def ask(verb: Callable[..., Result], *args: Any) -> Result:
    """Run a database look-up in a thread."""
    return await finished(_askers.submit(_fresh, verb, args))


async def finished(call: Future[Result]) -> Result:
    """Wait for a call; cancelling the waiter does not cancel the call."""
    return await asyncio.shield(asyncio.wrap_future(call))


def _fresh(verb: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    # These threads outlive requests: Django's own request signals never reach them, and a resting thread that kept its
    # connection would use up what the database server has to give.
    close_old_connections()
    try:
        return verb(*args)
    finally:
        close_old_connections()
