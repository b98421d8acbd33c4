"""The one door: good rows enter, red sessions stay out, a race has one winner, a key acts once."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest
from django.db import connection

from datasets.lake import commit, scan
from datasets.lake.building import RowsDiffer
from datasets.lake.instruments import InstrumentUnknown
from datasets.lake.segments import RowsRefused
from datasets.models import LakeEntry, LakeMember, LakePartition, LakeQuarantine, LakeRevision, LakeSegment
from datasets.storage import blobs
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "crypto_bars_1d"


def rows_of(person, instrument, table=TABLE, **more):
    entry = scan.entry_of(person.actor.tenant_id, table, instrument)
    return pa.concat_tables(scan.tables_of(scan.locate(entry, **more)))


def test_rows_come_out_as_they_went_in(owner, tmp_path):
    name = lake.registered(owner)
    rows = lake.daily(100 + np.arange(400) / 8)
    done = lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name))
    assert rows_of(owner, name).cast(rows.schema).combine_chunks().equals(rows)
    entry = LakeEntry.of(owner.actor.tenant_id).get()
    assert (entry.revision, entry.rows, entry.grade, entry.quality_score) == (1, 400, "GREEN", 100.0)
    assert (entry.sessions, entry.green) == (400, 400)
    assert (entry.first_ns, entry.last_ns) == (MONDAY * DAY, (MONDAY + 399) * DAY)
    assert entry.coverage == [[MONDAY * DAY, (MONDAY + 400) * DAY]]
    assert entry.fetched_at == lake.FETCHED
    assert LakeSegment.of(owner.actor.tenant_id).count() == 2  # two years
    assert done.summary["added"] == 400
    assert Entry.of(owner.actor.tenant_id).filter(action="lake.ingest", subject=done.ref).exists()


def test_the_same_commit_again_changes_nothing(owner, tmp_path):
    name = lake.registered(owner)
    offer = lake.offer(tmp_path, lake.daily([1, 2, 3]), name)
    first = lake.put(owner, tmp_path, offer, key="one")
    again = lake.put(owner, tmp_path, offer, key="one")
    assert again.id == first.id
    other_key = lake.put(owner, tmp_path, offer, key="two")
    assert (other_key.summary["changed"], other_key.summary["unchanged"]) == (0, 3)
    assert LakeEntry.of(owner.actor.tenant_id).get().revision == 1
    assert LakeRevision.objects.count() == 1
    assert LakeSegment.of(owner.actor.tenant_id).count() == 1


def test_a_toxic_session_stays_out_and_good_history_stays(owner, tmp_path):
    name = lake.registered(owner)
    closes = np.array([100.0, 101, 99, 700, 102, 103])
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name))
    assert rows_of(owner, name)["close"].to_pylist() == [100, 101, 99, 102, 103]
    held = LakeQuarantine.of(owner.actor.tenant_id).get()
    assert (held.code, held.rows, held.state) == ("TOXIC", 1, "held")
    assert blobs.exists(held.key)
    verdict = LakePartition.objects.get(session="2024-10-10")
    assert (verdict.status, verdict.code, verdict.rows, verdict.score) == ("RED", "TOXIC", 0, 0)
    assert LakeEntry.of(owner.actor.tenant_id).get().quality_score == pytest.approx(500 / 6, abs=0.01)


def test_exactly_the_limit_is_not_toxic(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 600, 100]), name))
    assert rows_of(owner, name)["close"].to_pylist() == [100, 600, 100]
    assert LakePartition.objects.filter(status="AMBER", codes__icontains="RET_OUTLIER").count() == 2


def test_a_toxic_restatement_leaves_the_good_rows(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 101, 102]), name))
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 9000, 102]), name, policy="newer"))
    assert rows_of(owner, name)["close"].to_pylist() == [100, 101, 102]
    assert LakeQuarantine.of(owner.actor.tenant_id).count() == 1
    assert LakePartition.objects.get(session="2024-10-08").status == "GREEN"


def test_a_known_split_is_no_surprise(owner, tmp_path):
    name = lake.registered(owner, "XNYS:AIG", "equity", "XNYS")
    when = np.array([(MONDAY + 2) * DAY]).astype("datetime64[ns]")
    split = lake.shaped({"ts_event": when, "action": ["split"], "value": [0.05]}, "corporate_actions")
    lake.put(owner, tmp_path, lake.offer(tmp_path, split, name, "corporate_actions"))
    rows = lake.daily([1.2, 1.16, 23.0, 23.5, 23.6], table="equities_bars")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name, "equities_bars"))
    assert rows_of(owner, name, "equities_bars").num_rows == 5
    assert not LakeQuarantine.of(owner.actor.tenant_id).exists()


def test_every_missing_session_is_in_the_ledger(owner, tmp_path):
    name = lake.registered(owner)
    rows = lake.daily(np.arange(10) + 100.0)
    kept = rows.filter(pa.array([number not in (3, 7) for number in range(10)]))
    lake.put(owner, tmp_path, lake.offer(tmp_path, kept, name))
    missing = LakePartition.objects.filter(code="MISSING").values_list("session", "status", "expected")
    assert [(str(day), status, expected) for day, status, expected in missing.order_by("session")] == [
        ("2024-10-10", "RED", 1),
        ("2024-10-14", "RED", 1),
    ]
    entry = LakeEntry.of(owner.actor.tenant_id).get()
    assert (entry.sessions, entry.green, entry.red, entry.quality_score) == (10, 8, 2, 80.0)


@pytest.mark.parametrize(
    ("calendar", "first", "expected"), [("24/7", "2024-10-07T23:02", 1440), ("XNYS", "2024-10-07T19:58", 390)]
)
def test_rows_that_begin_within_a_session_are_a_part_of_it(owner, tmp_path, calendar, first, expected):
    name = lake.registered(owner, "X:LATE", "equity", calendar)
    start = lake.ns(first)
    stamps = start + np.arange(2, dtype=np.int64) * 60_000_000_000
    rows = lake.bars(stamps, [100.0, 101], table="equities_bars_minute")
    end = int(stamps[-1]) + 60_000_000_000
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name, "equities_bars_minute", start_ns=start, end_ns=end))
    (day,) = LakePartition.objects.all()
    assert (str(day.session), day.code, day.rows, day.expected) == ("2024-10-07", "MISSING_ROWS", 2, expected)


def test_a_day_without_trades_is_remembered_as_one(owner, tmp_path):
    name = lake.registered(owner)
    rows = lake.daily([100, 101, 102]).filter(pa.array([True, False, True]))
    benign = (lake.absence(MONDAY + 1),)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name, benign=benign))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name))
    verdict = LakePartition.objects.get(session="2024-10-08")
    assert (verdict.code, verdict.status, verdict.rows) == ("NO_DATA", "GREEN", 0)


def test_other_values_are_refused_unless_the_policy_says_newer(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 101, 102]), name))
    with pytest.raises(Exception) as refused:
        lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 101.5, 102]), name))
    assert refused.value.code == RowsDiffer.code
    assert refused.value.details["rows"] == 1
    done = lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 101.5, 102]), name, policy="newer"))
    assert rows_of(owner, name)["close"].to_pylist() == [100, 101.5, 102]
    revision = LakeRevision.objects.get(number=2)
    assert {"column": "close", "old": 101.0, "new": 101.5} in [
        {key: each[key] for key in ("column", "old", "new")} for each in revision.changes["samples"]
    ]
    before = LakeRevision.objects.get(number=1).created_at
    assert rows_of(owner, name, as_of=before)["close"].to_pylist() == [100, 101, 102]
    assert done.summary["replaced"] == 1


def test_a_lower_vendor_fills_and_does_not_replace(owner, tmp_path):
    name = lake.registered(owner)
    ranks = {"good": 0, "poor": 1}
    first = lake.offer(tmp_path, lake.daily([100, 101]), name, vendor="good", policy="rank", ranks=ranks)
    lake.put(owner, tmp_path, first)
    other = lake.offer(tmp_path, lake.daily([100, 101.2, 102]), name, vendor="poor", policy="rank", ranks=ranks)
    lake.put(owner, tmp_path, other)
    assert rows_of(owner, name)["close"].to_pylist() == [100, 101, 102]


def test_two_committers_on_one_base_both_enter_one_after_the_other(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100.0]), name))
    faults: list[BaseException] = []

    def one(number: int) -> None:
        try:
            rows = lake.daily([100.0 + number], first_day=MONDAY + number)
            lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name), key=f"race-{number}")
        except Exception as fault:  # noqa: BLE001 (a thread's fault is the test's)
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert rows_of(owner, name)["close"].to_pylist() == [100, 101, 102, 103]
    entry = LakeEntry.of(owner.actor.tenant_id).get()
    assert entry.revision == 4
    assert LakeMember.objects.filter(until_revision=None).count() == 1


def test_all_entries_of_a_commit_change_or_none(owner, tmp_path):
    one, other = lake.registered(owner, "X:A"), lake.registered(owner, "X:B")
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100, 101]), other))
    good = lake.offer(tmp_path, lake.daily([1, 2]), one)
    bad = lake.offer(tmp_path, lake.daily([100, 150]), other)
    with pytest.raises(Exception, match="other values"):
        lake.put(owner, tmp_path, good, bad)
    assert not LakeEntry.of(owner.actor.tenant_id).filter(instrument=one).exists()


def test_a_block_of_another_instrument_never_enters(owner, tmp_path):
    one, other = lake.registered(owner, "X:A"), lake.registered(owner, "X:B")
    stamps = MONDAY * DAY + np.arange(1440, dtype=np.int64) * 60_000_000_000
    clean = lake.bars(stamps, 100 + np.sin(np.arange(1440)), np.arange(1440) + 1.0, "crypto_bars_1m")
    foreign = lake.bars(stamps, 250 + np.cos(np.arange(1440)), np.arange(1440) + 2.0, "crypto_bars_1m")
    planted = pa.concat_tables([clean.slice(0, 600), foreign.slice(600, 40), clean.slice(640)])
    offers = [
        lake.offer(tmp_path, planted, one, "crypto_bars_1m"),
        lake.offer(tmp_path, foreign, other, "crypto_bars_1m"),
    ]
    lake.put(owner, tmp_path, *offers)
    assert LakeQuarantine.of(owner.actor.tenant_id).get().code == "CONTAMINATED"
    assert rows_of(owner, other, "crypto_bars_1m").num_rows == 1440
    assert LakeEntry.of(owner.actor.tenant_id).get(instrument=one).rows == 0


def test_adjusted_prices_do_not_mix_with_raw_ones(owner, tmp_path):
    name = lake.registered(owner)
    raw = 100 + np.sin(np.arange(30))
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(raw), name))
    adjusted = lake.daily(np.append(raw, 101) / 2)
    lake.put(owner, tmp_path, lake.offer(tmp_path, adjusted, name, policy="newer"))
    assert rows_of(owner, name)["close"].to_pylist() == raw.tolist()
    assert set(LakeQuarantine.of(owner.actor.tenant_id).values_list("code", flat=True)) == {"ADJUSTMENT_MIXED"}


@pytest.mark.parametrize("fault", ["unsorted", "doubled", "columns", "outside"])
def test_rows_that_are_not_the_tables_are_refused_by_name(owner, tmp_path, fault):
    name = lake.registered(owner)
    rows = lake.daily([100, 101, 102])
    more = {}
    if fault == "unsorted":
        rows = rows.take([1, 0, 2])
        more = {"start_ns": MONDAY * DAY, "end_ns": (MONDAY + 3) * DAY}
    elif fault == "doubled":
        rows = rows.take([0, 0, 1])
    elif fault == "columns":
        rows = rows.rename_columns([*rows.column_names[:-1], "other"])
    else:
        more = {"end_ns": (MONDAY + 2) * DAY}
    with pytest.raises(Exception) as refused:
        lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name, **more))
    assert refused.value.code == RowsRefused.code
    assert not LakeEntry.of(owner.actor.tenant_id).exists()


def test_an_instrument_nobody_described_is_refused(owner, tmp_path):
    with pytest.raises(InstrumentUnknown):
        lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1]), "X:UNKNOWN"))


def test_another_workspace_has_its_own_lake(owner, stranger, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2]), name))
    lake.registered(stranger)
    with pytest.raises(Exception, match="the lake has no"):
        rows_of(stranger, name)
    lake.put(stranger, tmp_path, lake.offer(tmp_path, lake.daily([1, 2]), name))
    keys = LakeSegment.everyone.values_list("key", flat=True)
    assert len(set(keys)) == 2


def test_a_reader_is_given_exactly_the_range(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(np.arange(800) + 1000.0), name))
    for start, end in [(0, 1), (0, 800), (5, 6), (100, 500), (799, 800), (86, 87), (450, 452)]:
        told = rows_of(owner, name, start_ns=(MONDAY + start) * DAY, end_ns=(MONDAY + end) * DAY)
        assert told["close"].to_pylist() == (np.arange(start, end) + 1000.0).tolist()
    entry = scan.entry_of(owner.actor.tenant_id, TABLE, name)
    assert len(scan.locate(entry, (MONDAY + 1) * DAY, (MONDAY + 2) * DAY).segments) == 1
    assert commit.current_rules().toxic_up_pct == 500
