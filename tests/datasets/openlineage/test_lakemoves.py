"""What jobs of the lake tell a collector of lineage: entries at their revisions, snapshots, returns, exports."""

from __future__ import annotations

import pytest

from datasets import promotion
from datasets.features import run as features
from datasets.models import LakeQuarantine
from datasets.openlineage import named
from datasets.selector import matrices
from datasets.snapshots import materialise
from tests.datasets.openlineage.test_moves import events_of
from tests.kit import exports, factories, halves, lake
from tests.kit.openlineage import check
from tests.kit.stocked import NAMES, TABLE, closes
from tests.lona.worker import work
from tradenexus import db
from tradenexus.openlineage import events

pytestmark = pytest.mark.django_db(transaction=True)
FEATURE = "features_tv_technicals_1d"


def names(sets):
    return [each["name"] for each in sets]


def version_of(one):
    return one["facets"]["version"]["datasetVersion"]


def test_a_promotion_leads_from_the_version_to_entries_at_their_revision(owner, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=5000)
    options = {"table": "crypto_bars_1m", "instruments": {"BTC-USD": "X:BTC-USD"}, "type": "spot", "calendar": "24/7"}
    with db.atomic():
        promotion.request(owner.actor, version.dataset, version.number, options)
    work()
    (start, complete), _ = events_of(owner, "lake.promote")
    assert names(start["inputs"]) == [f"datasets/{version.dataset.ref}/v/1"]
    (made,) = complete["outputs"]
    assert (made["name"], version_of(made)) == ("lake/crypto_bars_1m/X:BTC-USD", "1")
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 5000
    assert "close" in [each["name"] for each in made["facets"]["schema"]["fields"]]


def test_a_feature_names_the_revision_that_it_was_made_of(stocked, owner):
    with db.atomic():
        features.request(owner.actor, "tv_technicals_1d", {})
    work()
    (_, complete), _ = events_of(owner, "features.build")
    assert names(complete["inputs"]) == [f"lake/{TABLE}/{name}" for name in NAMES]
    assert names(complete["outputs"]) == [f"lake/{FEATURE}/{name}" for name in NAMES]
    stocked.put(NAMES[0], closes(9, 420), policy="newer")
    (_, later), _ = events_of(owner, "features.build")
    assert {version_of(each) for each in later["inputs"]} == {"1"}  # what was read then, not what is there now


def test_more_entries_than_can_be_named_are_told_as_their_tables(stocked, owner, monkeypatch):
    monkeypatch.setattr(named, "MOST", 2)
    with db.atomic():
        features.request(owner.actor, "tv_technicals_1d", {})
    work()
    (_, complete), _ = events_of(owner, "features.build")
    assert (names(complete["inputs"]), names(complete["outputs"])) == ([f"lake/{TABLE}"], [f"lake/{FEATURE}"])


def test_a_snapshot_leads_on_to_files_and_returns(stocked, owner, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path / "home"
    snapshot = stocked.freeze()
    with db.atomic():
        materialise.request(owner.actor, snapshot, "single", "")
        matrix, _ = matrices.request(owner.actor, snapshot, list(NAMES), "", {})
    work()
    frozen = [
        check(each) for each in events.page(owner.tenant.id, 0, 50)[0] if each["job"]["name"] == "snapshot.freeze"
    ]
    assert [each["eventType"] for each in frozen] == ["START", "COMPLETE"]
    assert names(frozen[1]["inputs"]) == [f"lake/{TABLE}/{name}" for name in NAMES]
    assert names(frozen[1]["outputs"]) == [f"snapshots/{snapshot.ref}"]
    assert frozen[1]["run"]["runId"] == str(snapshot.id)
    (_, put), job = events_of(owner, "snapshot.materialise")
    assert (names(put["inputs"]), version_of(put["inputs"][0])) == ([f"snapshots/{snapshot.ref}"], snapshot.digest)
    assert names(put["outputs"]) == [f"snapshots/{snapshot.ref}/files/single"]
    assert version_of(put["outputs"][0]) == job.result["manifestSha256"]
    (_, made), _ = events_of(owner, "returns.build")
    assert names(made["outputs"]) == [f"snapshots/{snapshot.ref}/returns/{matrix.ref}"]
    assert made["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 399


def test_an_export_is_made_of_tables(owner, tmp_path):
    exports.fill(owner, tmp_path)
    row = exports.build(owner)
    (_, complete), _ = events_of(owner, "export.build")
    assert names(complete["inputs"]) == ["lake/crypto_bars_1d"]
    assert names(complete["outputs"]) == [f"exports/{row.ref}"]
    assert version_of(complete["outputs"][0]) == row.manifest_sha256


def test_nobody_is_told_of_another_workspace(stocked, owner, stranger):
    stocked.freeze()
    assert events.page(stranger.tenant.id, 0, 50)[0] == []


def test_rows_let_go_from_quarantine_lead_into_the_entry(owner, tmp_path):
    from datasets import review

    exports.fill(owner, tmp_path)
    held = LakeQuarantine.of(owner.tenant.id).get()
    with db.atomic():
        review.release(owner.actor, held, "seen at the venue itself")
    work()
    (_, complete), _ = events_of(owner, "lake.release")
    assert names(complete["inputs"]) == [f"lake/quarantine/{held.ref}"]
    assert names(complete["outputs"]) == [f"lake/crypto_bars_1d/{lake.registered(owner, 'BINANCE:BTC=F_X')}"]


def test_a_recorded_split_leads_from_the_series_that_named_it(owner, tmp_path):
    halves.halved(owner, tmp_path)
    halves.offered(owner, tmp_path, halves.adjusted())
    version = halves.dataset(owner, tmp_path, halves.adjusted())
    halves.minutes(owner, tmp_path, halves.closes(), "fourth")
    assert owner.api.post(halves.RECORD, {}, format="json").status_code == 202
    work()
    (_, complete), _ = events_of(owner, "lake.split")
    held = LakeQuarantine.of(owner.tenant.id).get(session="2024-11-05")
    assert set(names(complete["inputs"])) == {
        f"lake/equities_bars/{halves.NAME}",
        f"lake/equities_bars_minute/{halves.NAME}",
        f"lake/quarantine/{held.ref}",
        f"datasets/{version.dataset.ref}/v/1",
    }
    assert names(complete["outputs"]) == [f"lake/corporate_actions/{halves.NAME}"]
