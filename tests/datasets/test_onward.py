"""From a commit one comes to entries, snapshots, returns, features and exports; never to what was made before it."""

from __future__ import annotations

import pytest

from datasets import lineage, neighbourhood, onward, promotion
from datasets.features import run as features
from datasets.models import ExportBundle, LakeCommit, LakeEntry
from datasets.selector import matrices
from datasets.snapshots import materialise
from tests.kit import exports, factories
from tests.kit.stocked import NAMES, TABLE, closes
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def below(person, ref, fan=25, near=None):
    """What is below an id: nodes by kind, and how many there are."""
    found = onward.beside(person.tenant.id, [ref], "down", fan, near)
    kinds: dict[str, list[str]] = {}
    for node in found.nodes.values():
        kinds.setdefault(node["kind"], []).append(node["label"])
    return kinds, found.totals[ref]


def above(person, ref, fan=25):
    found = onward.beside(person.tenant.id, [ref], "up", fan, None)
    return [node["id"] for node in found.nodes.values()], found.totals[ref]


def entry_of(person, name=NAMES[0], table=TABLE):
    return LakeEntry.of(person.tenant.id).get(table=table, instrument=name)


def at(person, revision, name=NAMES[0]):
    return onward.place(entry_of(person, name).id, revision)


def test_a_commit_leads_to_its_entries_and_they_to_it(stocked, owner):
    commit = LakeCommit.of(owner.tenant.id).get()
    assert below(owner, commit.ref) == ({"entry": [f"{TABLE}/{name}@1" for name in NAMES]}, 3)
    assert above(owner, at(owner, 1)) == ([commit.ref], 1)
    told, total = below(owner, commit.ref, fan=2)
    assert (len(told["entry"]), total) == (2, 3)


def test_a_snapshot_stands_below_what_it_holds_and_not_below_what_came_later(stocked, owner):
    first = stocked.freeze("run-1")
    stocked.put(NAMES[0], closes(7, 420), policy="newer")
    second = stocked.freeze("run-2")
    assert below(owner, at(owner, 1)) == ({"snapshot": ["run-2", "run-1"]}, 2)
    assert below(owner, at(owner, 2)) == ({"snapshot": ["run-2"]}, 1)
    assert above(owner, first.ref) == ([at(owner, 1, name) for name in NAMES], 3)
    assert at(owner, 2) in above(owner, second.ref)[0]
    commits = LakeCommit.of(owner.tenant.id).order_by("created_at")
    assert above(owner, at(owner, 2)) == ([row.ref for row in commits][::-1], 2)


def test_a_snapshot_leads_on_to_returns_and_files(stocked, owner, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path / "home"
    snapshot = stocked.freeze()
    with db.atomic():
        job = materialise.request(owner.actor, snapshot, "single", "")
        matrix, _ = matrices.request(owner.actor, snapshot, list(NAMES), "", {})
    assert below(owner, snapshot.ref) == ({}, 0)  # neither is there yet
    work()
    assert below(owner, snapshot.ref) == ({"returns": ["returns of 3 candidates"], "files": ["files, single"]}, 2)
    assert above(owner, matrix.ref) == above(owner, job.ref) == ([snapshot.ref], 1)


def test_a_feature_stands_below_the_revision_that_it_was_made_of(stocked, owner):
    with db.atomic():
        features.request(owner.actor, "tv_technicals_1d", {})
    work()
    stocked.put(NAMES[0], closes(7, 420), policy="newer")
    told, total = below(owner, at(owner, 1))
    assert (list(told), total) == (["lake"], 1)
    assert below(owner, at(owner, 2)) == ({}, 0)
    made = LakeCommit.of(owner.tenant.id).filter(source=entry_of(owner).ref).get()
    assert above(owner, made.ref) == ([at(owner, 1)], 1)
    assert below(owner, made.ref)[0]["entry"] == [f"features_tv_technicals_1d/{NAMES[0]}@1"]


def test_an_export_stands_below_what_was_there_when_it_began(stocked, owner):
    row = exports.build(owner)
    stocked.put(NAMES[0], closes(7, 420), policy="newer")
    assert below(owner, at(owner, 1)) == ({"export": [f"export of {row.night}"]}, 1)
    assert below(owner, at(owner, 2)) == ({}, 0)
    assert above(owner, row.ref) == ([at(owner, 1, name) for name in NAMES], 3)
    Job.everyone.filter(subject=row.ref).update(started_at="2000-01-01T00:00Z")  # all entries moved while it was built
    assert above(owner, row.ref) == ([], 3)
    assert below(owner, at(owner, 1)) == ({}, 0)


def test_an_export_of_some_instruments_stands_below_these(stocked, owner):
    row = exports.build(owner, instruments=[NAMES[1]])
    assert below(owner, at(owner, 1)) == ({}, 0)
    assert above(owner, row.ref) == ([at(owner, 1, NAMES[1])], 1)
    ExportBundle.everyone.filter(id=row.id).update(state="queued")  # it is being built anew
    assert above(owner, row.ref) == ([], 0)


def test_a_version_leads_to_a_snapshot_of_what_it_brought(owner, tmp_path, client):
    version = factories.sealed(owner, tmp_path, rows=5000)
    options = {"table": "crypto_bars_1m", "instruments": {"BTC-USD": "X:BTC-USD"}, "type": "spot", "calendar": "24/7"}
    with db.atomic():
        promotion.request(owner.actor, version.dataset, version.number, options)
    work()
    exports.build(owner)
    kinds = [node["kind"] for node in lineage.of_version(version)["nodes"]]
    assert {"version", "lake", "entry", "export"} <= set(kinds)
    row = ExportBundle.of(owner.tenant.id).get()
    way = neighbourhood.of(version, focus=row.ref)["path"]
    assert [ref.split("_")[0] for ref in way] == ["dsv", "cmt", "lke", "exp"]
    client.force_login(owner.user)
    base = f"/datasets/{version.dataset.ref}/v/1/lineage/"
    page = client.get(f"{base}?focus={row.ref}").content.decode()
    assert f'href="/exports/{row.night}/"' in page
    assert 'href="/lakehouse/crypto_bars_1m/X:BTC-USD/"' in page
    assert "format=openlineage" in page
    told = owner.api.get(f"/v1/datasets/{version.dataset.ref}/lineage?format=openlineage").json()
    assert {event["job"]["name"] for event in told} == {"lake.promote", "export.build"}


def test_another_workspace_is_told_of_none(stocked, owner, stranger):
    snapshot = stocked.freeze()
    row = exports.build(owner)
    for ref in (LakeCommit.of(owner.tenant.id).get().ref, at(owner, 1), snapshot.ref, row.ref, "lke_x@1", "lke_@"):
        for way in ("up", "down", "self"):
            assert onward.beside(stranger.tenant.id, [ref], way, 25, None).nodes == {}
