"""The lake from Python against the platform itself: exact rows and types; a cut stream is an error, not fewer rows."""

from __future__ import annotations

import http.server
import io
import json
import subprocess
import sys
import threading
from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa
import pytest

from tests.kit.server import Server
from tradenexus.cli import failures
from tradenexus.cli.reader import Broken, Lake

TABLE, ONE, TWO = "crypto_bars_1d", "BINANCE:ETH-BTC", "BINANCE:BTC-USDT"
SEED = """
import json, sys, tempfile, django; django.setup()
from pathlib import Path
import numpy as np
import pyarrow as pa
from datasets.lake import scan
from datasets.models import LakeEntry
from datasets.snapshots import freeze
from datasets.storage import blobs
from tests.kit import lake, people
from tradenexus import db
from tradenexus.tenancy.models import Tenant
owner, folder = people.make("seed@example.org", Tenant.objects.get(name="first")), Path(tempfile.mkdtemp())
one, two = sys.argv[1:3]
closes = 100 + np.arange(120) / 8
for name in (one, two):
    lake.registered(owner, name)
    lake.put(owner, folder, lake.offer(folder, lake.daily(closes), name))
between = db.now().isoformat()
with db.atomic():
    november = lake.ns("2024-11-01"), lake.ns("2024-12-01")
    asked = freeze.wanted("run", [one], ["crypto_bars_1d"], *november, allow_short=True)
    snapshot, _ = freeze.freeze(owner.actor, asked)
lake.put(owner, folder, lake.offer(folder, lake.daily([200.0], first_day=lake.MONDAY + 40), one, policy="newer"))
stamps = (lake.MONDAY * lake.DAY + np.arange(5)).astype("datetime64[ns]")
ticks = {"ts_event": stamps, "price": np.arange(5) + 1.0, "side": pa.array([1, -1, None, 1, 1], pa.int8()),
         "sequence": pa.array([2**53 + 1, None, 3, 4, 5], pa.int64()), "trade_id": pa.array(["a", None, "c", "d", "e"])}
lake.put(owner, folder, lake.offer(folder, lake.shaped(ticks, "trades"), one, table="trades"))
last = scan.of_revision(LakeEntry.everyone.get(table="crypto_bars_1d", instrument=two), 1).segments[-1]
with blobs.local(last.key) as path:
    print(json.dumps({"between": between, "snapshot": snapshot.ref, "last": str(path)}))
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("reader")) as server:
        command = [sys.executable, "-c", SEED, ONE, TWO]
        made = subprocess.run(command, env=server.environment, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr[-3000:]
        yield server, json.loads(made.stdout.strip().splitlines()[-1])


@pytest.fixture
def lake(running, monkeypatch):
    """A reader that finds address and token as `nexus` does."""
    monkeypatch.setenv("NEXUS_URL", running[0].url)
    monkeypatch.setenv("NEXUS_TOKEN", running[0].owner)
    with Lake() as reader:
        yield reader


def test_it_says_what_there_is(lake):
    assert {"trades", "book"} <= {each["name"] for each in lake.tables()}
    assert [each["instrument"] for each in lake.entries(table=TABLE)] == [TWO, ONE]
    assert lake.entry(TABLE, ONE)["revision"] == 2
    with pytest.raises(failures.Missing):
        lake.entry(TABLE, "BINANCE:NOTHING")


def test_rows_of_a_range_are_exact(lake):
    rows = lake.arrow(TABLE, ONE, "2024-10-10", date(2024, 10, 13), columns=["ts_event", "close"])
    assert rows["close"].to_pylist() == [100.375, 100.5, 100.625]
    assert rows.schema.field("ts_event").type == pa.timestamp("ns", "UTC")
    assert rows.schema.metadata[b"nexus.revision"] == b"2"
    batches = list(lake.batches(TABLE, ONE, datetime(2024, 10, 10, tzinfo=UTC), "2024-10-13T00:00:00Z"))
    assert sum(batch.num_rows for batch in batches) == 3
    assert lake.arrow(TABLE, ONE).num_rows == 120
    nothing = lake.arrow(TABLE, ONE, "2030-01-01", "2031-01-01")
    assert (nothing.num_rows, nothing.num_columns) == (0, 8)
    assert next(iter(lake.batches(TABLE, ONE))).num_rows  # who stops early leaves the connection usable
    assert lake.arrow(TABLE, ONE).num_rows == 120


def test_a_frame_has_a_utc_index_and_types_that_no_value_changes(lake):
    frame = lake.pandas("trades", ONE)
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index[1] == pd.Timestamp("2024-10-07T00:00:00.000000001Z")
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "sequence": "Int64", "price": "float64", "size": "float64", "side": "Int8", "trade_id": "string",
    }  # fmt: skip
    assert frame["sequence"].iloc[0] == 2**53 + 1
    assert frame["sequence"].isna().tolist() == [False, True, False, False, False]
    empty = lake.pandas("trades", ONE, "2030-01-01", "2031-01-01")
    assert empty.dtypes.equals(frame.dtypes)
    assert empty.index.dtype == frame.index.dtype
    assert list(lake.pandas(TABLE, ONE, columns=["close"]).columns) == ["close"]


def test_several_instruments_come_together(lake):
    frame = lake.pandas(TABLE, [ONE, TWO], "2024-10-07", "2024-10-09", columns=["close"])
    assert frame["instrument"].tolist() == [ONE, ONE, TWO, TWO]
    assert str(frame["instrument"].dtype) == "category"
    assert frame["close"].tolist() == [100.0, 100.125] * 2
    assert [batch.schema.names[0] for batch in lake.batches(TABLE, [ONE], end="2024-10-09")] == ["instrument"]


def test_the_past_and_a_snapshot_are_read(lake, running):
    day = {"start": "2024-11-16", "end": "2024-11-17", "columns": ["close"]}
    assert lake.arrow(TABLE, ONE, **day)["close"].to_pylist() == [200.0]
    assert lake.arrow(TABLE, ONE, **day, as_of=running[1]["between"])["close"].to_pylist() == [105.0]
    snapshot = running[1]["snapshot"]
    assert lake.arrow(TABLE, ONE, **day, snapshot=snapshot)["close"].to_pylist() == [105.0]
    whole = lake.pandas(TABLE, ONE, snapshot=snapshot)
    assert (len(whole), str(whole.index[0].date()), str(whole.index[-1].date())) == (30, "2024-11-01", "2024-11-30")
    assert lake.arrow(TABLE, ONE, "2030-01-01", snapshot=snapshot).num_rows == 0
    with pytest.raises(failures.Missing):
        lake.arrow(TABLE, TWO, snapshot=snapshot)
    with pytest.raises(failures.Failure, match="of one moment"):
        lake.arrow(TABLE, ONE, snapshot=snapshot, as_of="2024-11-01")


@pytest.mark.parametrize(
    "asked",
    [
        {"start": "2024-12-01", "end": "2024-11-01"},
        {"start": datetime(2024, 1, 1)},
        {"start": pd.Timestamp("2024-01-01T00:00:00.000000001Z")},
        {"columns": ["nothing"]},
        {"columns": []},
        {"adjustment": "halves"},
    ],
)
def test_a_read_that_cannot_be_is_refused(lake, asked):
    with pytest.raises(failures.Failure):
        lake.arrow(TABLE, ONE, **asked)
    with pytest.raises(failures.Usage):
        lake.arrow(TABLE, [])


def test_others_and_nobody_are_refused(running, monkeypatch):
    server = running[0]
    with Lake(server.url, server.stranger) as theirs, pytest.raises(failures.Missing):
        theirs.arrow(TABLE, ONE)
    with Lake(server.url, server.viewer) as viewer:
        assert viewer.arrow(TABLE, ONE).num_rows == 120
    with Lake(server.url, "nx_wrong") as wrong, pytest.raises(failures.AuthNeeded):
        wrong.arrow(TABLE, ONE)
    with pytest.raises(failures.AuthNeeded):
        Lake(server.url)
    with Lake("http://127.0.0.1:9", "x") as nobody, pytest.raises(failures.Unreachable):
        nobody.arrow(TABLE, ONE)


@pytest.fixture
def feed():
    """A server that answers every GET with the bytes given, and says that they are all."""
    told = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(told.get("length", len(told["body"]))))
            self.end_headers()
            self.wfile.write(told["body"])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", told
        server.shutdown()


def arrow_stream(batches=3):
    schema, out = pa.schema([("close", pa.float64())]), io.BytesIO()
    ends = []
    with pa.ipc.new_stream(out, schema) as writer:
        for number in range(batches):
            ends.append(out.tell())
            writer.write_batch(pa.record_batch([pa.array([float(number)])], schema=schema))
        ends.append(out.tell())
    return out.getvalue(), ends


def test_a_stream_cut_anywhere_is_broken(feed):
    url, told = feed
    whole, ends = arrow_stream()
    told["body"] = whole
    with Lake(url, "x") as lake:
        assert lake.arrow(TABLE, ONE)["close"].to_pylist() == [0.0, 1.0, 2.0]
        # between batches, which an Arrow reader takes for the end; in the middle of one; in the end's own mark; nothing
        for cut in (*ends, ends[1] + 7, len(whole) - 4, 0):
            told["body"] = whole[:cut]
            with pytest.raises(Broken):
                lake.arrow(TABLE, ONE)
        told["body"] = whole + b"more"
        with pytest.raises(Broken):
            lake.arrow(TABLE, ONE)
        told |= {"body": whole[: ends[2]], "length": len(whole)}  # the connection breaks
        with pytest.raises(Broken):
            list(lake.batches(TABLE, ONE))


def test_a_read_that_fails_on_the_server_is_broken(lake, running):
    last = running[1]["last"]
    with open(last, "rb") as file:
        whole = file.read()
    try:
        with open(last, "wb") as file:
            file.write(whole[:-9])
        assert lake.arrow(TABLE, TWO, "2024-10-07", "2024-12-01").num_rows == 55
        with pytest.raises(Broken):
            lake.arrow(TABLE, TWO)
        with pytest.raises(Broken):
            lake.pandas(TABLE, [ONE, TWO])
    finally:
        with open(last, "wb") as file:
            file.write(whole)


def test_nothing_heavy_is_imported_before_rows_are_asked_for():
    code = "import sys, tradenexus.cli.reader as r; print(sorted({'pyarrow', 'pandas', 'django'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
