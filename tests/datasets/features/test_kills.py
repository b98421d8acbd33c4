"""A build whose worker dies between its document and the row: the next attempt's is named, the other is garbage."""

from __future__ import annotations

import json

from tests.kit import stocked
from tests.kit.server import Server

_BUILD = """
import django; django.setup()
from datasets.features import run
from tradenexus import db
from tradenexus.actor import system
from tradenexus.tenancy.models import Tenant
with db.atomic():
    run.request(system(Tenant.objects.get(name="first").id, "r"), "tv_technicals_1d", {})
"""
_LOOK = """
import json, django; django.setup()
from datasets.features import registry, run
from datasets.maintenance import fsck
from datasets.models import FeatureCoverage
from tradenexus.actor import system
from tradenexus.tenancy.models import Tenant
tenant = Tenant.objects.get(name="first").id
found, last = fsck.check(tenant, deep=True), run.last_coverage(system(tenant, "r"), registry.find("tv_technicals_1d"))
print(json.dumps({"ok": found["ok"], "young": found["orphans"]["young"], "foreign": found["foreign"]["count"],
    "keys": [row.key for row in FeatureCoverage.everyone.all()], "instruments": last and len(last["instruments"])}))
"""


def test_killed_between_document_and_row_the_next_attempt_names_its_own(tmp_path):
    server = Server(tmp_path)
    server.run(stocked.CODE)
    server.run(_BUILD)
    server.work_until_killed("features.stored")
    [first] = (server.home / "data" / "features").rglob("*.json")
    told = json.loads(server.run(_LOOK))
    assert told == {"ok": True, "young": 1, "foreign": 0, "keys": [], "instruments": None}
    server.work()
    told = json.loads(server.run(_LOOK))
    [key] = told.pop("keys")
    assert told == {"ok": True, "young": 1, "foreign": 0, "instruments": 3}
    stored = set((server.home / "data" / "features").rglob("*.json"))
    assert stored == {first, server.home / "data" / key}
    assert len(stored) == 2
