"""What shows many things asks the database as often as for a few: thirty of everything cost what three cost."""

from __future__ import annotations

from functools import cache, partial
from itertools import product

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets import lineage, neighbourhood, onward, promoted
from datasets.models import Snapshot
from lona.backtests import neighbours
from tests.kit import halves, lake
from tests.kit.broad import TABLE, Broad
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.openlineage import events

pytestmark = pytest.mark.django_db
FEW, MANY = 3, 30

ENTRY = f"lakehouse/{TABLE}/X:S0/"
PAGES = [
    "",
    "lakehouse/",
    "lakehouse/_home/",
    "lakehouse/quality/",
    "lakehouse/quality/_codes/",
    "lakehouse/instruments/",
    "lakehouse/instruments/X:S0/",
    "lakehouse/commits/",
    "lakehouse/commits/{commit}/",
    "lakehouse/quarantine/{held}/",
    "lakehouse/quarantine/{held}/fix/",
    "lakehouse/snapshots/",
    "lakehouse/snapshots/{snapshot}/",
    f"{ENTRY}ledger/",
    f"{ENTRY}quarantine/",
    f"{ENTRY}revisions/",
    f"{ENTRY}files/",
    f"{ENTRY}files/?as_of=2100-01-01",
    "exports/",
    "exports/{night}/",
    "datasets/",
    "datasets/{dataset}/v/1/lineage/?fan=100",
    "datasets/{dataset}/v/1/lineage/?fan=100&focus={commit}",
    "datasets/{dataset}/v/1/lineage/?fan=100&focus={entry}",
    "datasets/{dataset}/v/1/lineage/?fan=100&focus={snapshot}",
    "datasets/{dataset}/versions/",
    "datasets/{dataset}/activity/",
    "datasets/{dataset}/v/1/promote/",
    "uploads/",
    "audit/",
    "jobs/",
]
ROUTES = [
    "v1/lake/entries",
    "v1/lake/commits",
    "v1/lake/commits/{commit}/entries",
    "v1/lake/quarantine",
    "v1/lake/quarantine/{held}",
    "v1/lake",
    "v1/lake/tables",
    "v1/lake/instruments",
    "v1/lake/instruments/X:S0",
    f"v1/lake/{TABLE}/X:S0",
    f"v1/lake/{TABLE}/X:S0/partitions",
    f"v1/lake/{TABLE}/X:S0/revisions",
    "v1/lake/catalog.json",
    "v1/snapshots",
    "v1/snapshots/{snapshot}",
    "v1/snapshots/{snapshot}/members",
    "v1/snapshots/{snapshot}/manifest",
    "v1/snapshots/{snapshot}/returns-matrix",
    "v1/exports",
    "v1/exports/{export}/files",
    "v1/exports/{export}/pulls",
    "v1/datasets?limit=100",
    "v1/datasets/{dataset}/versions",
    "v1/datasets/{dataset}/audit",
    "v1/datasets/{dataset}/lineage?version=1",
    "v1/datasets/{dataset}/lineage?version=1&depth=1&fan=100",
    "v1/datasets/{dataset}/lineage?version=1&focus={export}&fan=100",
    "v1/datasets/{dataset}/lineage?version=1&format=openlineage",
    "v1/uploads",
    "v1/audit?limit=100",
    "v1/jobs?limit=100",
    "v1/publications",
    "v1/backtests",
]


@pytest.fixture
def broad(owner):
    return Broad(owner)


def path_of(broad, path: str) -> str:
    names = {"commit": broad.commit.ref, "snapshot": broad.snapshot.ref, "dataset": broad.root.dataset.ref}
    names |= {"entry": onward.place(broad.first.id, 2), "night": f"{broad.bundle.night}", "export": broad.bundle.ref}
    return "/" + path.format(**names, held=broad.held.ref)


def queries(call) -> list[str]:
    call()  # what is looked up once a process is no matter
    with CaptureQueriesContext(connection) as asked:
        call()
    return [one["sql"] for one in asked]


def grown(broad, calls, to: int = MANY) -> dict:
    """Make each call with three of everything, then with thirty -> {name: queries} where they become more."""
    broad.grow(FEW)
    few = {name: queries(call) for name, call in calls.items()}
    broad.grow(to)
    many = {name: queries(call) for name, call in calls.items()}
    return {
        name: (len(few[name]), len(many[name]), [one[:300] for one in many[name]])
        for name in calls
        if len(few[name]) < len(many[name])
    }


def test_a_page_with_thirty_rows_costs_as_many_queries_as_with_three(broad, client, owner):
    client.force_login(owner.user)

    def look(path: str) -> None:
        answer = client.get(path_of(broad, path))
        assert answer.status_code == 200, path

    assert grown(broad, {path: partial(look, path) for path in PAGES}) == {}


