"""A build killed at each of its steps leaves no half bundle where bundles are found, and the next worker ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit import exports
from tests.kit.server import Server

STEPS = ["exports.planned", "exports.collected", "exports.manifest", "exports.renamed", "exports.shown"]
_ASK = """
import django; django.setup()
from datasets.exports import bundles
from tradenexus import actor, db
from tradenexus.tenancy.models import Tenant
with db.atomic():
    bundles.request(actor.system(Tenant.objects.get(name="first").id, "test"), {})
"""
_STATE = """
import json, django; django.setup()
from datasets.models import ExportBundle, ExportFile
row = ExportBundle.everyone.get()
print(json.dumps([row.state, row.folder, row.manifest_sha256, ExportFile.objects.filter(bundle=row).count()]))
"""


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    running.run(f"{exports.FILLED}exports.fill(person, folder)")
    running.run(_ASK)
    return running


def state(server: Server) -> list:
    return json.loads(server.run(_STATE).splitlines()[-1])


def seen(server: Server) -> list[Path]:
    """Return the bundles that one finds, by a night's name or beside the others."""
    found = list((server.home / "exports").glob("*/nightly/*")) + list((server.home / "exports").glob("*/bundles/*"))
    return [each for each in found if not each.name.startswith(".building-")]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_nothing_half_is_seen_and_the_next_worker_ends_it(server, step):
    server.work_until_killed(step)
    assert [exports.faults(each) for each in seen(server)] == [[]] * len(seen(server))
    assert state(server)[:3] == ["building", "", ""]
    server.work()
    told, folder, manifest, files = state(server)
    assert (told, files) == ("ready", 10)
    assert sorted(each.name for each in seen(server)) == sorted([folder[:10], folder])
    assert [exports.faults(each) for each in seen(server)] == [[], []]
    assert not list((server.home / "exports").glob("*/bundles/.building-*"))
    server.run(_ASK)
    server.work()
    assert state(server)[2] == manifest
