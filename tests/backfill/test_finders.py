"""Jobs name repairs, and lead to them."""

import pytest

from backfill import finders
from backfill.models import RepairRun

pytestmark = pytest.mark.django_db


def test_a_repair_is_named_in_its_own_workspace_only(owner, stranger):
    run = RepairRun.everyone.create(tenant=owner.tenant, selection={}, plan=True)
    refs = [run.ref, "rpr_nonsense"]
    (found,) = finders.named_repairs(owner.tenant.id, refs).values()
    assert (found.noun, found.url) == ("repair", f"/lakehouse/repairs/{run.ref}/")
    assert found.label.startswith("plan of a repair 20")
    assert finders.named_repairs(stranger.tenant.id, refs) == {}
