"""`manage.py flow`: the nightly cycle, in order, re-runnable, and naming the stage that failed."""

import io
import json
import os
import time

import pytest
from django.core.management import call_command

from backfill.vendors import errors
from datasets.models import ExportBundle, LakeEntry
from tests.kit import lake
from tests.kit import ranged as vendor
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = {(MONDAY + day) * DAY: 100.0 + day / 8 for day in range(30)}


def flow(**options):
    said, beside, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("flow", stdout=said, stderr=beside, **options)
    except SystemExit as left:
        code = left.code
    return code, json.loads(said.getvalue()), beside.getvalue()


@pytest.fixture
def candidates(own_home, settings):
    """A file in the watched folder, written a while ago."""
    settings.NEXUS_INGEST_WORKSPACE = "first"
    file = own_home / "export" / "2024-11-06" / "candidates.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(["X:A"]))
    os.utime(file, (time.time() - 60, time.time() - 60))


def test_from_a_file_of_candidates_to_a_bundle(owner, ranged, candidates):
    ranged["ranged"] = DAYS
    code, told, beside = flow()
    assert (code, told["ok"], told["failed"]) == (0, True, None), told
    assert [each["stage"] for each in told["stages"]] == ["take", "ingest", "audit", "features", "export"]
    kinds = [[job["kind"] for job in each["jobs"]] for each in told["stages"]]
    assert kinds == [["backfill.ingest"], [], ["maintenance.audit"], ["features.build"], ["export.build"]]
    assert told["stages"][0]["taken"] == 1
    assert told["stages"][1]["fresh"] == 2
    assert ExportBundle.of(owner.tenant.id).get().state == "ready"
    assert LakeEntry.of(owner.tenant.id).filter(rows__gt=0).count() == 3
    assert "export done" in beside
    calls = len(vendor.CALLS)
    code, told, _ = flow()
    assert (code, told["stages"][0]["taken"], len(vendor.CALLS)) == (0, 0, calls)


def test_stale_entries_are_brought_up_to_date(owner, ranged, candidates, settings):
    ranged["ranged"] = DAYS
    flow()
    settings.NEXUS_INGEST_FRESHNESS_S = 0
    ranged["ranged"] = {**DAYS, (MONDAY + 30) * DAY: 104.0}
    code, told, _ = flow()
    assert (code, told["stages"][1]["queued"], told["stages"][1]["items"]["committed"]) == (0, 2, 2)
    assert LakeEntry.of(owner.tenant.id).get(table="crypto_bars_1d").rows == 31


def test_a_stage_that_fails_ends_it_and_is_named(owner, ranged, candidates):
    ranged["ranged"] = errors.Transient("no answer")
    code, told, beside = flow(patience=3)
    assert (code, told["failed"], len(told["stages"])) == (1, "take", 1)
    assert "take failed: backfill.ingest job_" in beside


def test_too_few_bars_for_a_feature_keep_back_no_bundle(owner, tmp_path):
    lake.registered(owner, "X:A")
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1.0]), "X:A"))
    code, told, _ = flow()
    assert (code, told["stages"][3]["jobs"][0]["error"]["code"]) == (0, "FEATURE_NO_COVERAGE")
    assert ExportBundle.of(owner.tenant.id).get().state == "ready"


def test_an_audit_that_finds_something_ends_the_cycle(owner, tmp_path, settings):
    """What was let in under laxer rules is not built upon."""
    lake.registered(owner, "X:A")
    settings.NEXUS_LAKE_RULES = {**settings.NEXUS_LAKE_RULES, "toxic_up_pct": 5_000.0}
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1.0, 20.0, 1.0]), "X:A"))
    settings.NEXUS_LAKE_RULES = {**settings.NEXUS_LAKE_RULES, "toxic_up_pct": 500.0}
    code, told, beside = flow()
    assert (code, told["failed"], len(told["stages"])) == (1, "audit", 3)
    assert "toxic" in beside


def test_nothing_at_all_is_well(owner):
    code, told, _ = flow()
    assert (code, [each["jobs"] for each in told["stages"]]) == (0, [[]] * 5)