def test_an_answer_with_thirty_items_costs_as_many_queries_as_with_three(broad, owner):
    def ask(path: str) -> None:
        answer = owner.api.get(path_of(broad, path))
        assert answer.status_code == 200, (path, answer.content[:300])

    assert grown(broad, {path: partial(ask, path) for path in ROUTES}) == {}


def test_a_step_of_the_lineage_from_many_ids_is_as_many_queries_as_from_few(broad, owner, monkeypatch):
    monkeypatch.setattr(db, "_TOGETHER", 400)  # twelve bundles of twelve entries are more than a hundred places

    def step(beside, way, fan, near) -> None:
        beside(owner.tenant.id, refs(broad.size), way, fan, broad.root.dataset_id if near else None)

    @cache
    def refs(size: int) -> list[str]:
        return [node["id"] for node in lineage.of_version(broad.root)["nodes"]]

    calls = {
        (beside.__module__, *how): partial(step, beside, *how)
        for beside in (onward.beside, promoted.beside, neighbours.beside)
        for how in product(("up", "down"), (0, 100), (False, True))
    }
    assert grown(broad, calls, 12) == {}


def test_of_long_lists_the_first_of_each_are_found_together(broad):
    """More neighbours than are told: from thirty and from sixty places at once, and two steps deep."""

    def look() -> None:
        neighbourhood.of(broad.root)
        neighbourhood.of(broad.root, focus=broad.commit.ref, depth=2, fan=10)

    broad.grow(MANY)
    few = queries(look)
    broad.grow(2 * MANY)
    assert len(queries(look)) == len(few) < 150


def test_run_events_are_as_many_queries_for_thirty_of_each_kind(broad, owner):
    def page() -> None:
        found.append(events.page(owner.tenant.id, 0, 2_000)[0])

    found: list[list[object]] = []
    assert grown(broad, {"page": page}) == {}
    assert (len(found[0]), len(found[-1])) == (FEW * 26, MANY * 26)  # twelve jobs and a snapshot, begun and ended


def test_the_whole_lineage_of_a_version_holds_all_of_it(broad):
    broad.grow(MANY)
    kinds = [node["kind"] for node in lineage.of_version(broad.root)["nodes"]]
    assert {kind: kinds.count(kind) for kind in ("snapshot", "export", "returns", "files", "quarantine")} == {
        "snapshot": MANY + 1,
        "export": MANY,
        "returns": MANY,
        "files": MANY,
        "quarantine": MANY,
    }
    assert Snapshot.of(broad.owner.tenant.id).count() == MANY + 1


def test_an_audit_bundle_reads_its_entries_in_batches(broad, owner):
    broad.grow(FEW)

    def download() -> None:
        assert b"".join(owner.api.get("/v1/audit/bundle"))

    few = queries(download)
    assert Entry.of(owner.tenant.id).count() > 75
    broad.grow(2 * FEW)
    assert len(queries(download)) == len(few)


def split_often(owner, folder, times: int) -> None:
    """Bring a share that halves so often, ten days apart, and what three other series say of each."""
    raw = 1000 + np.sin(np.arange(10 * (times + 1)))
    adjusted = raw / 2.0**times
    raw /= 2.0 ** (np.arange(len(raw)) // 10)
    first = lake.offer(folder, halves.bars(raw), halves.NAME, halves.TABLE, vendor="first", policy="newer")
    lake.put(owner, folder, first)
    halves.offered(owner, folder, adjusted)
    halves.minutes(owner, folder, adjusted, "fourth")
    halves.dataset(owner, folder, adjusted, vendor="third", name=f"split {times} times")


@pytest.mark.django_db(transaction=True)
def test_many_suspected_splits_of_an_entry_cost_as_many_queries_as_few(client, owner, tmp_path):
    lake.registered(owner, halves.NAME, "equity", "24/7")
    client.force_login(owner.user)
    page = f"/lakehouse/{halves.TABLE}/{halves.NAME}/"
    calls = {
        "page": lambda: client.get(page),
        "list": lambda: owner.api.get(f"{halves.URL}/suspects"),
        "rows": lambda: owner.api.get(f"{halves.URL}/rows?adjustment=split"),
    }
    asked = []
    for times in (2, 8):
        split_often(owner, tmp_path, times)
        items = calls["list"]().json()["items"]
        assert len(items) == times
        assert {each["kind"] for one in items for each in one["evidence"]} == {"refused rows", "entry", "dataset"}
        asked.append({name: len(queries(call)) for name, call in calls.items()})
    assert asked[0] == asked[1]
