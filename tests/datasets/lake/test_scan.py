"""A read finds its segments by two statements, and gives exactly the rows of its range and of the revision it names."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.lake import scan
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus.errors import NotFound

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "crypto_bars_1m"
MINUTE = DAY // 1440
FIRST = MONDAY * DAY


@pytest.fixture
def minutes(owner, tmp_path):
    """Fifty days of minute bars: three months, the last one a piece."""
    rows = lake.bars(FIRST + np.arange(50 * 1440) * MINUTE, 100 + np.arange(50 * 1440) % 997 / 64, table=TABLE)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, lake.registered(owner), table=TABLE))
    return rows


def entry_of(person):
    return scan.entry_of(person.actor.tenant_id, TABLE, "BINANCE:ETH-BTC")


@pytest.mark.parametrize(
    ("first", "after"),
    [
        (0, 50 * 1440),
        (0, 1),
        (1439, 1441),
        (10_079, 10_081),
        (30_000, 40_001),
        (24 * 1440, 25 * 1440),
        (71_999, 72_000),
    ],
)
def test_a_range_is_exactly_its_rows_in_order(owner, minutes, first, after):
    part = scan.locate(entry_of(owner), FIRST + first * MINUTE, FIRST + after * MINUTE)
    read = pa.concat_tables(scan.tables_of(part))
    assert read.cast(minutes.schema).combine_chunks().equals(minutes.slice(first, after - first).combine_chunks())
    some = pa.concat_tables(scan.tables_of(part, ["close", "trades"]))
    assert some.column_names == ["close", "trades"]
    assert some.column("close").to_pylist() == minutes.column("close").slice(first, after - first).to_pylist()


def test_the_first_piece_is_one_row_group_and_the_others_are_whole_segments(owner, minutes):
    lengths = [rows.num_rows for rows in scan.tables_of(scan.locate(entry_of(owner)))]
    october, november = 25 * 1440, 50 * 1440 - 25 * 1440
    assert lengths == [10_080, october - 10_080, november]


def test_a_read_is_two_statements_however_long_it_is(owner, minutes):
    tenant = owner.actor.tenant_id
    for start, end in ((None, None), (FIRST, FIRST + DAY)):
        with CaptureQueriesContext(connection) as asked:
            entry = scan.entry_of(tenant, TABLE, "BINANCE:ETH-BTC")
            pa.concat_tables(scan.tables_of(scan.locate(entry, start, end)))
        assert len(asked) == 2, [each["sql"] for each in asked]


def test_a_commit_between_the_two_statements_does_not_change_what_the_revision_says(owner, minutes, tmp_path):
    read = entry_of(owner)
    later = lake.bars([FIRST], [5_000.0], table=TABLE)
    lake.put(owner, tmp_path, lake.offer(tmp_path, later, "BINANCE:ETH-BTC", table=TABLE, policy="newer",
                                         end_ns=FIRST + MINUTE, accepted=frozenset({MONDAY})))  # fmt: skip
    part = scan.locate(read, FIRST, FIRST + MINUTE)
    assert part.revision == 1
    assert pa.concat_tables(scan.tables_of(part)).column("close").to_pylist() == [100.0]
    newest = scan.locate(entry_of(owner), FIRST, FIRST + MINUTE)
    assert newest.revision == 2
    assert pa.concat_tables(scan.tables_of(newest)).column("close").to_pylist() == [5_000.0]


def test_an_entry_of_another_workspace_is_not_there(owner, stranger, minutes):
    with pytest.raises(NotFound):
        entry_of(stranger)
    with pytest.raises(NotFound):
        scan.entry_of(owner.actor.tenant_id, TABLE, "BINANCE:NO-SUCH")


def test_a_segment_cut_short_is_refused_with_its_name(owner, minutes, tmp_path):
    from datasets.storage import blobs

    part = scan.locate(entry_of(owner))
    with blobs.local(part.segments[1].key) as path:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(scan.SegmentDamaged) as refused:
        pa.concat_tables(scan.tables_of(part))
    assert refused.value.details["segment"] == part.segments[1].ref
