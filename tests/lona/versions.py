"""Versions in the database with their canonical files in the storage."""

from __future__ import annotations

from datasets import versions
from datasets.models import Dataset, DatasetVersion
from datasets.storage import blobs, layout
from tests.lona.bars import write_bars
from tradenexus import db


def bars(person, folder, ts_ns, *, status="ready", interval="1m", symbols=("XRPETH",), dataset=None, **options):
    """Open, seal and place a version of bars without a job; returns the version."""
    with db.atomic():
        version = versions.open_upload(
            person.actor, name="xrp", filename="xrp.csv", content_type="text/csv", dataset=dataset
        )
        sealed = []
        for number, symbol in enumerate(symbols):
            path = write_bars(folder / f"{version.ref}-{number}.parquet", ts_ns, **options)
            key = layout.canonical(version.tenant_id, version.dataset_id, version.id, number, blobs.digest_of(path))
            blob = blobs.put_file(key, path)
            sealed.append(
                versions.SealedFile(
                    symbol, "binance", interval, key, len(ts_ns), blob.size_bytes, blob.sha256, ts_ns[0], ts_ns[-1]
                )
            )
        versions.seal(version, sealed, kind="bars", interval=interval)
        place(version, status)
    return version


def place(version, status, **fields):
    """Put a version into a state, past the lifecycle."""
    DatasetVersion.everyone.filter(id=version.id).update(status=status, **fields)
    Dataset.everyone.filter(id=version.dataset_id).update(status=status)
    version.refresh_from_db()
