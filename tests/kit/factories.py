"""Rows in a wanted state, made through the product's own verbs where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import versions
from datasets.models import Dataset, DatasetVersion
from tests.kit.people import Person
from tradenexus import db

START_NS = 1_700_000_000_000_000_000


def version_in(person: Person, status: str = "uploaded", name: str = "trades", **facts: Any) -> DatasetVersion:
    """Return a version of a new dataset in the given state (the state is set, not walked to)."""
    with db.atomic():
        version = versions.open_upload(person.actor, name=name, filename=f"{name}.csv", content_type="text/csv")
        DatasetVersion.everyone.filter(id=version.id).update(status=status, **facts)
        Dataset.everyone.filter(id=version.dataset_id).update(status=status)
    version.refresh_from_db()
    return version


def sealed(person: Person, folder: Path, rows: int = 10, status: str = "ready", kind: str = "bars") -> DatasetVersion:
    """Return a version with one real canonical file of `rows` one-minute bars or trades, first at START_NS."""
    version = version_in(person, "validating", name="sealed")
    path = folder / "made.parquet"
    written = _write(path, kind, rows)
    file = {"path": str(path), "instrument": "BTC-USD", "interval": "1m" if kind == "bars" else "", **written}
    with db.atomic():
        stored = versions.store(version, 0, file)
        versions.seal(version, [stored], kind=kind, interval=file["interval"], grade="GREEN", score=100.0)
        DatasetVersion.everyone.filter(id=version.id).update(status=status)
        Dataset.everyone.filter(id=version.dataset_id).update(status=status)
    version.refresh_from_db()
    return version


def catalog_row(person: Person) -> dict[str, str]:
    """Return the names of an entry of the lake, its instrument, a commit and a quarantine: rows alone, no bytes."""
    from datasets.models import Instrument, LakeCommit, LakeEntry, LakePartition, LakeQuarantine, LakeRevision

    now, owned = db.now(), {"tenant": person.tenant}
    Instrument.everyone.create(**owned, name="X:A", venue="X", symbol="A", type="spot", calendar="24/7", valid_from=now)
    commit = LakeCommit.everyone.create(**owned, key="made", operation="ingest", created_at=now)
    entry = LakeEntry.everyone.create(**owned, table="crypto_bars_1d", instrument="X:A", revision=1, updated_at=now)
    LakeRevision.objects.create(entry=entry, number=1, commit=commit, digest="0" * 64, rows=0, created_at=now)
    told = {"entry": entry, "session": "2024-10-07", "commit": commit}
    LakePartition.objects.create(**told, status="RED", code="TOXIC", codes=["TOXIC"])
    held = LakeQuarantine.everyone.create(
        **owned, **told, code="TOXIC", key="lake/x", sha256="0" * 64, rows=1, size_bytes=1, created_at=now
    )
    return {"cmt": commit.ref, "qrt": held.ref, "ins": "X:A", "lke": "crypto_bars_1d/X:A"}


def _write(path: Path, kind: str, rows: int) -> dict[str, Any]:
    import numpy as np
    import pyarrow as pa

    from datasets.engine import canonical
    from datasets.market import schemas

    stamps = START_NS // 60_000_000_000 * 60_000_000_000 + np.arange(rows, dtype=np.int64) * 60_000_000_000
    prices = 100.0 + np.arange(rows) / 8
    schema = schemas.SCHEMAS[kind]
    values = {"open": prices, "high": prices + 1, "low": prices - 1, "close": prices + 0.5, "price": prices}
    values |= {"volume": np.ones(rows), "size": np.ones(rows), "filled": np.zeros(rows, dtype=bool)}
    columns = [_column(field, stamps, values, rows) for field in schema]
    interval = "1m" if kind == "bars" else ""
    writer = canonical.writer(path, kind, schemas.metadata(kind, "BTC-USD", "", interval))
    writer.write(pa.Table.from_arrays(columns, schema=schema))
    done = writer.close()
    return {"rows": done.rows, "sha256": done.sha256, "t0Ns": done.t0_ns, "t1Ns": done.t1_ns}


def _column(field: Any, stamps: Any, values: dict[str, Any], rows: int) -> Any:
    import pyarrow as pa

    if field.name == "ts_event":
        return pa.array(stamps).cast(field.type)
    if field.name in values:
        return pa.array(values[field.name]).cast(field.type)
    return pa.nulls(rows, field.type)
