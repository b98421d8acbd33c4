"""A lake of three instruments with 400 daily bars each, and the way to freeze it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.models import Snapshot
from datasets.snapshots import freeze
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus import db

TABLE = "crypto_bars_1d"
NAMES = ("BINANCE:ADA-BTC", "BINANCE:ETH-BTC", "BINANCE:XRP-BTC")
START, END = MONDAY * DAY, (MONDAY + 400) * DAY


@dataclass
class Stocked:
    """The owner's lake."""

    owner: Any
    folder: Any

    def put(self, name: str, closes: Any, **more: Any) -> None:
        """Commit daily closes of an instrument from the first day on."""
        lake.registered(self.owner, name)
        lake.put(self.owner, self.folder, lake.offer(self.folder, lake.daily(closes), name, **more))

    def ask(self, name: str = "run-1", instruments: Any = NAMES, start: int = START, end: int = END, **more: Any):
        """Return what a run wants."""
        return freeze.wanted(name, instruments, more.pop("tables", [TABLE]), start, end, **more)

    def freeze(self, name: str = "run-1", **more: Any) -> Snapshot:
        """Freeze it."""
        with db.atomic():
            return freeze.freeze(self.owner.actor, self.ask(name, **more))[0]


def closes(seed: int, count: int = 400) -> np.ndarray:
    """Return a price that wanders."""
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))


def stock(owner: Any, folder: Any) -> Stocked:
    """Return the owner's lake with three instruments over two years of segments, one commit."""
    made = Stocked(owner, folder)
    offers = []
    for number, name in enumerate(NAMES):
        lake.registered(owner, name)
        offers.append(lake.offer(folder, lake.daily(closes(number)), name))
    lake.put(owner, folder, *offers)
    return made


# Run as code in the environment of tests.kit.server.Server: the same lake and a snapshot of it, whose id is printed.
CODE = """
import pathlib, tempfile, types, django; django.setup()
from tests.kit import stocked
from tradenexus.tenancy import actors
from tradenexus.tenancy.models import Tenant, User
user, tenant = User.objects.get(email="owner@example.org"), Tenant.objects.get(name="first")
owner = types.SimpleNamespace(actor=actors.of_user(user, "test-request", tenant.id), tenant=tenant)
with tempfile.TemporaryDirectory() as folder:
    snapshot = stocked.stock(owner, pathlib.Path(folder)).freeze()
print(snapshot.ref)
"""
