"""The operations index says when upkeep was last done, and what is damaged."""

from __future__ import annotations

import pytest

from datasets.maintenance import backup, board, chores, lakescrub
from datasets.models import MIRROR, LakeSegment
from datasets.storage import blobs
from tests.kit import desk, lake
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs import queue

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_was_done_yet():
    assert {line["name"]: line["state"] for line in board.lines()} == {
        "Backup": "none",
        "Scrub": "none",
        "Rows against files": "none",
        "Garbage collection": "none",
        "Data audit": "none",
        "Ledger as files": "none",
    }


def test_what_was_done_is_shown_and_damage_stands_out(owner, tmp_path):
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2]), lake.registered(owner)))
    for chore in ("fsck", "scrub", "gc", "audit"):
        chores.everywhere(chore, {})
    backup.make(tmp_path / "backups")
    with db.atomic():
        queue.submit(None, MIRROR)
    work()
    assert {line["state"] for line in board.lines()} == {"sound"}
    client = desk.operator(owner).client
    page = client.get("/admin/").content.decode()
    assert "1 files named, 0 dangling" in page
    assert "0 segments, 0 versions and 0 other files read" in page
    assert "never" not in page[page.index("<h2>Upkeep</h2>") : page.index("This installation")]

    blobs.delete(LakeSegment.everyone.get().key)
    lakescrub.scrub(owner.tenant.id, whole=True)
    chores.everywhere("fsck", {})
    states = [line["state"] for line in board.lines()]
    assert states == ["sound", "sound", "failed", "sound", "sound", "sound", "failed"]
    assert "1 dangling" in client.get("/admin/").content.decode()
