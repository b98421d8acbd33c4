"""From a version one comes to the commits that took it into the lake, and back."""

from __future__ import annotations

import pytest

from datasets import lineage, neighbourhood, promoted
from datasets.models import LakeCommit
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
