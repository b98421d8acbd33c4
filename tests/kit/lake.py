"""Rows for the lake and the shortest way into it, through the product's own door."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.lake import commit, instruments, rules
from datasets.lake.offers import Absence, Offer
from datasets.market import intervals, schemas, tables
from datasets.models import LakeCommit
from tests.kit.people import Person
from tradenexus import db

DAY = intervals.DAY
MONDAY = 20_003  # 2024-10-07, as days since 1970
FETCHED = datetime(2024, 11, 1, 12, tzinfo=UTC)


def ns(text: str) -> int:
    """Return the nanoseconds of an ISO time (UTC)."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def bars(stamps: Any, closes: Any, volume: float | Any = 10.0, table: str = "crypto_bars_1d") -> pa.Table:
    """Return bars that do not move, in the table's columns."""
    stamps, closes = np.asarray(stamps, dtype=np.int64), np.asarray(closes, dtype=float)
    columns = {
        "ts_event": stamps.astype("datetime64[ns]"),
        "open": closes,
        "high": closes,
        "low": closes,
        "close": closes,
        "volume": np.broadcast_to(np.asarray(volume, dtype=float), closes.shape),
    }
    return shaped(columns, table)


def shaped(columns: dict[str, Any], table: str) -> pa.Table:
    """Return columns as rows of the table, the others null."""
    schema = schemas.table_form(tables.find(table)).schema
    count = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.table(arrays, names=schema.names)


def daily(closes: Any, first_day: int = MONDAY, **more: Any) -> pa.Table:
    """Return one bar a day from `first_day` on."""
    closes = np.asarray(closes, dtype=float)
    return bars((first_day + np.arange(len(closes), dtype=np.int64)) * DAY, closes, **more)


def registered(person: Person, name: str = "BINANCE:ETH-BTC", type: str = "spot", calendar: str = "24/7") -> str:
    """Describe an instrument and return its name."""
    with db.atomic():
        instruments.ensure(person.actor, name, {"type": type, "calendar": calendar})
    return name


def offer(folder: Path, rows: pa.Table, instrument: str, table: str = "crypto_bars_1d", **more: Any) -> Offer:
    """Return an offer of rows, its range from the first row's day to the end of the last one's."""
    path = folder / f"{uuid.uuid4().hex}.parquet"
    pq.write_table(rows, path)
    times = rows.column("ts_event").cast(pa.int64()).to_numpy()
    facts: dict[str, Any] = {"vendor": "replay", "fetched_at": FETCHED}
    if len(times):
        facts |= {"start_ns": int(times[0]) // DAY * DAY, "end_ns": (int(times[-1]) // DAY + 1) * DAY}
    return Offer(table, instrument, (path,), **(facts | more))


def absence(day: int, words: str = "closed for a holiday") -> Absence:
    """Return a day on which nothing was traded, as a vendor says."""
    return Absence(day, day * DAY, (day + 1) * DAY, words)


def silence(instrument: str, *days: int, table: str = "crypto_bars_1d", **more: Any) -> Offer:
    """Return an offer without rows: a vendor's word that nothing was traded on these days."""
    benign = tuple(absence(day) for day in days)
    facts = {"vendor": "replay", "fetched_at": FETCHED, "policy": rules.FILL, "claims": False, "benign": benign}
    return Offer(table, instrument, (), min(days) * DAY, (max(days) + 1) * DAY, **(facts | more))


def put(person: Person, folder: Path, *offers: Offer, key: str = "", **more: Any) -> LakeCommit:
    """Commit offers under a key of their own."""
    room = folder / uuid.uuid4().hex
    room.mkdir()
    wanted = {"operation": "ingest", "key": key or uuid.uuid4().hex, "room": room}
    return commit.commit(person.actor, offers, **(wanted | more))
