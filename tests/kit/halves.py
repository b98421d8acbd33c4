"""A share that opens at half of the close before, and what another vendor may say of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets import versions
from datasets.lake import scan
from datasets.models import Dataset, DatasetVersion, LakeEntry
from tests.kit import factories, lake
from tests.kit.people import Person
from tradenexus import db

TABLE, NAME = "equities_bars", "XNAS:AAPL"
SPLIT_DAY = lake.MONDAY + 30
SESSION = "2024-11-06"
URL = f"/v1/lake/{TABLE}/{NAME}"
RECORD = f"{URL}/suspects/{SESSION}/record"
WHY = "read in the filing of the company"


def closes() -> np.ndarray:
    """Return sixty closes as traded, halved from the thirty-first on."""
    told = 100 + np.sin(np.arange(60))
    told[30:] /= 2
    return told


def adjusted(ratio: float = 2.0) -> np.ndarray:
    """Return the same closes with a split of that ratio taken out."""
    told = closes()
    told[:30] /= ratio
    return told


def bars(values: np.ndarray) -> pa.Table:
    """Return closes as daily bars."""
    return lake.daily(values, table=TABLE)


def halved(person: Person, folder: Path, vendor: str = "first") -> LakeEntry:
    """Put the share into the lake, and return its entry."""
    lake.registered(person, NAME, "equity", "24/7")
    lake.put(person, folder, lake.offer(folder, bars(closes()), NAME, TABLE, vendor=vendor))
    return scan.entry_of(person.tenant.id, TABLE, NAME)


def offered(person: Person, folder: Path, values: np.ndarray, vendor: str = "second") -> None:
    """Offer another vendor's bars to the same entry: adjusted ones are refused."""
    lake.put(person, folder, lake.offer(folder, bars(values), NAME, TABLE, vendor=vendor, policy="newer"))


def dataset(
    person: Person, folder: Path, values: np.ndarray, vendor: str = "third", venue: str = "XNAS", **more: Any
) -> DatasetVersion:
    """Return a ready version of a dataset of a vendor with such daily bars, that is not in the lake."""
    name = more.pop("name", f"bars of {vendor}")
    version = factories.version_in(person, "validating", name=name, venue=venue, **more)
    path = folder / f"{version.ref}.parquet"
    rows = bars(values)
    pq.write_table(rows, path)
    times = rows["ts_event"].cast(pa.int64()).to_pylist()
    file = {"path": str(path), "instrument": "AAPL", "venue": venue, "interval": "1d", "rows": rows.num_rows}
    file |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "t0Ns": times[0], "t1Ns": times[-1]}
    with db.atomic():
        stored = versions.store(version, 0, file)
        versions.seal(version, [stored], kind="bars", interval="1d", grade="GREEN", score=100.0)
        DatasetVersion.everyone.filter(id=version.id).update(status="ready")
        Dataset.everyone.filter(id=version.dataset_id).update(status="ready", vendor=vendor)
    version.refresh_from_db()
    return version


def minutes(person: Person, folder: Path, values: np.ndarray, vendor: str) -> LakeEntry:
    """Put one bar a day into the table of minute bars, and return that entry."""
    table = "equities_bars_minute"
    stamps = lake.MONDAY * lake.DAY + np.arange(len(values), dtype=np.int64) * lake.DAY + lake.DAY // 2
    rows = lake.bars(stamps, values + 0.01, table=table)
    lake.put(person, folder, lake.offer(folder, rows, NAME, table, vendor=vendor))
    return scan.entry_of(person.tenant.id, table, NAME)
