"""`python -m benchmarks.filling ROWS [JOBS ENTRIES]`: fill the database of NEXUS_HOME, print what was made.

ROWS datasets of one version each, one more dataset of ROWS versions, and ROWS uploads, publications and backtests;
JOBS jobs and ENTRIES audit entries (a chain that verifies), ROWS of each unless said.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import django

STATES = ("validated", "ready", "uploaded", "validation_failed", "published_lona", "archived")
JOB_STATES = ("succeeded", "failed", "cancelled")
KINDS = ("trades", "bars", "quotes")
RESOLUTIONS = ("ticks", "1m", "ticks", "1h", "1d")
ASSET_CLASSES = ("equity", "crypto", "future", "forex")
START_NS = 1_704_067_200_000_000_000
BATCH = 500


def main(rows: int, jobs: int = 0, entries: int = 0) -> dict[str, str]:
    """Fill everything in one transaction each; return the ids the benchmark asks for."""
    from tradenexus import db
    from tradenexus.tenancy.models import Membership

    owner = Membership.everyone.select_related("tenant", "user").get()
    with db.atomic():
        many, version = _datasets(owner, rows)
        _uploads(owner, rows)
    with db.atomic():
        _jobs(owner, jobs or rows, version.ref)
        _audit(owner, entries or rows, version.ref)
    with db.atomic():
        _lona(owner, rows, version)
    return {"dataset": many.ref, "version": version.ref, "user": f"usr_{owner.user_id.hex}"}


def _datasets(owner: Any, rows: int) -> tuple[Any, Any]:
    from datasets.models import Dataset, DatasetVersion

    made = [Dataset(tenant=owner.tenant, owner=owner.user, version=1, **_dataset(number)) for number in range(rows)]
    many = Dataset(tenant=owner.tenant, owner=owner.user, version=rows, **_dataset(rows))
    Dataset.everyone.bulk_create([*made, many], batch_size=BATCH)
    versions = [_version(owner, row, 1, number) for number, row in enumerate(made)]
    versions += [_version(owner, many, number + 1, number) for number in range(rows)]
    DatasetVersion.everyone.bulk_create(versions, batch_size=BATCH)
    many.refresh_from_db()
    return many, versions[-1]


def _dataset(number: int) -> dict[str, Any]:
    return {
        "name": f"series {number:05d} of {_symbol(number)}",
        "status": STATES[number % len(STATES)],
        "kind": KINDS[number % len(KINDS)],
        "symbols_text": f"|{_symbol(number)}|BTC-USD|",
        "resolution": RESOLUTIONS[number % len(RESOLUTIONS)],
        "vendor": f"vendor {number % 40:02d}",
        "asset_class": ASSET_CLASSES[number % len(ASSET_CLASSES)],
    }


def _symbol(number: int) -> str:
    return f"SYM{number % 500:03d}"


def _version(owner: Any, dataset: Any, number: int, salt: int) -> Any:
    from datasets.models import DatasetVersion

    digest = hashlib.sha256(f"{dataset.id}{number}".encode()).hexdigest()
    return DatasetVersion(
        tenant=owner.tenant, dataset=dataset, number=number, status=dataset.status, operation="upload",
        created_by=owner.user, filename=f"series-{salt}.csv", content_type="text/csv", size_bytes=1_000_000 + salt,
        sha256=digest, kind=dataset.kind, interval="1m" if dataset.kind == "bars" else "", venue="SIM",
        row_count=100_000 + salt, start_ns=START_NS, end_ns=START_NS + 86_400 * 10**9, grade="GREEN", score=99.5,
        symbols=[_symbol(salt), "BTC-USD"], content_digest=digest, params={"venue": "SIM"},
    )  # fmt: skip


def _uploads(owner: Any, rows: int) -> None:
    from datasets.models import Dataset, DatasetVersion, UploadSession
    from tradenexus import db

    newest = DatasetVersion.of(owner.tenant_id).filter(dataset__in=Dataset.of(owner.tenant_id).filter(version=1))
    later = db.now() + timedelta(days=7)
    UploadSession.everyone.bulk_create(
        (
            UploadSession(
                tenant=owner.tenant, dataset_id=version.dataset_id, version=version, user=owner.user,
                state="open" if number % 50 == 0 else "finished", filename=version.filename, length=1_000_000,
                offset=0 if number % 50 == 0 else 1_000_000, sha256=version.sha256, expires_at=later,
            )
            for number, version in enumerate(newest.order_by("id")[:rows])
        ),
        batch_size=BATCH,
    )  # fmt: skip


def _jobs(owner: Any, rows: int, subject: str) -> None:
    from tradenexus import db
    from tradenexus.jobs.models import Job

    now = db.now()
    Job.everyone.bulk_create(
        (
            Job(
                tenant=owner.tenant, user=owner.user, request_id=f"bench-{number}", kind="dataset.validate",
                state=JOB_STATES[number % len(JOB_STATES)], subject=subject if number % 100 == 0 else f"dsv_{number}",
                params={"versionId": "dsv_"}, result={"grade": "GREEN"}, run_at=now, attempts=1, token=1,
                progress={"phase": "finalise", "done": 1, "total": 1, "unit": "bytes"}, started_at=now, finished_at=now,
            )
            for number in range(rows)
        ),
        batch_size=BATCH,
    )  # fmt: skip


def _audit(owner: Any, rows: int, subject: str) -> None:
    from tradenexus.audit.models import Entry, Head

    head = Head.objects.get(tenant=owner.tenant)
    Entry.everyone.bulk_create(_chained(owner, head, rows, subject), batch_size=BATCH)
    head.save(update_fields=["audit_seq", "audit_hash", "audit_previous"])


def _chained(owner: Any, head: Any, rows: int, subject: str) -> Iterator[Any]:
    from tradenexus import db
    from tradenexus.audit import chain
    from tradenexus.audit.models import Entry

    now = db.now()
    for number in range(rows):
        head.audit_seq += 1
        entry = Entry(
            tenant=owner.tenant, seq=head.audit_seq, at=now, user_id=owner.user_id, via="key:bench",
            request_id=f"bench-{number}", action="version.status", subject=subject if number % 100 == 0 else "dsv_",
            old="uploaded", new="validating", details={"n": number}, prev_hash=head.audit_hash,
        )  # fmt: skip
        head.audit_previous = head.audit_hash
        entry.hash = head.audit_hash = chain.link(entry)
        yield entry


def _lona(owner: Any, rows: int, version: Any) -> None:
    from lona.models import Backtest, Publication, Strategy

    Publication.everyone.bulk_create(
        (
            Publication(
                tenant=owner.tenant, version=version, instrument=_symbol(number), frequency="1m", start_ns=number,
                end_ns=number + 1, state="published", symbol_name=f"s{number}", lona_symbol_id=f"sym-{number}",
            )
            for number in range(rows)
        ),
        batch_size=BATCH,
    )  # fmt: skip
    strategy = Strategy(
        tenant=owner.tenant, user=owner.user, name="bench", lona_name="bench", lona_strategy_id="1", state="ready"
    )
    strategy.save()
    days = [f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}T00:00:00Z" for day in range(250)]
    equity = [{"date": day, "value": 100_000.0 + number} for number, day in enumerate(days)]
    drawdown = [{"date": day, "pct": 0.5} for day in days]
    trades = [{"time": day, "symbol": "SYM", "side": "buy", "price": 1.5, "quantity": 2.0} for day in days]
    Backtest.everyone.bulk_create(
        (
            Backtest(
                tenant=owner.tenant, user=owner.user, strategy=strategy, status="completed", start_date="2024-01-01",
                end_date="2024-12-31", metrics={"totalReturnPct": 1.0}, equity=equity, drawdown=drawdown, trades=trades,
            )
            for _ in range(rows)
        ),
        batch_size=BATCH,
    )  # fmt: skip


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(*(int(word) for word in sys.argv[1:]))))
