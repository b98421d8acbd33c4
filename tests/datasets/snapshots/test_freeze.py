"""Freezing: what is there is held for good, and everything unfit is named at once."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from datasets.lake import frozen, ledger, scan
from datasets.models import LakeEntry, LakeMember, LakeSegment, Snapshot, SnapshotMember
from datasets.snapshots import freeze
from tests.kit import desk, lake
from tests.kit.lake import DAY, MONDAY
from tests.kit.stocked import END, NAMES, START, TABLE, closes
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)


def refused(stocked, **more):
    with pytest.raises(freeze.MembersUnfit) as told:
        stocked.freeze(**more)
    assert not Snapshot.everyone.exists()
    assert not SnapshotMember.objects.exists()
    return {each["instrument"]: each["faults"] for each in told.value.details["members"]}


def test_a_snapshot_names_the_segments_and_their_digests(stocked, owner):
    snapshot = stocked.freeze()
    assert (snapshot.entries, snapshot.segments, snapshot.rows) == (3, 6, 1200)
    manifest = frozen.manifest_of(snapshot)
    assert [each["instrument"] for each in manifest["entries"]] == list(NAMES)
    listed = [segment["sha256"] for each in manifest["entries"] for segment in each["segments"]]
    assert sorted(listed) == sorted(LakeSegment.of(owner.actor.tenant_id).values_list("sha256", flat=True))
    assert {each["grade"] for each in manifest["entries"]} == {"GREEN"}
    entry = desk.newest(owner, "snapshot.frozen")
    assert (entry.subject, entry.details["digest"]) == (snapshot.ref, snapshot.digest)


def test_only_segments_that_hold_the_range_are_members(stocked):
    snapshot = stocked.freeze(start=(MONDAY + 10) * DAY, end=(MONDAY + 20) * DAY)
    assert snapshot.segments == 3
    one = frozen.entries_of(snapshot, instruments={NAMES[0]})[0]
    rows = pa.concat_tables(scan.tables_of(frozen.part_of(snapshot, one)))
    assert rows["close"].to_pylist() == closes(0)[10:20].tolist()


def test_what_the_lake_becomes_later_does_not_reach_a_snapshot(stocked):
    snapshot = stocked.freeze()
    before = frozen.manifest_of(snapshot)
    stocked.put(NAMES[0], closes(7), policy="newer")
    assert frozen.manifest_of(snapshot) == before
    one = frozen.entries_of(snapshot, instruments={NAMES[0]})[0]
    rows = pa.concat_tables(scan.tables_of(frozen.part_of(snapshot, one)))
    assert rows["close"].to_pylist() == closes(0).tolist()
    assert stocked.freeze("run-2").digest != snapshot.digest


def test_nothing_removes_what_a_snapshot_holds(stocked):
    snapshot = stocked.freeze()
    LakeMember.objects.all().delete()
    with pytest.raises(ProtectedError), db.atomic():
        LakeSegment.everyone.filter(snapshot_members__snapshot=snapshot).delete()
    with pytest.raises(ProtectedError), db.atomic():
        snapshot.delete()


def test_missing_stale_ungraded_and_short_members_are_all_named(stocked, owner):
    stocked.put("BINANCE:NEO-BTC", [100, 101, 9000, 102])  # one toxic session, and 396 days nobody asked for
    found = refused(stocked, instruments=[*NAMES, "BINANCE:NEO-BTC", "BINANCE:NOT-THERE"], max_staleness_s=60.0)
    codes = {name: [fault["code"] for fault in faults] for name, faults in found.items()}
    assert codes == {
        **{name: ["STALE"] for name in NAMES},
        "BINANCE:NEO-BTC": ["STALE", "UNGRADED", "SHORT"],
        "BINANCE:NOT-THERE": ["MISSING"],
    }
    stale, ungraded, short = found["BINANCE:NEO-BTC"]
    assert stale["fetchedAt"] == lake.FETCHED.isoformat()
    assert (ungraded["grade"], ungraded["wanted"], ungraded["red"]) == ("RED", "AMBER", 1)
    assert short["uncovered"] == [{"start": "2024-10-11T00:00:00Z", "end": "2025-11-11T00:00:00Z"}]


def test_an_entry_without_rows_in_the_range_is_missing(stocked):
    found = refused(stocked, start=(MONDAY - 20) * DAY, end=(MONDAY - 10) * DAY)
    assert {fault["code"] for faults in found.values() for fault in faults} == {"MISSING"}
    assert found[NAMES[0]][0]["held"]["first"] == "2024-10-07T00:00:00Z"


def test_a_table_that_nobody_knows_and_a_symbol_that_cannot_be_are_refused_before(stocked):
    for more, code in [
        ({"tables": ["nothing"]}, "LAKE_TABLE_UNKNOWN"),
        ({"instruments": ["no colon"]}, "SYMBOL_REFUSED"),
        ({"start": END, "end": START}, "RANGE_REVERSED"),
        ({"instruments": []}, "VALIDATION_ERROR"),
        ({"grade": "PURPLE"}, "VALIDATION_ERROR"),
    ]:
        with pytest.raises(Exception) as told:
            stocked.ask(**more)
        assert told.value.code == code
    with pytest.raises(Exception, match="letters, digits"):
        stocked.ask("../up")


def test_freshness_is_the_catalogs_and_just_fresh_enough_is_fresh(stocked, owner):
    now = db.now()
    LakeEntry.of(owner.actor.tenant_id).update(fetched_at=now - timedelta(seconds=100))
    LakeEntry.of(owner.actor.tenant_id).filter(instrument=NAMES[1]).update(fetched_at=now - timedelta(seconds=500))
    assert list(refused(stocked, max_staleness_s=300.0)) == [NAMES[1]]
    assert stocked.freeze(max_staleness_s=600.0).entries == 3


def test_an_amber_session_is_fit_unless_green_is_wanted(stocked):
    stocked.put("BINANCE:NEO-BTC", [100.0, 101, 140, 141])
    more = {"instruments": ["BINANCE:NEO-BTC"], "end": (MONDAY + 4) * DAY}
    assert refused(stocked, grade="GREEN", **more)["BINANCE:NEO-BTC"][0]["amber"] == 1
    snapshot = stocked.freeze(**more)
    assert snapshot.members.first().grade == "AMBER"
    # before the move all is green
    assert stocked.freeze("run-2", grade="GREEN", **(more | {"end": (MONDAY + 2) * DAY})).segments == 1


@pytest.mark.parametrize("status", ["RED", "GREEN"])
def test_a_reviewers_verdict_counts_while_it_stands(stocked, owner, status):
    name = "BINANCE:NEO-BTC"
    stocked.put(name, [100.0, 101, 9000, 102] if status == "GREEN" else [100.0, 101, 102, 103])
    more = {"instruments": [name], "end": (MONDAY + 4) * DAY}
    entry = LakeEntry.of(owner.actor.tenant_id).get(instrument=name)
    with db.atomic():
        ledger.override(owner.actor, entry, date(2024, 10, 9), status, "looked at", db.now() + timedelta(hours=1))
    if status == "RED":
        assert refused(stocked, **more)[name][0]["red"] == 1
        return
    assert stocked.freeze(**more).entries == 1
    entry.partitions.update(override_until=db.now() - timedelta(seconds=1))
    with pytest.raises(freeze.MembersUnfit):
        stocked.freeze("run-2", **more)


def test_an_events_table_without_an_event_is_held_empty(stocked, owner, tmp_path):
    actions = lake.shaped({"ts_event": pa.array([], pa.int64()), "action": [], "value": []}, "corporate_actions")
    given = lake.offer(tmp_path, actions, NAMES[0], "corporate_actions", start_ns=START, end_ns=END)
    lake.put(owner, tmp_path, given)
    snapshot = stocked.freeze(instruments=[NAMES[0]], tables=[TABLE, "corporate_actions"])
    assert (snapshot.entries, snapshot.segments, snapshot.members.count()) == (2, 2, 3)
    assert frozen.manifest_of(snapshot)["entries"][0]["segments"] == []


def test_short_members_can_be_allowed(stocked):
    stocked.put("BINANCE:NEO-BTC", [100, 101, 103, 102])
    assert stocked.freeze(instruments=["BINANCE:NEO-BTC"], allow_short=True).rows == 4


def test_a_run_that_asks_again_gets_its_snapshot_and_another_ask_is_refused(stocked, owner):
    first = stocked.freeze()
    stocked.put(NAMES[0], closes(7), policy="newer")
    with db.atomic():
        again, made = freeze.freeze(owner.actor, stocked.ask())
    assert (again.id, made) == (first.id, False)
    with pytest.raises(freeze.NameTaken):
        stocked.freeze(grade="GREEN")
    assert Snapshot.everyone.count() == 1


def test_another_workspace_freezes_its_own_lake_only(stocked, owner, stranger):
    stocked.freeze()
    with pytest.raises(freeze.MembersUnfit) as told, db.atomic():
        freeze.freeze(stranger.actor, stocked.ask())
    assert told.value.details["counts"] == {"MISSING": 3}


def test_a_commit_in_between_starts_it_anew(stocked, monkeypatch):
    real, left = freeze._segments, [1]

    def moved(entries, ask):
        found = real(entries, ask)
        if left and left.pop():
            LakeEntry.everyone.filter(instrument=NAMES[0]).update(updated_at=db.now())
        return found

    monkeypatch.setattr(freeze, "_segments", moved)
    assert stocked.freeze().entries == 3
    left.extend([1, 1, 1])
    with pytest.raises(Exception, match="kept changing"):
        stocked.freeze("run-2")


def test_the_number_of_queries_does_not_grow_with_the_members(stocked):
    counts = []
    for number, names in enumerate([NAMES[:1], NAMES]):
        with CaptureQueriesContext(connection) as asked:
            stocked.freeze(f"run-{number}", instruments=names)
        counts.append(len(asked))
    assert counts[0] == counts[1]
