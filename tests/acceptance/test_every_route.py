"""Every route against every kind of caller, generated from the URL table: a new route without a row here fails."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from tests.kit import factories
from tradenexus import db, ids
from tradenexus.tenancy.models import ApiKey

pytestmark = pytest.mark.django_db

PUBLIC = {"v1/openapi.json", "v1/docs/"}
# route -> which thing `ref` is (None: no id in the route), and the body of its POST
ROWS: dict[str, tuple[str | None, dict]] = {
    "v1/me": (None, {}),
    "v1/keys": (None, {"name": "x", "scopes": ["read"]}),
    "v1/keys/<ref>": ("key", {}),
    "v1/audit": (None, {}),
    "v1/audit:verify": (None, {}),
    "v1/audit/export": (None, {}),
    "v1/audit/head": (None, {}),
    "v1/audit/bundle": (None, {}),
    "v1/search": (None, {}),
    "v1/overview": (None, {}),
    "v1/doctor": (None, {}),
    "v1/jobs": (None, {}),
    "v1/jobs/<ref>": ("job", {}),
    "v1/jobs/<ref>/log": ("job", {}),
    "v1/jobs/<ref>/openlineage": ("job", {}),
    "v1/openlineage": (None, {}),
    "v1/jobs/<ref>:cancel": ("job", {}),
    "v1/jobs/<ref>:retry": ("job", {}),
    "v1/datasets": (None, {}),
    "v1/datasets/uploads:init": (None, {"filename": "a.csv", "contentType": "text/csv", "sizeBytes": 10}),
    "v1/datasets/uploads:sniff": (None, {"filename": "a.csv", "sizeBytes": 4, "headBase64": "YSxiCg=="}),
    "v1/bulk-actions": (None, {"action": "archive", "filter": {}}),
    "v1/bulk-actions/<ref>": ("bulk", {}),
    "v1/bulk-actions/<ref>/items": ("bulk", {}),
    "v1/views": (None, {"name": "ready", "query": "state=ready"}),
    "v1/views/<ref>": ("view", {"name": "renamed"}),
    "v1/lake/catalog.json": (None, {}),
    "v1/exports": (None, {}),
    "v1/exports/<ref>": ("exp", {}),
    "v1/exports/<ref>/manifest": ("exp", {}),
    "v1/exports/<ref>/files": ("exp", {}),
    "v1/exports/<ref>/files/<path>": ("exp", {}),
    "v1/exports/<ref>/archive": ("exp", {}),
    "v1/exports/<ref>/pulls": ("exp", {}),
    "v1/maintenance": (None, {}),
    "v1/maintenance/fsck": (None, {}),
    "v1/maintenance/scrub": (None, {}),
    "v1/maintenance/audit": (None, {}),
    "v1/maintenance/gc": (None, {"dryRun": True}),
    "v1/uploads": (None, {}),
    "v1/uploads/": (None, {}),
    "v1/uploads/<ref>": ("up", {}),
    "v1/uploads/<ref>/parts": ("up", {}),
    "v1/vendors": (None, {}),
    "v1/lake/candidates": (None, {"candidates": ["X:A"]}),
    "v1/lake/ingests": (None, {}),
    "v1/lake/ingests/<ref>": ("ing", {}),
    "v1/lake/ingests/<ref>/items": ("ing", {}),
    "v1/lake/repairs": (None, {}),
    "v1/lake/repairs/<ref>": ("rpr", {}),
    "v1/lake/ingests/<ref>:retry": ("ing", {}),
    "v1/lake/ingests/<ref>:cancel": ("ing", {}),
    "v1/datasets/<ref>": ("ds", {}),
    "v1/datasets/<ref>/uploads:complete": ("ds", {}),
    "v1/datasets/<ref>/validate": ("ds", {}),
    "v1/datasets/<ref>/transform/candles": ("ds", {"frequency": "5m"}),
    "v1/datasets/<ref>/transform/fix": ("ds", {"steps": [{"op": "dedupe"}]}),
    "v1/datasets/<ref>/versions": ("ds", {}),
    "v1/datasets/<ref>/versions/<number>": ("ds", {}),
    "v1/datasets/<ref>/versions/<number>/preview": ("ds", {}),
    "v1/datasets/<ref>/diff/<span>": ("ds", {}),
    "v1/datasets/<ref>/preview": ("ds", {}),
    "v1/datasets/<ref>/columns": ("ds", {}),
    "v1/datasets/<ref>/chart": ("ds", {}),
    "v1/datasets/<ref>/coverage": ("ds", {}),
    "v1/datasets/<ref>/quality-report": ("ds", {}),
    "v1/datasets/<ref>/quality-report:accept": ("ds", {"check": "moves.large", "reason": "true news"}),
    "v1/datasets/<ref>/rejects": ("ds", {}),
    "v1/datasets/<ref>/lineage": ("ds", {}),
    "v1/datasets/<ref>/audit": ("ds", {}),
    "v1/datasets/<ref>/download": ("ds", {}),
    "v1/snapshots": (
        None,
        {"name": "r", "instruments": ["X:A"], "tables": ["trades"], "start": "2024-01-01", "end": "2024-01-02"},
    ),
    "v1/snapshots/<ref>": ("snap", {}),
    "v1/snapshots/<ref>/members": ("snap", {}),
    "v1/snapshots/<ref>/manifest": ("snap", {}),
    "v1/snapshots/<ref>:verify": ("snap", {}),
    "v1/snapshots/<ref>:materialise": ("snap", {}),
    "v1/snapshots/<ref>:pin": ("snap", {}),
    "v1/snapshots/<ref>:unpin": ("snap", {}),
    "v1/snapshots/<ref>/returns-matrix": ("snap", {"candidates": ["X:A"]}),
    "v1/snapshots/<ref>/returns-matrix/<matrix>": ("snap", {}),
    "v1/snapshots/<ref>/returns-matrix/<matrix>/download": ("snap", {}),
    "v1/datasets/<ref>/publish/lona": ("ds", {}),
    "v1/datasets/lona:link": (None, {"symbolId": "s"}),
    "v1/lona/symbols": (None, {}),
    "v1/publications": (None, {}),
    "v1/publications/<ref>": ("pub", {}),
    "v1/mappings": (None, {}),
    "v1/mappings:reconcile": (None, {"dryRun": True}),
    "v1/strategies": (None, {"description": "buy the first bar and hold it"}),
    "v1/strategies/<ref>": ("str", {}),
    "v1/strategies/<ref>/backtests": (
        "str",
        {"startDate": "2023-11-14", "endDate": "2023-11-15", "datasetIds": ["ds_x"]},
    ),
    "v1/backtests": (None, {}),
    "v1/backtests:preflight": (
        None,
        {"startDate": "2023-11-14", "endDate": "2023-11-15", "datasetIds": ["ds_x"]},
    ),
    "v1/backtests/<ref>": ("bt", {}),
    "v1/backtests/<ref>/lineage": ("bt", {}),
    "v1/lake": (None, {}),
    "v1/lake/tables": (None, {}),
    "v1/lake/entries": (None, {}),
    "v1/lake/commits": (None, {}),
    "v1/lake/commits/<ref>": ("cmt", {}),
    "v1/lake/commits/<ref>/entries": ("cmt", {}),
    "v1/lake/instruments": (None, {"name": "X:NEW", "type": "spot"}),
    "v1/lake/instruments/<name>": ("ins", {}),
    "v1/lake/quarantine": (None, {}),
    "v1/lake/quarantine/<ref>": ("qrt", {}),
    "v1/lake/quarantine/<ref>:fix": ("qrt", {"steps": [{"op": "dedupe"}], "reason": "seen at the venue"}),
    "v1/lake/quarantine/<ref>/release": ("qrt", {"reason": "seen at the venue"}),
    "v1/lake/quarantine/<ref>/dismiss": ("qrt", {"reason": "seen at the venue"}),
    "v1/lake/<table>/<instrument>": ("lke", {}),
    "v1/lake/<table>/<instrument>/rows": ("lke", {}),
    "v1/lake/<table>/<instrument>/partitions": ("lke", {}),
    "v1/lake/<table>/<instrument>/partitions/<session>/override": ("lke", {"status": "", "reason": "as it was"}),
    "v1/lake/<table>/<instrument>/suspects": ("lke", {}),
    "v1/lake/<table>/<instrument>/suspects/<session>/record": ("lke", {}),
    "v1/lake/<table>/<instrument>/revisions": ("lke", {}),
    "v1/lake/<table>/<instrument>/diff/<span>": ("lke", {}),
    "v1/datasets/<ref>/promote": ("ds", {"table": "trades"}),
    "v1/features": (None, {}),
    "v1/features/<name>": (None, {}),
    "v1/features/<name>/build": (None, {}),
}
# The same for every workspace: what a route is called with that names nobody's thing.
COMMON = {"v1/features/<name>": "tv_technicals_1d", "v1/features/<name>/build": "tv_technicals_1d"}
# Things that are named, not numbered.
NAMED = {"lke": "crypto_bars_1d/X:UNKNOWN", "ins": "X:UNKNOWN"}
# What the right key may rightly be told 404: there is no such part yet, not no such thing.
MAY_BE_ABSENT = {
    "v1/lake/<table>/<instrument>/suspects/<session>/record",
    "v1/snapshots/<ref>/returns-matrix/<matrix>",
    "v1/snapshots/<ref>/returns-matrix/<matrix>/download",
    "v1/datasets/<ref>/quality-report:accept",
    "v1/datasets/<ref>/rejects",
    "v1/datasets/<ref>/uploads:complete",
    "v1/strategies/<ref>/backtests",
}
# A list as a collector takes it, with nothing around it: the id of the request is in the header alone.
BARE = {"v1/jobs/<ref>/openlineage"}
CALLS_THE_PROVIDER = {"v1/lona/symbols", "v1/mappings:reconcile", "v1/strategies", "v1/datasets/lona:link"}


@dataclass
class Route:
    path: str
    methods: tuple[str, ...]


def routes() -> list[Route]:
    found = []
    for pattern in _leaves(get_resolver().url_patterns, ""):
        path = re.sub(r"<\w+:(\w+)>", r"<\1>", pattern[0])
        view = getattr(pattern[1].callback, "view_class", None)
        if path.startswith("v1/") and path not in PUBLIC and view is not None:
            methods = tuple(m for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m))
            found.append(Route(path, methods))
    return found


def _leaves(patterns, prefix):
    for pattern in patterns:
        whole = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield whole, pattern
        else:
            yield from _leaves(pattern.url_patterns, whole)


CALLS = [(route.path, method) for route in routes() for method in route.methods]


@pytest.fixture
def things(owner, tmp_path):
    """One of everything, all the owner's."""
    from backfill.models import IngestRun, RepairRun
    from datasets.models import BulkAction, ExportBundle, SavedView, UploadSession
    from lona.models import Backtest, Publication, Strategy
    from tradenexus.jobs.models import Job

    version = factories.sealed(owner, tmp_path)
    open_version = factories.version_in(owner, "uploading")
    tenant = owner.tenant
    with db.atomic():
        upload = UploadSession.everyone.create(
            tenant=tenant,
            dataset=open_version.dataset,
            version=open_version,
            filename="a",
            length=5,
            expires_at=db.now(),
        )
        job = Job.everyone.create(tenant=tenant, kind="x", subject=version.ref, max_attempts=1, run_at=db.now())
        publication = Publication.everyone.create(
            tenant=tenant, version=version, instrument="X", frequency="1m", start_ns=0, end_ns=1
        )
        strategy = Strategy.everyone.create(
            tenant=tenant, name="s", lona_name="s", description="hold", state="ready", lona_strategy_id="1"
        )
        backtest = Backtest.everyone.create(
            tenant=tenant, strategy=strategy, start_date=date(2023, 1, 1), end_date=date(2023, 1, 2)
        )
        snapshot = _snapshot(tenant)
        ingest = IngestRun.everyone.create(tenant=tenant)
        repair = RepairRun.everyone.create(tenant=tenant, selection=NOTHING_SAID)
        bulk = BulkAction.everyone.create(tenant=tenant, user=owner.user, action="archive", total=0)
        catalog = factories.catalog_row(owner)
        view = SavedView.everyone.create(tenant=tenant, user=owner.user, name="v", query="state=ready", shared=True)
        export = ExportBundle.everyone.create(tenant=tenant, night=date(2024, 1, 1), created_at=db.now())
    key = ApiKey.of(tenant.id).get(user=owner.user)
    rows = (version.dataset, upload, job, publication, strategy, backtest, bulk, view, key)
    rows = (*rows, export, snapshot, ingest, repair)
    return {row.prefix: row.ref for row in rows} | catalog


