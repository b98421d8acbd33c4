"""Results are kept a while, found by kind and workspace, and added up over workspaces."""

import pytest

from datasets.maintenance import records
from datasets.models import Upkeep
from tradenexus import db


def keep(tenant_id, chore="fsck", **result):
    return records.keep(chore, tenant_id, ok=True, result=result, started_at=db.now())


@pytest.mark.django_db
def test_the_newest_of_each_kind_and_workspace_is_found(owner, stranger):
    keep(owner.tenant.id, n=1)
    keep(owner.tenant.id, n=2)
    keep(stranger.tenant.id, n=3)
    keep(None, n=4)
    keep(owner.tenant.id, "gc", n=5)
    found = records.newest(owner.tenant.id)
    assert {name: row and row.result["n"] for name, row in found.items()} == {
        "fsck": 2,
        "scrub": None,
        "gc": 5,
        "audit": None,
        "backup": None,
    }
    assert records.newest(None, ["fsck"])["fsck"].result == {"n": 4}


@pytest.mark.django_db
def test_older_ones_go(owner, monkeypatch):
    monkeypatch.setattr(records, "KEPT", 3)
    for number in range(6):
        keep(owner.tenant.id, n=number)
        keep(None, n=number)
    assert sorted(row.result["n"] for row in Upkeep.of(owner.tenant.id)) == [3, 4, 5]
    assert Upkeep.everyone.filter(tenant=None).count() == 3


def test_totals_add_up():
    found = records.total(
        [
            {"ok": True, "n": 1, "deep": True, "x": {"count": 2, "first": [1]}},
            {"ok": False, "n": 2, "deep": True, "x": {"count": 1, "first": [2]}},
        ]
    )
    assert found == {"ok": False, "n": 3, "deep": True, "x": {"count": 3, "first": [1, 2]}}
    assert records.total([]) == {}
    many = records.total([{"x": list(range(150))}, {"x": list(range(150))}])
    assert len(many["x"]) == records.SHOWN
