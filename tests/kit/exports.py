"""A small lake with every kind of session, and its bundle built by the product's own job."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from datasets.exports import bundles, places
from datasets.models import ExportBundle
from tests.kit import lake
from tests.kit.people import Person
from tests.lona.worker import work
from tradenexus import db

# Code for tests.kit.server.Server.run: a filled lake of the owner, on which more may be done.
FILLED = """
import os, tempfile, django; django.setup()
from pathlib import Path
from tests.kit import exports, lake
from tests.kit.people import Person
from tradenexus.tenancy.models import Tenant, User
person = Person(User.objects.get(email="owner@example.org"), Tenant.objects.get(name="first"), "", "admin")
folder = Path(tempfile.mkdtemp(dir=os.environ["NEXUS_HOME"]))
"""
AMBER_DAY, RED_DAY, MISSING_DAY = "2024-10-10", "2024-10-15", "2024-10-18"


def fill(person: Person, folder: Path) -> None:
    """Commit 100 good days of one instrument, and 20 of another with one AMBER, one RED and one missing session."""
    clean = lake.registered(person, "BINANCE:ETH-BTC")
    lake.put(person, folder, lake.offer(folder, lake.daily(100 + np.sin(np.arange(100))), clean))
    closes = 100 + np.sin(np.arange(20))
    closes[3:] += 60  # a step of more than 30 %: AMBER, kept
    closes[8] = 5_000  # toxic: RED, quarantined
    rows = lake.daily(closes)
    other = lake.registered(person, "BINANCE:BTC=F_X")
    lake.put(person, folder, lake.offer(folder, rows.take([n for n in range(20) if n != 11]), other))


def build(person: Person, **parameters: Any) -> ExportBundle:
    """Ask for tonight's bundle and run its job."""
    with db.atomic():
        row, _ = bundles.request(person.actor, parameters)
    work()
    row.refresh_from_db()
    assert row.state == "ready", row.error
    return row


def where(row: ExportBundle) -> Path:
    """Return the folder of a bundle under its night's name."""
    return places.night_link(row.tenant_id, row.night)


def age(row: ExportBundle, days: int = 1) -> ExportBundle:
    """Make a bundle that of an earlier night."""
    night = row.night - timedelta(days=days)
    folder = places.name_of(night, row.manifest_sha256)
    where(row).unlink()
    places.bundle(row.tenant_id, row.folder).rename(places.bundle(row.tenant_id, folder))
    places.show(row.tenant_id, night, folder)
    row.night, row.folder = night, folder
    row.save(update_fields=["night", "folder"])
    return row


def faults(folder: Path) -> list[str]:
    """Return the paths whose bytes are not those of the manifest, and those that it does not list."""
    listed = {each["path"]: each["sha256"] for each in json.loads((folder / "manifest.json").read_text())["files"]}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"manifest.json"}
    wrong = [path for path in there & set(listed) if _sha256(folder / path) != listed[path]]
    return sorted([*wrong, *(there ^ set(listed))])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