NOTHING_SAID = {"entries": [], "from": "", "to": "", "kinds": [], "again": False}  # of a repair
# What stands for each part of an address.
PARTS = {
    "<number>": "1",
    "<span>": "1...1",
    "<session>": "2024-10-07",
    "<path>": "README.md",
    "<matrix>": "rmx_0",
}


def _snapshot(tenant):
    from datasets.lake import frozen
    from datasets.models import Snapshot
    from datasets.storage import manifests

    return Snapshot.everyone.create(
        tenant=tenant,
        name="s",
        start_ns=0,
        end_ns=1,
        tables=["crypto_bars_1d"],
        digest=manifests.digest(frozen.manifest(0, 1, [])),
        **dict.fromkeys(("entries", "segments", "rows", "size_bytes"), 0),
        expires_at=db.now() + timedelta(days=1),
        created_at=db.now(),
    )


def address(path: str, ref: str) -> str:
    ref = COMMON.get(path, ref)
    for name, value in {"<ref>": ref, "<table>/<instrument>": ref, "<name>": ref, **PARTS}.items():
        path = path.replace(name, value)
    return f"/{path}"


def call(client, method, path, ref):
    body = ROWS[path][1]
    extra = {"data": body, "format": "json"} if method != "get" else {}
    query = "?q=x" if path == "v1/search" else ""
    return getattr(client, method)(address(path, ref) + query, **extra)


