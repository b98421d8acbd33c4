"""What the search finds of the lake: entries, snapshots, exports and commits, for their own workspace."""

from __future__ import annotations

from datetime import date

import pytest

from datasets.models import ExportBundle, LakeCommit, LakeEntry, Snapshot
from tests.acceptance.test_every_route import _snapshot
from tests.kit import factories
from tradenexus import db

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(owner):
    """An entry with its commit, a snapshot and an export."""
    factories.catalog_row(owner)
    snapshot = _snapshot(owner.tenant)
    Snapshot.everyone.filter(id=snapshot.id).update(name="momentum-17")
    export = ExportBundle.everyone.create(tenant=owner.tenant, night=date(2024, 1, 1), created_at=db.now())
    commit = LakeCommit.everyone.get()
    LakeCommit.everyone.update(source="dsv_origin")
    return {"entry": LakeEntry.everyone.get().ref, "snapshot": snapshot.ref, "export": export.ref, "commit": commit.ref}


def hits(person, text):
    answer = person.api.get("/v1/search", {"q": text})
    assert answer.status_code == 200, answer.data
    return {(hit["id"], hit["url"]) for hit in answer.data["items"]}


@pytest.mark.parametrize(
    ("text", "what", "url"),
    [
        ("x:a", "entry", "/lakehouse/crypto_bars_1d/X:A/"),
        ("crypto_bars_1d", "entry", "/lakehouse/crypto_bars_1d/X:A/"),
        ("crypto_bars_1d/X:A", "entry", "/lakehouse/crypto_bars_1d/X:A/"),
        ("MOMENTUM", "snapshot", "/lakehouse/snapshots/{}/"),
        ("2024-01-01", "export", "/exports/2024-01-01/"),
        ("dsv_origin", "commit", "/lakehouse/commits/{}/"),
    ],
)
def test_things_of_the_lake_are_found_by_name_and_by_id(owner, stranger, kept, text, what, url):
    wanted = {(kept[what], url.format(kept[what]))}
    assert hits(owner, text) == wanted
    assert hits(owner, kept[what]) == wanted
    assert hits(stranger, text) == hits(stranger, kept[what]) == set()
    page = next(iter(wanted))[1]
    assert owner.api.get("/v1/search", {"q": text}).data["items"][0]["url"] == page


@pytest.mark.parametrize("text", ["%", "/", "crypto_bars_1d/%", "2024-13-01", "snap_0", "lke_" + "0" * 32])
def test_patterns_and_nonsense_find_nothing(owner, kept, text):
    assert hits(owner, text) == set()
