"""A lake for the benchmark: a file an instrument and month, and a catalog as full as asked.

Segments are written by the product's own function and put in their place; rows of the catalog go in at once: commits
would take hours. There are SHARED different instruments: the rows of the others are theirs, and their files hard links
under digests of their own but for the last two months, which a commit reads and checks. The last month is half full, as
much to join as on any day.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

TABLE = "crypto_bars_1m"
MINUTE, DAY = 60_000_000_000, 86_400_000_000_000
LAST_DAYS = 15  # of the last month
LEDGER_DAYS = 100  # sessions in the ledger of each entry
SHARED = 10
BATCH = 500


def name_of(number: int) -> str:
    """Return the name of the n-th instrument."""
    return f"SIM:S{number:05d}"


class Lake:
    """The lake of the installation's one workspace; `room` is a scratch folder on the storage's own disk."""

    def __init__(self, room: Path, months: int):
        from tradenexus.tenancy import actors
        from tradenexus.tenancy.models import Membership

        owner = Membership.everyone.select_related("tenant", "user").get()
        actor = actors.of_user(owner.user, "benchmark", owner.tenant_id)
        assert actor is not None
        self.room, self.tenant, self.actor = room, owner.tenant, actor
        first = np.datetime64("2022-01", "M")
        self.spans = [int((first + number).astype("datetime64[ns]").astype(np.int64)) for number in range(months)]
        self.end = self.spans[-1] + LAST_DAYS * DAY

    def fill(self, instruments: int, entries: int, written: Callable[[str, list[str]], None]) -> int:
        """Write the months, tell `written` of each with rows of its own, fill the catalog -> bytes of the segments."""
        from datasets.models import LakeCommit, LakeEntry
        from tradenexus import db

        now, total = db.now(), 0
        owned = {"tenant": self.tenant, "created_at": now}
        commit = LakeCommit.everyone.create(**owned, key="filled", operation="ingest")
        files: dict[int, list[dict[str, Any]]] = {}
        for number in range(instruments):
            last = len(self.spans) - 2 if number >= SHARED else 0
            linked = [self._linked(number, file) for file in files.get(number % SHARED, [])[:last]]
            files[number] = [*linked, *(self._month(number, month) for month in range(last, len(self.spans)))]
            total += sum(file["size_bytes"] for file in files[number])
            if number < SHARED:
                written(name_of(number), [str(_path(file["key"])) for file in files[number]])
        made = [self._entry(number, files.get(number, files[0]), now) for number in range(entries)]
        with db.atomic():
            self._register(instruments)
            LakeEntry.everyone.bulk_create(made, batch_size=BATCH)
            self._members(commit, made, files, owned)
            self._ledger(commit, made, now)
        return total

    def _register(self, instruments: int) -> None:
        from datasets.lake import instruments as registry

        for number in range(instruments):
            registry.ensure(self.actor, name_of(number), {"type": "spot", "calendar": "24/7"})

    def _month(self, number: int, month: int) -> dict[str, Any]:
        from datasets.lake import segments
        from datasets.market import tables

        path = self.room / "segment.parquet"
        written = segments.write(path, tables.find(TABLE), name_of(number), self._rows(number % SHARED, month))
        key = self._put(path, written.sha256)
        path.unlink()
        return {
            "key": key, "rows": written.rows, "size_bytes": written.size_bytes, "t0_ns": written.t0_ns,
            "t1_ns": written.t1_ns, "span_start_ns": self.spans[month], "sha256": written.sha256,
        }  # fmt: skip

    def _linked(self, number: int, file: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(f"{number} {file['key']}".encode()).hexdigest()
        return file | {"sha256": digest, "key": self._put(_path(file["key"]), digest)}

    def _put(self, path: Path, digest: str) -> str:
        from datasets.storage import layout

        key = layout.segment(self.tenant.id, digest, UUID(int=0))
        _path(key).parent.mkdir(parents=True, exist_ok=True)
        os.link(path, _path(key))
        return key

    @lru_cache(3 * SHARED)  # noqa: B019 - lives as long as the benchmark
    def _rows(self, number: int, month: int) -> Any:
        end = self.end if month + 1 == len(self.spans) else self.spans[month + 1]
        return bars(np.arange(self.spans[month], end, MINUTE), number * 1000 + month)

    def _entry(self, number: int, files: list[dict[str, Any]], now: datetime) -> Any:
        from datasets.models import LakeEntry

        # One in ten has doubtful sessions; of those that stand in no snapshot one in fifty misses a session.
        red, amber = int(number % 50 == 49 and number >= BATCH), 3 * (number % 10 == 9)
        return LakeEntry(
            tenant=self.tenant, table=TABLE, instrument=name_of(number), calendar="24/7", vendor=f"sim{number % 5}",
            revision=1, rows=sum(file["rows"] for file in files), first_ns=files[0]["t0_ns"],
            last_ns=files[-1]["t1_ns"], size_bytes=sum(file["size_bytes"] for file in files), fetched_at=now,
            updated_at=now, expected_next=now + timedelta(days=1), sessions=LEDGER_DAYS, red=red, amber=amber,
            green=LEDGER_DAYS - red - amber, grade="RED" if red else "AMBER" if amber else "GREEN",
            quality_score=100.0 - red - amber / 10,
        )  # fmt: skip

    def _members(self, commit: Any, made: list[Any], files: dict[int, list[dict[str, Any]]], owned: Any) -> None:
        from datasets.models import LakeMember, LakeSegment

        for number, held in files.items():
            entry = made[number]
            segments = [
                LakeSegment(
                    **owned, **file, commit=commit, verified_at=owned["created_at"], table=TABLE,
                    instrument=entry.instrument, schema_version=1,
                )
                for file in held
            ]  # fmt: skip
            LakeSegment.everyone.bulk_create(segments)
            LakeMember.objects.bulk_create(
                LakeMember(
                    entry=entry, segment=each, span_start_ns=each.span_start_ns, t0_ns=each.t0_ns, t1_ns=each.t1_ns,
                    from_revision=1,
                )
                for each in segments
            )  # fmt: skip

    def _ledger(self, commit: Any, entries: list[Any], now: datetime) -> None:
        from django.db import connection

        from datasets.models import LakePartition

        some = {entry.grade: entry for entry in reversed(entries)}.values()
        LakePartition.objects.bulk_create(
            LakePartition(commit=commit, fetched_at=now, **each) for entry in some for each in self._days(entry)
        )
        # the others have those of the first of their grade, under digests of their own
        columns = [field.column for field in LakePartition._meta.concrete_fields if not field.primary_key]
        own = {"entry_id": "e.id", "digest": "CASE p.digest WHEN '' THEN '' ELSE e.id || substr(p.digest, 33) END"}
        taken = ", ".join(own.get(column, f"p.{column}") for column in columns)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size = -800000")  # or the pages of five indexes are written again and again
            cursor.execute(
                f"INSERT INTO datasets_lakepartition ({', '.join(columns)}) SELECT {taken} FROM datasets_lakeentry e "
                "JOIN datasets_lakeentry model ON model.grade = e.grade JOIN datasets_lakepartition p "
                "ON p.entry_id = model.id WHERE e.id NOT IN (SELECT entry_id FROM datasets_lakepartition)"
            )

    def _days(self, entry: Any) -> Iterator[dict[str, Any]]:
        from datasets.market import dates

        for day in range(LEDGER_DAYS):
            start = self.end - (day + 1) * DAY
            red, amber = day < entry.red, day < entry.red + entry.amber
            rows = 0 if red else 1440
            yield {
                "entry": entry, "session": dates.to_date(start // DAY), "expected": 1440, "rows": rows,
                "status": "RED" if red else "AMBER" if amber else "GREEN", "vendor": entry.vendor,
                "code": "MISSING" if red else "RET_OUTLIER" if amber else "OK", "score": 0 if red else 100 - 10 * amber,
                "digest": "" if red else hashlib.sha256(f"{entry.instrument}{day}".encode()).hexdigest(),
                "first_ns": start if rows else None, "last_ns": start + DAY - MINUTE if rows else None,
            }  # fmt: skip

    def offer(self, number: int, start: int, minutes: int) -> Any:
        """Return an offer of so many minutes of one instrument from `start` on."""
        import pyarrow.parquet as pq

        from datasets.lake.offers import Offer

        path = self.room / f"offer-{number}-{start}.parquet"
        end = start + minutes * MINUTE
        # the minute of the start is in the seed: rows of one instrument never repeat
        pq.write_table(bars(np.arange(start, end, MINUTE), number * 1000 + start // MINUTE), path)
        return Offer(TABLE, name_of(number), (path,), start, end, f"sim{number % 5}", datetime.now(UTC))

    def commit(self, offers: list[Any], key: str) -> None:
        """Commit offers the way an ingest does."""
        from datasets.lake import commit

        commit.commit(self.actor, offers, operation="ingest", key=key, room=self.room / key)


def _path(key: str) -> Path:
    from django.core.files.storage import storages

    return Path(storages["data"].path(key))


def bars(stamps: np.ndarray, seed: int) -> Any:
    """Return minute bars in the table's columns: a walk in cents, the same for the same seed."""
    import pyarrow as pa

    from datasets.market import schemas, tables

    order = np.random.default_rng(seed)
    cents = 10_000 + np.round(np.cumsum(order.normal(0, 1, len(stamps)))).astype(np.int64)
    columns = {
        "open": cents / 100, "high": (cents + 1) / 100, "low": (cents - 1) / 100, "close": cents / 100,
        "volume": order.integers(1, 5_000, len(stamps)).astype(float),
        "trades": order.integers(1, 90, len(stamps)), "filled": np.zeros(len(stamps), dtype=bool),
    }  # fmt: skip
    schema = schemas.table_form(tables.find(TABLE)).schema
    arrays = [pa.array(stamps.astype("datetime64[ns]")).cast(schema.field("ts_event").type)]
    arrays += [pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names[1:]]
    return pa.Table.from_arrays(arrays, schema=schema)
