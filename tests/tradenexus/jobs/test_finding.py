"""Which jobs a list means, and that each filter has its index."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.jobs import finding, subjects

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "job_newest"),
        ({"state": "failed"}, "job_by_state"),
        ({"kind": "test.plain"}, "job_by_kind"),
        ({"subject": "dsv_1"}, "job_subject"),
    ],
)
@pytest.mark.skipif("not __import__('tradenexus.db').db.is_sqlite()", reason="PostgreSQL reads an empty table whole")
def test_a_filter_reads_through_its_index(owner, asked, index):
    rows = finding.matching(owner.tenant.id, asked).order_by("-created_at", "-id")[:100]
    assert index in rows.explain()


@pytest.mark.parametrize(("text", "back"), [("15m", 15 * 60), ("24h", 86_400), ("7d", 7 * 86_400)])
def test_a_span_counts_back_from_now(text, back):
    assert abs((db.now() - finding.since(text)) - timedelta(seconds=back)) < timedelta(seconds=5)


def test_a_day_or_a_time_is_utc_unless_it_says_otherwise():
    assert finding.since("2026-11-20").isoformat() == "2026-11-20T00:00:00+00:00"
    assert finding.since("2026-11-20T01:00:00+01:00").isoformat() == "2026-11-20T00:00:00+00:00"


@pytest.mark.parametrize("text", ["yesterday", "9999d9", "24", "-1h", "20261120T", "\x00"])
def test_what_is_no_time_is_refused(owner, text):
    with pytest.raises(BadRequest):
        finding.matching(owner.tenant.id, {"since": text})


def test_live_is_queued_or_running(owner, submit, claimed):
    running, waiting = claimed(), submit()
    assert {job.pk for job in finding.matching(owner.tenant.id, {"state": "live"})} == {running.pk, waiting.pk}


def test_typed_ids_are_found_in_any_depth():
    ref = f"dsv_{'a' * 32}"
    assert subjects.named_in({"x": [{"y": ref}], "z": f"not {ref}"}) == [ref]
