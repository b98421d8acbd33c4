"""`python -m benchmarks.lakefill INSTRUMENTS MONTHS ENTRIES APPENDS`: fill a lake and time it, print JSON.

Months are written once each and stand under every instrument's name (hard links), as rows of the catalog of their own.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
import numpy as np

TABLE = "crypto_bars_1m"
MINUTE = 60_000_000_000


def main(instruments: int, months: int, entries: int, appends: int) -> dict[str, Any]:
    """Fill, then measure reads, one commit of a session for all instruments, and reads after many appends."""
    from tradenexus.tenancy.models import Membership

    owner = Membership.everyone.select_related("tenant", "user").get()
    room = Path(tempfile.mkdtemp(prefix="nexus-lake-"))
    lake = _Lake(owner, room, months)
    try:
        lake.fill(instruments, entries)
        lake.reads(1, 20)  # to warm up
        day, year = lake.reads(1, 60), lake.reads(365, 20)
        commit_s, used = lake.session(instruments)
        before = lake.reads(1, 60)
        for number in range(appends):
            lake.append(number)
        return {
            "instruments": instruments,
            "entries": entries,
            "appends": appends,
            "day_ms": day,
            "year_ms": year,
            "commit_s": commit_s,
            "commit_bytes": used,
            "before_appends_ms": float(np.median(before)),
            "after_appends_ms": float(np.median(lake.reads(1, 60))),
        }
    finally:
        shutil.rmtree(room, ignore_errors=True)


class _Lake:
    def __init__(self, owner: Any, room: Path, months: int):
        from tradenexus.tenancy import actors

        self.room, self.tenant = room, owner.tenant
        actor = actors.of_user(owner.user, "benchmark", owner.tenant_id)
        assert actor is not None
        self.actor = actor
        first = np.datetime64("2022-01", "M")
        self.spans = [int((first + number).astype("datetime64[ns]").astype(np.int64)) for number in range(months + 1)]
        self.order = np.random.default_rng(1)

    def fill(self, instruments: int, entries: int) -> None:
        """Write the months and make the catalog say that each instrument has them."""
        from datasets.lake import instruments as registry
        from datasets.models import LakeCommit, LakeEntry, LakeMember, LakeSegment
        from tradenexus import db

        now = db.now()
        files = [self._month(number) for number in range(len(self.spans) - 1)]
        with db.atomic():
            owned = {"tenant": self.tenant, "created_at": now}
            commit = LakeCommit.everyone.create(**owned, key="filled", operation="ingest")
            facts = {"type": "spot", "calendar": "24/7"}
            for number in range(instruments):
                registry.ensure(self.actor, _name(number), facts)
            made = [self._entry(number, files, now) for number in range(entries)]
            LakeEntry.everyone.bulk_create(made, batch_size=500)
            segments = [
                LakeSegment(
                    **owned, commit=commit, instrument=entry.instrument, verified_at=now, **self._facts(entry, file)
                )
                for entry in made[:instruments]
                for file in files
            ]
            LakeSegment.everyone.bulk_create(segments, batch_size=500)
            by_name = {entry.instrument: entry for entry in made[:instruments]}
            LakeMember.objects.bulk_create(
                (
                    LakeMember(
                        entry=by_name[each.instrument], segment=each, span_start_ns=each.span_start_ns,
                        t0_ns=each.t0_ns, t1_ns=each.t1_ns, from_revision=1,
                    )
                    for each in segments
                ),
                batch_size=500,
            )  # fmt: skip

    def _month(self, number: int) -> dict[str, Any]:
        from datasets.lake import building
        from datasets.market import tables
        from datasets.storage import blobs

        start, end = self.spans[number], self.spans[number + 1]
        rows = self._bars(np.arange(start, end, MINUTE), number)
        written = building.write(self.room / f"{number}.parquet", tables.find(TABLE), "SIM:MONTH", rows)
        key = f"lake/{self.tenant.id.hex}/bench/{written.sha256}.parquet"
        blobs.put_file(key, written.path, written.sha256)
        return {
            "key": key, "rows": written.rows, "size_bytes": written.size_bytes,
            "t0_ns": written.t0_ns, "t1_ns": written.t1_ns, "span_start_ns": start,
        }  # fmt: skip

    def _bars(self, stamps: np.ndarray, seed: int) -> Any:
        import pyarrow as pa

        from datasets.market import schemas, tables

        order = np.random.default_rng(seed)
        close = np.round(100 + np.cumsum(order.normal(0, 0.01, len(stamps))), 2)
        columns = {
            "open": close, "high": close + 0.01, "low": close - 0.01, "close": close,
            "volume": order.integers(1, 5_000, len(stamps)).astype(float),
            "trades": order.integers(1, 90, len(stamps)), "filled": np.zeros(len(stamps), dtype=bool),
        }  # fmt: skip
        schema = schemas.table_form(tables.find(TABLE)).schema
        arrays = [pa.array(stamps.astype("datetime64[ns]")).cast(schema.field("ts_event").type)]
        arrays += [pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names[1:]]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _entry(self, number: int, files: list[dict[str, Any]], now: Any) -> Any:
        from datasets.models import LakeEntry

        return LakeEntry(
            tenant=self.tenant, table=TABLE, instrument=_name(number), calendar="24/7", vendor="sim", revision=1,
            rows=sum(file["rows"] for file in files), first_ns=files[0]["t0_ns"], last_ns=files[-1]["t1_ns"],
            size_bytes=sum(file["size_bytes"] for file in files), fetched_at=now, updated_at=now, expected_next=now,
            grade="GREEN", quality_score=100, sessions=1000, green=1000,
        )  # fmt: skip

    def _facts(self, entry: Any, file: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(f"{entry.instrument}{file['key']}".encode()).hexdigest()
        return {"sha256": digest, "table": TABLE, "schema_version": 1, **file}

    def reads(self, days: int, count: int) -> list[float]:
        """Time reads of so many days of random instruments, from the catalog's first question to an Arrow table."""
        import pyarrow as pa

        from datasets.lake import scan

        took = []
        most = max(1, (self.spans[-1] - self.spans[0]) // (1440 * MINUTE) - days)
        for _ in range(count):
            start = self.spans[0] + int(self.order.integers(most)) * 1440 * MINUTE
            began = time.perf_counter()
            entry = scan.entry_of(self.tenant.id, TABLE, _name(int(self.order.integers(4))))
            pa.concat_tables(scan.tables_of(scan.locate(entry, start, start + days * 1440 * MINUTE)))
            took.append((time.perf_counter() - began) * 1000)
        return took

    def session(self, instruments: int) -> tuple[float, int]:
        """Commit one new day of every instrument at once -> (seconds, the child's peak memory)."""
        start = self.spans[-1]
        offers = [self._offer(number, start, 1440, number) for number in range(instruments)]
        began = time.perf_counter()
        self._commit(offers, "session")
        return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10

    def append(self, number: int) -> None:
        """Commit one minute more of the first instrument."""
        start = self.spans[-1] + (1440 + number) * MINUTE
        self._commit([self._offer(0, start, 1, number)], f"append-{number}")

    def _offer(self, number: int, start: int, minutes: int, seed: int) -> Any:
        import pyarrow.parquet as pq

        from datasets.lake.offers import Offer

        path = self.room / f"offer-{number}-{start}.parquet"
        end = start + minutes * MINUTE
        pq.write_table(self._bars(np.arange(start, end, MINUTE), seed), path)
        return Offer(TABLE, _name(number), (path,), start, end, "sim", datetime.now(UTC))

    def _commit(self, offers: list[Any], key: str) -> None:
        from datasets.lake import commit

        commit.commit(self.actor, offers, operation="ingest", key=key, room=self.room / key)


def _name(number: int) -> str:
    return f"SIM:S{number:05d}"


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(*map(int, sys.argv[1:]))))
