"""What is held of a body at most, and that its batches are written in order, alone, and none after one that failed."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from datasets.models import UploadSession
from datasets.uploads import body, disk, durable, ledger, sessions
from datasets.uploads.reception import BLOCK_BYTES
from datasets.uploads.wanted import NewUpload


def test_calls_in_line_run_in_order_and_one_at_a_time():
    line, seen, at_once = body._Line(), [], []
    alone = threading.Lock()

    def note(number):
        at_once.append(alone.acquire(blocking=False))
        time.sleep(0.0005)
        seen.append(number)
        alone.release()

    calls = [line.submit(note, number) for number in range(200)]
    for call in calls:
        call.result(10)
    assert seen == list(range(200))
    assert all(at_once)


def test_after_a_call_that_failed_none_is_made():
    line, gate, made = body._Line(), threading.Event(), []

    def fail():
        gate.wait(10)
        raise OSError("the disk")

    calls = [line.submit(fail), line.submit(made.append, 1)]
    gate.set()
    for call in [*calls, line.submit(made.append, 2)]:
        with pytest.raises(OSError, match="the disk"):
            call.result(10)
    assert made == []


@pytest.mark.django_db(transaction=True)
def test_while_a_leaf_is_being_synced_a_megabyte_is_taken_at_most(owner, monkeypatch):
    """A power cut in that moment takes the leaf, and what is held; a killed process what is held."""
    length = 2 * ledger.LEAF_BYTES + 5000
    session = sessions.start(owner.actor, NewUpload("t.csv", "text/csv", length))
    descriptor = disk.try_lock(session.id)
    data, gate, asked = os.urandom(length), threading.Event(), []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda number: (gate.wait(30), sync(number)))

    async def receive():
        at = sum(asked)
        part = memoryview(data)[at : at + BLOCK_BYTES]
        asked.append(len(part))
        return {"type": "http.request", "body": part, "more_body": at + len(part) < length}

    async def slow_disk():
        taking = asyncio.create_task(body.take(receive, durable.Writer(session, descriptor), 30.0, lambda: None))
        before = -1
        while before != sum(asked) or before < ledger.LEAF_BYTES:
            before = sum(asked)
            await asyncio.sleep(0.3)
        offset = await asyncio.to_thread(lambda: UploadSession.everyone.values_list("offset", flat=True).get())
        stopped_at = sum(asked), os.fstat(descriptor).st_size, offset
        gate.set()
        return stopped_at, await taking

    try:
        (taken, written, offset), ending = asyncio.run(slow_disk())
    finally:
        gate.set()
        os.close(descriptor)
    assert (written, offset) == (ledger.LEAF_BYTES, 0)
    assert ledger.LEAF_BYTES <= taken <= ledger.LEAF_BYTES + (1 << 20)
    assert ending == "whole"
    assert UploadSession.everyone.get().offset == length
    assert disk.data_path(session.id).read_bytes() == data