def test_every_route_has_a_row_and_every_row_a_route():
    assert {route.path for route in routes()} == set(ROWS)


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_without_a_credential_or_with_a_revoked_one_nothing_is_told(owner, things, path, method):
    ref = things.get(ROWS[path][0] or "", "")
    ApiKey.of(owner.tenant.id).update(revoked_at=db.now())
    for client in (APIClient(), owner.api):
        answer = call(client, method, path, ref)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_REQUIRED")


@pytest.mark.parametrize(("path", "method"), [one for one in CALLS if ROWS[one[0]][0]])
def test_anothers_id_answers_exactly_like_an_unknown_one(stranger, things, path, method):
    kind = ROWS[path][0]
    theirs, unknown = things[kind], NAMED.get(kind) or ids.encode(kind, uuid.uuid4())
    answers = [call(stranger.api, method, path, ref) for ref in (theirs, unknown)]
    assert [answer.status_code for answer in answers] == [404, 404], answers[0].json()
    told = [_without_ids(answer.json(), ref) for answer, ref in zip(answers, (theirs, unknown), strict=True)]
    assert told[0] == told[1]


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_a_viewer_reads_and_writes_nothing(viewer, things, path, method):
    answer = call(viewer.api, method, path, things.get(ROWS[path][0] or "", ""))
    # one's own keys never exceed one's role; one's own views are nobody else's
    own = path.startswith(("v1/keys", "v1/views"))
    if (method == "get" and path != "v1/doctor") or own or path == "v1/datasets/uploads:sniff":
        assert answer.status_code != 401
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "SCOPE_MISSING")


@pytest.mark.parametrize(("path", "method"), [one for one in CALLS if one[0] not in CALLS_THE_PROVIDER])
def test_the_right_key_is_answered_in_the_contracts_form(owner, things, path, method):
    answer = call(owner.api, method, path, things.get(ROWS[path][0] or "", ""))
    assert answer.status_code < 500
    assert answer.status_code not in {401, 403, 405}
    assert answer.status_code != 404 or path in MAY_BE_ABSENT
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Request-Id"]
    if not getattr(answer, "streaming", False) and path not in BARE:
        assert answer.json()["requestId"] == answer["X-Request-Id"]


def _without_ids(body, ref):
    body.pop("requestId")
    return str(body).replace(ref, "ID")
