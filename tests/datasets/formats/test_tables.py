"""Samples of a file's head: what is packed, wide, damaged or empty is seen for what it is."""

import bz2
import gzip
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.formats import sniff, tables
from datasets.formats.errors import ChecksumInvalid, CompressionBomb, FileDamaged, FileEmpty, TooManyColumns

HEADER, ROWS = b"time,price,size\n", b"".join(b"%d,100,1\n" % (1_700_000_000 + at) for at in range(50))


def look(data, name="t.csv.gz"):
    return sniff.sniff(data, None, name, len(data))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_header_packed_by_itself_is_read_with_what_follows(pack):
    packed = pack(HEADER) + pack(ROWS[:300]) + pack(ROWS[300:])
    assert tables.unpacked_head(packed, 1 << 20)[0] == HEADER + ROWS
    assert look(packed)["kind"] == "trades"


def test_what_follows_a_packed_file_and_is_not_packed_is_not_looked_at():
    assert tables.unpacked_head(gzip.compress(ROWS) + b"\0" * 512, 1 << 20)[0] == ROWS


def test_a_small_packed_file_with_a_wrong_checksum_is_not_called_empty():
    broken = bytearray(gzip.compress(HEADER + ROWS))
    broken[-6] ^= 1
    with pytest.raises(ChecksumInvalid):
        look(bytes(broken))


def test_damage_at_the_beginning_is_named_also_from_a_head_alone():
    broken = bytearray(gzip.compress(HEADER + ROWS * 10))
    broken[12:20] = b"\xff" * 8
    with pytest.raises(FileDamaged):
        sniff.sniff(bytes(broken), None, "t.csv.gz", 10**9)


def test_a_head_of_zeros_is_a_bomb_and_an_empty_packed_file_is_empty():
    with pytest.raises(CompressionBomb):
        look(gzip.compress(bytes(80 << 20)))
    with pytest.raises(FileEmpty):
        look(gzip.compress(b""))


def test_a_header_without_rows_is_an_empty_file_unless_more_is_to_come():
    with pytest.raises(FileEmpty):
        look(HEADER, "t.csv")
    assert sniff.sniff(HEADER, None, "t.csv", 10**6)["columns"]


def test_twenty_thousand_columns_are_refused_at_once():
    names = ",".join(f"c{number}" for number in range(20_000)).encode()
    with pytest.raises(TooManyColumns):
        look(names + b"\n" + names + b"\n", "t.csv")


def known(data, filename):
    return sniff.sniff(data, None, filename, len(data))


def mapped(found):
    return {target: each["column"] for target, each in found["mapping"].items()}


def test_decimal_prices_are_numbers():
    out = io.BytesIO()
    prices = pa.array([Decimal("100.125"), Decimal("99.000")])
    pq.write_table(pa.table({"time": [1_700_000_000, 1_700_000_001], "price": prices, "size": prices}), out)
    found = known(out.getvalue(), "x.parquet")
    assert (found["kind"], mapped(found)) == ("trades", {"ts_event": "time", "price": "price", "size": "size"})
    assert found["columns"][1]["samples"] == ["100.125", "99.000"]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("outer", "place", "symbol"),
    [
        (lambda rows: {"status": "ok", "data": {"trades": rows}}, ["data", "trades"], None),
        (lambda rows: {"bars": {"AAPL": rows, "MSFT": rows}, "next": None}, ["bars", "*"], "@key"),
        (lambda rows: {"AAPL": rows}, ["*"], "@key"),
        (lambda rows: {"btcusdt": rows, "ethusdt": rows, "notes": [{"text": "x"}]}, ["*"], "@key"),
    ],
)
def test_records_are_found_inside_the_answer_of_a_vendor_however_it_is_set(indent, outer, place, symbol):
    rows = [{"t": 1_700_000_000_000 + n, "price": 1.5, "size": 2} for n in range(3)]
    found = known(json.dumps(outer(rows), indent=indent).encode(), "BTC-USD.json")
    assert (found["format"], found["kind"], found["recordsPath"]) == ("json", "trades", place)
    assert mapped(found).get("symbol") == symbol
