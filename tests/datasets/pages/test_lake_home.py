"""The lake on Home: what needs somebody, the steps of the night, the last nights, freshest and stalest; its board."""

from __future__ import annotations

from datetime import timedelta

import pytest

from datasets.models import Chore, ExportBundle, LakeEntry, Snapshot, Upkeep
from tests.kit import exports, lake
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)
HOME = "/lakehouse/_home/"


def audited(owner, **result):
    now = db.now()
    found = {"entries": 1, "drifted": {"count": 0}, "toxic": {"count": 0}} | result
    ok = not any(found[name]["count"] for name in ("drifted", "toxic"))
    return Upkeep.everyone.create(
        tenant=owner.tenant, chore=Chore.AUDIT, ok=ok, result=found, started_at=now, finished_at=now
    )


def test_an_empty_lake_adds_nothing_to_home(owner, browse):
    browser = browse(owner)
    assert browser.get(HOME).content == b""
    assert 'hx-get="/lakehouse/_home/"' in browser.get("/").content.decode()


def test_what_needs_somebody_is_told_once_a_cause_with_its_action(owner, stranger, browse, golden):
    told = browse(owner).get(HOME).context["needs"]
    assert [(one["title"], one["label"]) for one in told] == [
        ("1 session in quarantine", "Settle"),
        ("1 entry late", "Refresh"),
    ]
    assert "BINANCE:ETH-BTC in crypto_bars_1d, due 2024-11-" in told[1]["words"]
    ExportBundle.everyone.create(
        tenant=owner.tenant, night=db.now().date(), created_at=db.now(), state="failed", error={"message": "disk full"}
    )
    audited(owner, drifted={"count": 2})
    told = browse(owner).get(HOME).context["needs"]
    assert [one["title"] for one in told[2:]] == ["Tonight's export failed", "The data audit found something"]
    assert "2 drifted" in told[3]["words"]
    assert browse(stranger).get(HOME).content == b""


def test_the_steps_of_the_night_say_how_it_went(owner, browse, golden):
    text = browse(owner).get(HOME).content.decode()
    steps = ["Ingest", "Audit", "Backfill", "Curate", "QC", "Export"]
    assert [text.index(f"<b>{one}</b>") for one in steps] == sorted(text.index(f"<b>{one}</b>") for one in steps)
    assert 'hx-get="/lakehouse/ingests/_night/"' in text
    assert "Has not run yet." in text
    assert "1 session</a> missing in 1 entry" in text
    assert "2 commits in 24 hours" in text
    assert "1 session</a> kept out" in text
    audited(owner)
    text = browse(owner).get(HOME).content.decode()
    assert "1 entry, 0 drifted, 0 toxic sessions" in text
    Upkeep.everyone.update(result={"entries": 0})
    assert "Has not run yet." in browse(owner).get(HOME).content.decode()


def test_coverage_freshest_and_stalest_are_those_of_the_lake(owner, browse, tmp_path):
    exports.fill(owner, tmp_path)
    now = db.now()
    first, last = LakeEntry.of(owner.tenant.id).order_by("instrument")[:2]
    LakeEntry.everyone.filter(id=first.id).update(fetched_at=now - timedelta(days=3))
    LakeEntry.everyone.filter(id=last.id).update(fetched_at=now - timedelta(seconds=5))
    found = browse(owner).get(HOME).context
    assert (found["stalest"]["entry"].id, found["freshest"]["entry"].id) == (first.id, last.id)
    told = found["lake"]
    assert found["covered"] == pytest.approx(100 * (told["green"] + told["amber"]) / told["sessions"])


def test_the_last_nights_are_bars_and_a_missing_one_shows(owner, browse, golden):
    today = db.now().date()
    for back, state in ((5, "expired"), (3, "failed")):
        ExportBundle.everyone.create(
            tenant=owner.tenant, night=today - timedelta(days=back), created_at=db.now(), state=state
        )
    states = [one["state"] for one in browse(owner).get(HOME).context["nights"]]
    assert states == ["none"] * 8 + ["expired", "missing", "failed", "missing", "missing", "none"]


def test_the_board_lists_what_is_overdue_and_the_last_audit(owner, browse, golden):
    audited(owner, toxic={"count": 1})
    found = browse(owner).get("/lakehouse/quality/")
    text = found.content.decode()
    assert [one["entry"].instrument for one in found.context["late"]] == ["BINANCE:ETH-BTC"]
    assert "Refresh all 1" in text
    assert "1 toxic session" in text
    assert 'hx-get="/vendors/_faults/"' in text
    LakeEntry.everyone.update(expected_next=db.now() + timedelta(days=1))
    assert "Nothing is overdue" in browse(owner).get("/lakehouse/quality/").content.decode()


def test_a_damaged_snapshot_needs_somebody(owner, browse, golden):
    Snapshot.everyone.create(
        tenant=owner.tenant, name="run-1", start_ns=0, end_ns=lake.DAY, grade="AMBER", digest="0", damaged=2,
        entries=1, segments=1, rows=1, size_bytes=1, expires_at=db.now(), created_at=db.now(),
    )  # fmt: skip
    assert "Snapshot run-1" in [one["title"] for one in browse(owner).get(HOME).context["needs"]]
