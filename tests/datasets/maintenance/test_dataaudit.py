"""The data audit on lakes with planted faults: a vendor's new unit, a session that today's rules refuse, damage."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from datasets.lake import ledger
from datasets.maintenance import dataaudit
from datasets.models import LakeEntry, LakeSegment
from tests.kit import lake
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def some():
    return np.random.default_rng(11)


def put(owner, folder, closes, name="X:A", **more):
    lake.registered(owner, name)
    lake.put(owner, folder, lake.offer(folder, lake.daily(closes, **more), name))


def calm(some, count=400):
    return 100 * np.exp(np.cumsum(some.normal(0, 0.01, count)))


def test_a_calm_series_has_nothing(owner, tmp_path, some):
    put(owner, tmp_path, calm(some), volume=some.lognormal(3, 0.5, 400))
    found = dataaudit.audit(owner.tenant.id)
    assert (found["ok"], found["entries"], found["sessions"]) == (True, 1, 400)
    assert [found[name]["count"] for name in ("drifted", "toxic", "unreadable")] == [0, 0, 0]


def test_a_vendors_new_unit_of_volume_is_drift(owner, tmp_path, some):
    volume = some.lognormal(3, 0.5, 400)
    volume[-20:] *= 15  # below the limit of a single session's spike
    put(owner, tmp_path, calm(some), volume=volume)
    [found] = dataaudit.audit(owner.tenant.id)["drifted"]["first"]
    assert (found["what"], found["newest"], found["entry"]) == ("volumes", 20, "crypto_bars_1d/X:A")
    assert found["psi"] > 0.25
    assert found["chance"] < 0.001


def test_wilder_returns_are_drift(owner, tmp_path, some):
    closes = np.concatenate((calm(some, 380), 100 * np.exp(np.cumsum(some.normal(0, 0.09, 20)))))
    put(owner, tmp_path, closes)
    assert [each["what"] for each in dataaudit.audit(owner.tenant.id)["drifted"]["first"]] == ["returns"]


def test_stricter_rules_find_what_came_in_under_older_ones(owner, tmp_path, some, settings):
    closes = calm(some, 60)
    closes[30] *= 3
    put(owner, tmp_path, closes)
    assert dataaudit.audit(owner.tenant.id)["ok"]
    settings.NEXUS_LAKE_RULES = {**settings.NEXUS_LAKE_RULES, "toxic_up_pct": 150.0}
    found = dataaudit.audit(owner.tenant.id)
    assert (found["ok"], found["toxic"]["count"]) == (False, 1)
    told = found["toxic"]["first"][0]
    assert (told["session"], told["code"]) == ("2024-11-06", "TOXIC")

    entry = LakeEntry.of(owner.tenant.id).get()
    with db.atomic():
        until = db.now() + timedelta(days=1)
        ledger.override(owner.actor, entry, "2024-11-06", "AMBER", "true news of that day", until)
    assert dataaudit.audit(owner.tenant.id)["ok"]


def test_old_history_is_read_when_all_is_asked_for(owner, tmp_path, some):
    put(owner, tmp_path, calm(some, 1_900))
    assert dataaudit.audit(owner.tenant.id)["sessions"] < 1_100
    assert dataaudit.audit(owner.tenant.id, whole=True)["sessions"] == 1_900


def test_a_damaged_segment_is_named_and_the_others_are_audited(owner, tmp_path, some):
    put(owner, tmp_path, calm(some))
    put(owner, tmp_path, calm(some), name="X:B")
    LakeSegment.of(owner.tenant.id).filter(instrument="X:A").update(damaged_at=db.now())
    found = dataaudit.audit(owner.tenant.id)
    assert (found["ok"], found["entries"], found["sessions"]) == (False, 2, 400)
    assert found["unreadable"]["first"][0]["entry"] == "crypto_bars_1d/X:A"


def test_minutes_are_compared_by_their_own_returns(owner, tmp_path, some):
    lake.registered(owner, "X:A")
    stamps = lake.MONDAY * lake.DAY + np.arange(25 * 1440, dtype=np.int64) * 60_000_000_000
    rows = lake.bars(stamps, 100 * np.exp(np.cumsum(some.normal(0, 1e-4, len(stamps)))), table="crypto_bars_1m")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:A", "crypto_bars_1m"))
    found = dataaudit.audit(owner.tenant.id)
    assert (found["sessions"], found["drifted"]["count"]) == (25, 0)
