"""Schemas: the columns and types of each kind, as the format has them."""

import subprocess
import sys

import pyarrow as pa
import pytest

from datasets.market import kinds, schemas


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_the_time_comes_first_in_utc_nanoseconds_and_is_never_empty(kind):
    first = schemas.SCHEMAS[kind].field(0)
    assert (first.name, first.type, first.nullable) == ("ts_event", pa.timestamp("ns", tz="UTC"), False)
    assert schemas.SCHEMAS[kind].names == list(kinds.COLUMNS[kind])
    assert set(kinds.REQUIRED[kind]) <= set(kinds.COLUMNS[kind])


def test_mapped_rows_carry_a_dictionary_of_symbols():
    assert schemas.mapped("bars").field("symbol").type == pa.dictionary(pa.int32(), pa.string())


def test_metadata_names_the_interval_only_for_bars():
    assert "nexus.interval" not in schemas.metadata("trades", "X")
    assert schemas.metadata("bars", "X", "V", "1m")["nexus.interval"] == "1m"


def test_words_and_intervals_cost_no_heavy_import():
    code = (
        "import sys, datasets.engine.children\n"
        "import datasets.market.kinds, datasets.market.intervals, datasets.market.ranges\n"
        "sys.exit(bool({'numpy', 'pyarrow', 'pandas', 'duckdb', 'exchange_calendars', 'django'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
