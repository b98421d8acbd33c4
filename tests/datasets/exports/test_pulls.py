"""Counting what goes out: to the end, cut short, larger than a step, and twice at once."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from django.db import connection

from datasets.exports import pulls
from datasets.models import ExportBundle, ExportPull
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bundle(owner):
    return ExportBundle.everyone.create(
        tenant=owner.tenant, night=date(2024, 1, 1), created_at=db.now(), manifest_sha256="1" * 64
    )


def test_what_was_cut_counts_as_far_as_it_went_and_not_as_a_file(owner, bundle, monkeypatch):
    monkeypatch.setattr(pulls, "EVERY_BYTES", 10)
    sent = pulls.counted(owner.actor, bundle, iter([b"12345"] * 5))
    for _ in range(4):
        next(sent)
    sent.close()
    row = ExportPull.of(owner.tenant.id).get()
    assert (row.size_bytes, row.files) == (10, 0)
    assert b"".join(pulls.counted(owner.actor, bundle, iter([b"12345"] * 5))) == b"12345" * 5
    row.refresh_from_db()
    assert (row.size_bytes, row.files, row.archives) == (35, 1, 0)


def test_two_at_once_lose_nothing(owner, bundle):
    def pull():
        for _ in range(5):
            pulls.note(owner.actor, bundle, 3, files=1)
        connection.close()

    threads = [threading.Thread(target=pull) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    row = ExportPull.of(owner.tenant.id).get()
    assert (row.size_bytes, row.files) == (60, 20)


def test_another_build_is_counted_apart(owner, bundle):
    pulls.note(owner.actor, bundle, 3)
    bundle.manifest_sha256 = "2" * 64
    pulls.note(owner.actor, bundle, 4)
    assert sorted(ExportPull.of(owner.tenant.id).values_list("size_bytes", flat=True)) == [3, 4]
