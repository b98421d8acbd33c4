"""From a version one comes to the commits that took it into the lake, and back."""

from __future__ import annotations

import pytest

from datasets import lineage, neighbourhood, promoted, versions
from datasets.models import LakeCommit, LakeEntry, LakeQuarantine
from tests.kit import factories
from tradenexus import db

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(owner, tmp_path):
    """A version with three commits, and a commit of somebody else's."""
    version = factories.sealed(owner, tmp_path)
    summary = {"entries": 2, "added": 10, "replaced": 0, "quarantined": 1, "first": [{"entry": "trades/X:A"}]}
    facts = {"tenant": owner.tenant, "operation": "promote", "created_at": db.now(), "summary": summary}
    made = [LakeCommit.everyone.create(key=str(number), source=version.ref, **facts) for number in range(3)]
    LakeCommit.everyone.create(key="other", source="job_x", **facts)
    return version, made


def test_the_whole_graph_goes_on_into_the_lake(taken):
    version, made = taken
    told = lineage.of_version(version)
    lake = [node for node in told["nodes"] if node["kind"] == "lake"]
    assert {node["id"] for node in lake} == {row.ref for row in made}
    assert lake[0]["label"] == "trades/X:A and 1 more"
    assert {(edge["from"], edge["to"]) for edge in told["edges"]} >= {(version.ref, row.ref) for row in made}


def test_the_neighbourhood_counts_what_it_does_not_tell(taken):
    version, made = taken
    told = neighbourhood.of(version, fan=2)
    assert len([node for node in told["nodes"] if node["kind"] == "lake"]) == 2
    own = next(node for node in told["nodes"] if node["id"] == version.ref)
    assert own["hidden"]["down"] == 1
    around = neighbourhood.of(version, focus=made[0].ref, direction="up")
    assert version.ref in [node["id"] for node in around["nodes"]]


def test_another_workspace_is_told_of_none(taken, stranger):
    version, made = taken

    assert promoted.beside(stranger.tenant.id, [version.ref], "down", 5, None).nodes == {}
    assert promoted.beside(stranger.tenant.id, [made[0].ref], "self", 5, None).nodes == {}


@pytest.fixture
def fixed(owner, tmp_path):
    """Refused rows of a version's commit, and the version that a fix made of them, with its own commit."""
    source = factories.sealed(owner, tmp_path)
    summary = {"entries": 1, "added": 1, "replaced": 0, "quarantined": 1, "first": [{"entry": "trades/X:A"}]}
    facts = {"tenant": owner.tenant, "created_at": db.now(), "summary": summary}
    first = LakeCommit.everyone.create(key="first", operation="promote", source=source.ref, **facts)
    entry = LakeEntry.everyone.create(tenant=owner.tenant, table="trades", instrument="X:A")
    rows = {"session": "2024-01-02", "code": "TOXIC", "key": "k", "sha256": "0" * 64, "rows": 1, "size_bytes": 1}
    held = LakeQuarantine.everyone.create(
        tenant=owner.tenant, entry=entry, commit=first, created_at=db.now(), vendor="replay", **rows
    )
    with db.atomic():
        version = versions.open_held(owner.actor, held, "fixed", {"steps": [{"op": "dedupe"}]})
    second = LakeCommit.everyone.create(key="second", operation="fix", source=version.ref, **facts)
    return source, first, held, version, second


def test_from_fixed_rows_in_the_lake_one_comes_back_to_the_first_byte(fixed):
    source, first, held, version, second = fixed
    chain = [(source.ref, first.ref), (first.ref, held.ref), (held.ref, version.ref), (version.ref, second.ref)]
    for start in (version, source):
        told = lineage.of_version(start)
        assert {(edge["from"], edge["to"]) for edge in told["edges"]} >= set(chain)
        assert {node["id"] for node in told["nodes"]} >= {each.ref for each in fixed}
    (edge,) = [edge for edge in told["edges"] if edge["operation"] == "fix" and edge["to"] == version.ref]
    assert edge["params"]["steps"] == [{"op": "dedupe"}]


def test_what_a_vendor_gave_leads_back_to_the_vendor(fixed):
    _, first, _, version, _ = fixed
    LakeCommit.everyone.filter(id=first.id).update(source="lease_1", operation="ingest")
    told = lineage.of_version(version)
    assert ("vendor:replay", first.ref) in {(edge["from"], edge["to"]) for edge in told["edges"]}


def test_one_can_go_from_neighbour_to_neighbour_along_a_fix(fixed, stranger):
    source, first, held, version, second = fixed
    near = neighbourhood.of(version)
    assert {node["id"] for node in near["nodes"]} == {version.ref, held.ref, second.ref}
    around = neighbourhood.of(version, focus=held.ref)
    assert {node["id"] for node in around["nodes"]} == {version.ref, held.ref, first.ref}
    down = neighbourhood.of(source, focus=first.ref, direction="down")
    assert held.ref in {node["id"] for node in down["nodes"]}
    assert promoted.beside(stranger.tenant.id, [held.ref], "self", 5, None).nodes == {}
    assert promoted.following(stranger.tenant.id, [version.ref]) == ([], [])
