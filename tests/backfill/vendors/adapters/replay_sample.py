"""Small local files of each format for the replay adapter, and files that are broken."""

import gzip
import json

import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet

from backfill.vendors.base import Request
from backfill.vendors.errors import Malformed
from tests.kit.lake import DAY, MONDAY
from tests.kit.vendors import FAR, Sample

BARS = {name: name for name in ("open", "high", "low", "close", "volume")}
SPOT = {"type": "spot", "calendar": "24/7"}


def sample(folder):
    """Bars as newest-first JSON, trades as headless CSV, funding as feather, macro as CSV with empty cells."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [_daily(folder), _trades(folder), _funding(folder), _curve(folder), _minutes(folder), _actions(folder)]
    (folder / "manifest.json").write_text(json.dumps({"sources": sources}))
    (folder / "broken.csv").write_text("day,value\n2024-01-01,abc\n")
    torn = _source("macro_series", "broken.csv", "csv", "X:TORN", {"column": "day", "unit": "date"}, {"value": "value"})
    gone = {**torn, "files": ["gone.csv"], "instrument": "X:GONE"}
    cut = {**torn, "files": ["cut.json.gz"], "format": "json.gz", "instrument": "X:CUT"}
    (folder / "cut.json.gz").write_bytes(gzip.compress(b'[{"day": "2024-01-01", "value": 1}]')[:-9])
    (folder / "faulty.json").write_text(json.dumps({"sources": [torn, gone, cut]}))
    faulty = {"NEXUS_REPLAY_MANIFEST": str(folder / "faulty.json")}
    return Sample(
        {"NEXUS_REPLAY_MANIFEST": str(folder / "manifest.json"), "NEXUS_REPLAY_ROOT": str(folder)},
        [
            Request(table, name, None, FAR)
            for table, name in (
                ("crypto_bars_1d", "X:A"),
                ("trades", "X:A"),
                ("funding", "X:PERP"),
                ("macro_treasury", "X:CURVE"),
                ("crypto_bars_1m", "X:B"),
                ("corporate_actions", "X:SHARE"),
            )
        ],
        faults=[
            (faulty, Request("macro_series", f"X:{each}", None, FAR), Malformed) for each in ("TORN", "GONE", "CUT")
        ],
    )


def _source(table, file, kind, instrument, time, columns, **more):
    wanted = {"table": table, "files": [file], "format": kind, "instrument": instrument, "time": time}
    return {**wanted, "columns": columns, **more}


def _daily(folder):
    days = range(MONDAY + 9, MONDAY - 1, -1)
    candles = [
        {
            "start": str(day * 86_400),
            "open": "1.5",
            "high": "2.25",
            "low": "1",
            "close": str(1 + day % 7 / 8),
            "volume": "7",
        }
        for day in days
    ]
    with gzip.open(folder / "daily.json.gz", "wt") as stream:
        json.dump({"candles": candles}, stream)
    time = {"column": "start", "unit": "s"}
    return _source("crypto_bars_1d", "daily.json.gz", "json.gz", "X:A", time, BARS, records="candles", facts=SPOT)


def _trades(folder):
    lines = [f"{MONDAY * 86_400_000 + number // 2},{number}.5,0.25" for number in range(40)]
    (folder / "trades.csv").write_text("\n".join(lines) + "\n")
    time = {"column": "at", "unit": "ms"}
    header = {"header": ["at", "p", "q"], "facts": SPOT}
    return _source("trades", "trades.csv", "csv", "X:A", time, {"price": "p", "size": "q"}, **header)


def _funding(folder):
    stamps = (MONDAY * DAY + np.arange(9) * (8 * DAY // 24) + np.arange(9) * 1_000_000).astype("datetime64[ns]")
    feather.write_feather(
        pa.table({"date": pa.array(stamps, pa.timestamp("ns", tz="UTC")), "open": np.arange(9) / 1e4}),
        folder / "funding.feather",
    )
    facts = {"type": "swap", "calendar": "24/7"}
    return _source("funding", "funding.feather", "feather", "X:PERP", {"column": "date"}, {"rate": "open"}, facts=facts)


def _curve(folder):
    lines = [f"2024-01-{day:02} 00:00:00+00:00,,0.0{day}" for day in range(1, 9)]
    (folder / "curve.csv").write_text("Time Period,1month,3month\n" + "\n".join(lines) + "\n")
    columns = {"y_1month": "1month", "y_3month": "3month"}
    return _source("macro_treasury", "curve.csv", "csv", "X:CURVE", {"column": "Time Period"}, columns)


def _minutes(folder):
    stamps = (MONDAY * DAY + np.arange(90) * 60_000_000_000).astype("datetime64[ns]")
    columns = {name: np.full(90, 3.0) for name in BARS} | {"when": stamps, "pair": ["B", "C", "B"] * 30}
    parquet.write_table(pa.table(columns), folder / "minutes.parquet")
    names = {"column": "pair", "names": {"B": "X:B"}}
    return _source("crypto_bars_1m", "minutes.parquet", "parquet", names, {"column": "when"}, BARS, facts=SPOT)


def _actions(folder):
    (folder / "share.csv").write_text("Date,Dividend\n2024-02-01,0.5\n2024-02-02,0\n2024-03-01,0.75\n2024-03-04,0.0\n")
    more = {"values": {"action": "dividend"}, "unless": {"value": 0}, "facts": {"type": "equity", "calendar": "XNYS"}}
    time = {"column": "Date", "unit": "date"}
    return _source("corporate_actions", "share.csv", "csv", "X:SHARE", time, {"value": "Dividend"}, **more)
