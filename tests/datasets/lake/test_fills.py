"""The policy `fill`: what is absent enters, what stands is not touched, and each session is judged whole."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import rules, scan
from datasets.models import LakeEntry, LakePartition, LakeQuarantine, LakeRevision
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = DAY // 24
LATER = datetime(2025, 3, 1, tzinfo=UTC)


def entry(person, table="crypto_bars_1d"):
    return LakeEntry.of(person.actor.tenant_id).get(table=table)


def closes(person, table="crypto_bars_1d"):
    rows = pa.concat_tables(scan.tables_of(scan.locate(entry(person, table))))
    return dict(zip(rows["ts_event"].cast(pa.int64()).to_pylist(), rows["close"].to_pylist(), strict=True))


def fill(person, tmp_path, rows, name, **more):
    facts = {"policy": rules.FILL, "vendor": "other", "fetched_at": LATER}
    return lake.put(person, tmp_path, lake.offer(tmp_path, rows, name, **(facts | more)))


def days(numbers, closes_, **more):
    return lake.bars((MONDAY + np.array(numbers)) * DAY, closes_, **more)


def test_what_is_absent_enters_and_what_stands_stays(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 1, 4], [100, 101, 104]), name))
    fill(owner, tmp_path, days([0, 1, 2, 3], [100.1, 101, 102, 103]), name)
    assert list(closes(owner).values()) == [100, 101, 102, 103, 104]
    changes = LakeRevision.objects.get(number=2).changes
    assert (changes["added"], changes["replaced"], changes["removed"]) == (2, 0, 0)
    assert {p.session.day: p.vendor for p in LakePartition.objects.all()} == {
        7: "replay",
        8: "replay",
        9: "other",
        10: "other",
        11: "replay",
    }


def test_the_past_says_nothing_of_freshness_and_not_whose_the_newest_rows_are(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 2], [100, 101]), name))
    before = entry(owner)
    fill(owner, tmp_path, days([1], [100.5]), name)
    after = entry(owner)
    assert (after.fetched_at, after.vendor, after.expected_next) == (
        before.fetched_at,
        "replay",
        before.expected_next,
    )
    assert after.revision == 2


def test_a_fill_with_nothing_new_changes_no_row(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 1, 2], [1, 2, 3]), name))
    before = entry(owner)
    fill(owner, tmp_path, days([0, 1, 2], [1.001, 2, 3]), name)
    assert (entry(owner).revision, entry(owner).digest) == (1, before.digest)


def test_a_session_is_judged_whole_and_keeps_its_vendor(owner, tmp_path):
    name, table = lake.registered(owner), "crypto_bars_1h"
    stamps = MONDAY * DAY + np.arange(48, dtype=np.int64) * HOUR
    prices = np.full(48, 100.0)
    prices[5] = 150.0  # RET_OUTLIER of the first day
    given = lake.bars(stamps, prices, table=table)
    kept = np.ones(48, dtype=bool)
    kept[[10, 11]] = False
    lake.put(owner, tmp_path, lake.offer(tmp_path, given.filter(pa.array(kept)), name, table))
    assert LakePartition.objects.get(session="2024-10-07").codes == ["RET_OUTLIER", "MISSING_ROWS"]
    part = {"start_ns": int(stamps[8]), "end_ns": int(stamps[14])}
    fill(owner, tmp_path, given.slice(8, 6), name, table=table, **part)
    row = LakePartition.objects.get(session="2024-10-07")
    assert (row.codes, row.rows, row.expected, row.vendor) == (["RET_OUTLIER"], 24, 24, "replay")


@pytest.mark.parametrize(
    ("first", "vendor", "codes"), [(3, "other", ["OK"]), (4, "other", ["UNCOMPARED"]), (4, "replay", ["OK"])]
)
def test_bars_of_another_vendor_that_nothing_could_be_compared_with_are_flagged(owner, tmp_path, first, vendor, codes):
    """Three bars of both tell whether its prices are of the same kind; with fewer they only look as if they were."""
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 1, 2, 3, 4, 5, 7], np.arange(100, 107)), name))
    given = np.arange(first, 7)
    fill(owner, tmp_path, days(given, 100 + given), name, vendor=vendor)
    assert LakePartition.objects.get(session="2024-10-13").codes == codes


def test_a_bar_is_judged_by_the_one_that_stands_before_it(owner, tmp_path):
    """Sessions that stand between those filled carry the price on: 10, 50, 250 is no jump by 25."""
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 2, 4], [10, 50, 250]), name))
    fill(owner, tmp_path, days([1, 3], [20, 110]), name)
    assert list(closes(owner).values()) == [10, 20, 50, 110, 250]


def test_a_toxic_bar_stays_out_and_its_session_as_it_was(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 2], [100, 101]), name))
    fill(owner, tmp_path, days([1], [9_000]), name)
    assert list(closes(owner).values()) == [100, 101]
    assert LakeQuarantine.of(owner.tenant.id).get().code == "TOXIC"


def test_adjusted_prices_do_not_slip_into_holes_of_raw_ones(owner, tmp_path):
    """Where both have a bar the other's is half: its bars for the holes are of another scale too."""
    name = lake.registered(owner)
    whole = 100 + np.arange(8) / 4
    lake.put(owner, tmp_path, lake.offer(tmp_path, days([0, 1, 2, 3, 5, 6, 7], np.delete(whole, 4)), name))
    fill(owner, tmp_path, days(np.arange(8), whole / 2), name)
    assert len(closes(owner)) == 7
    held = LakeQuarantine.of(owner.tenant.id).get()
    assert (str(held.session), held.code) == ("2024-10-11", "ADJUSTMENT_MIXED")
