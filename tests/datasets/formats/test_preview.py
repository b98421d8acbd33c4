"""The preview shows the first rows as validation will store them, whatever was cut off behind them."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.formats import mapping, preview, sniff

CSV = b"timestamp,symbol,price,amount,side\n" + b"".join(
    f"{1_700_000_000_000 + at * 250},BTC-USD,{100 + at % 7}.5,{at % 3 + 1},{'buy' if at % 2 else 'sell'}\n".encode()
    for at in range(400)
)

TIME = {"ts_event": "timestamp"}


def shown(data, name="t.csv", head=None, **overrides):
    part = data if head is None else data[:head]
    guess = sniff.sniff(part, data[-1000:], name, len(data))
    return preview.preview(part, data[-1000:], len(data), mapping.plan_from(guess, overrides))


def test_the_first_fifty_rows_are_normalised():
    found = shown(CSV)
    assert found["columns"] == ["ts_event", "price", "size", "side", "symbol"]
    assert len(found["rows"]) == 50
    assert found["rows"][1] == {
        "row": 1, "line": 3, "values": ["2023-11-14 22:13:20.250Z", "101.5", "2", "buy", "BTC-USD"],
    }  # fmt: skip
    assert (found["first"], found["last"]) == ("2023-11-14 22:13:20Z", "2023-11-14 22:14:59.750Z")
    assert found["note"] == ""


def test_a_wrong_cell_is_a_reject_with_its_line():
    lines = CSV.split(b"\n")
    lines[4] = lines[4].replace(b"103.5", b"<b>x</b>")
    found = shown(b"\n".join(lines), kind="trades", columnMapping={"price": "price"})
    assert found["rejects"] == [
        {"row": 3, "line": 5, "column": "price", "value": "<b>x</b>", "reason": found["rejects"][0]["reason"]}
    ]
    assert len(found["rows"]) == 49


def test_the_record_that_the_head_cuts_is_left_out():
    found = shown(CSV, head=500)
    assert found["rejects"] == []
    assert found["rows"][-1]["row"] == CSV[:500].count(b"\n") - 2


def test_the_head_of_a_packed_file_is_enough():
    packed = gzip.compress(CSV * 40, 1)
    found = shown(packed, "t.csv.gz", head=4000)
    assert len(found["rows"]) == 50
    assert found["note"] == ""


def test_parquet_shows_rows_when_they_lie_in_the_head_and_says_so_when_not():
    count = 200_000
    table = pa.table({"timestamp": range(10**18, 10**18 + count), "price": [1.5] * count, "size": range(count)})
    data = io.BytesIO()
    pq.write_table(table, data, compression="none", use_dictionary=False)
    assert len(shown(data.getvalue(), "t.parquet", symbol="A")["rows"]) == 50
    far = shown(data.getvalue(), "t.parquet", head=100_000, symbol="A", columnMapping=TIME, timestampUnit="ns")
    assert far["rows"] == []
    assert "after the transfer" in far["note"]
