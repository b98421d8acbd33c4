"""What a version holds, over the API, in a folder and in a bucket alike."""

import pytest

from datasets.models import VersionFile
from datasets.storage import blobs
from tests.kit import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def bars(store, owner, tmp_path):
    return factories.sealed(owner, tmp_path, rows=250)


def get(person, version, what, expect=200):
    answer = person.api.get(f"/v1/datasets/{version.dataset.ref}/{what}")
    assert answer.status_code == expect, getattr(answer, "data", answer)
    return answer


def test_preview_pages_show_every_row_once_with_exact_numbers(owner, bars):
    rows, cursor = [], "0"
    while cursor is not None:
        page = get(owner, bars, f"preview?limit=100&cursor={cursor}").data
        rows += page["rows"]
        cursor = page["nextCursor"]
    assert len(rows) == 250
    assert rows[1] | {"volume": "1"} == {
        "symbol": "BTC-USD", "ts_event": "2023-11-14T22:14:00Z", "open": "100.125", "high": "101.125",
        "low": "99.125", "close": "100.625", "volume": "1", "trades": None, "filled": False,
    }  # fmt: skip


def test_the_chart_is_downsampled_to_the_limit_and_keeps_extremes_and_volume(owner, bars):
    full = get(owner, bars, "chart?limit=1000").data
    assert (len(full["bars"]), full["span"]) == (250, "60s")
    small = get(owner, bars, "chart?limit=10").data
    assert len(small["bars"]) <= 10
    assert sum(float(bar["volume"]) for bar in small["bars"]) == 250
    assert small["bars"][0]["open"] == "100"
    assert small["bars"][-1]["close"] == full["bars"][-1]["close"]
    part = get(owner, bars, "chart?start=2023-11-14T22:20:00Z&end=2023-11-14T22:25:00Z").data
    assert [bar["time"][11:16] for bar in part["bars"]] == ["22:20", "22:21", "22:22", "22:23", "22:24"]


@pytest.mark.parametrize("end", ["2023-11-14T22:20:00Z", "2023-11-14T22:19:00Z"])
def test_a_chart_of_a_reversed_or_empty_range_is_refused(owner, bars, end):
    answer = get(owner, bars, f"chart?start=2023-11-14T22:20:00Z&end={end}", 400)
    assert answer.data["error"]["code"] == "RANGE_REVERSED"


@pytest.mark.parametrize(
    "query", ["chart?start=yesterday", "chart?start=2023-11-14T22:20:00", "chart?limit=0", "preview?cursor=-1"]
)
def test_a_bad_question_is_refused_by_name(owner, bars, query):
    answer = get(owner, bars, query, 400)
    assert answer.data["error"]["details"]["fields"]


@pytest.mark.parametrize(("interval", "seconds"), [("1w", 604_800), ("1M", 2_592_000), ("2h", 7_200), ("1m", 60)])
def test_bars_that_fit_keep_their_own_times_whatever_their_width(owner, bars, interval, seconds):
    VersionFile.objects.filter(version=bars).update(interval=interval)
    whole = get(owner, bars, "chart?limit=1000").data
    assert (whole["downsampled"], whole["span"], len(whole["bars"])) == (False, f"{seconds}s", 250)
    assert [bar["time"][11:] for bar in whole["bars"][:2]] == ["22:13:00Z", "22:14:00Z"]


def test_coverage_and_columns_count_rows(owner, bars):
    days = get(owner, bars, "coverage").data
    assert (sum(day["rows"] for day in days["days"]), days["emptyDays"]) == (250, 0)
    columns = {column["name"]: column for column in get(owner, bars, "columns").data["columns"]}
    assert (columns["open"]["min"], columns["open"]["max"]) == ("100", "131.125")
    assert sum(columns["open"]["histogram"]) == 250


def test_download_gives_bytes_ranges_and_the_digest(owner, bars):
    whole = get(owner, bars, "download")
    body = b"".join(whole)
    assert whole["X-Content-Sha256"]
    assert body[:4] == body[-4:] == b"PAR1"
    part = owner.api.get(f"/v1/datasets/{bars.dataset.ref}/download", HTTP_RANGE="bytes=4-9")
    assert (part.status_code, b"".join(part)) == (206, body[4:10])
    beyond = owner.api.get(f"/v1/datasets/{bars.dataset.ref}/download", HTTP_RANGE=f"bytes={len(body)}-")
    assert (beyond.status_code, beyond.data["error"]["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond["Content-Range"] == f"bytes */{len(body)}"
    assert whole["Content-Disposition"].startswith("attachment")


def test_one_of_several_files_is_not_taken_for_the_version(owner, bars):
    only = VersionFile.objects.get(version=bars)
    twin = {"instrument": "ETH-USD", "key": only.key, "rows": only.rows, "size_bytes": only.size_bytes}
    times = {"sha256": only.sha256, "t0_ns": only.t0_ns, "t1_ns": only.t1_ns}
    VersionFile.objects.create(version=bars, number=only.number + 1, **twin, **times)
    refused = get(owner, bars, "download?what=canonical", 400).data["error"]
    assert "has 2 files here: name one with symbol=" in refused["message"]
    assert [file["symbol"] for file in refused["details"]["files"]] == ["BTC-USD", "ETH-USD"]
    for asked in ("symbol=ETH-USD", f"file={only.number + 1}", f"symbol=ETH-USD&file={only.number + 1}"):
        assert "ETH-USD" in get(owner, bars, f"download?what=canonical&{asked}")["Content-Disposition"]
    assert get(owner, bars, "download?what=canonical&file=99", 404).data["error"]["code"] == "NOT_FOUND"
    assert get(owner, bars, "download?what=canonical&file=x", 400).data["error"]["code"] == "VALIDATION_ERROR"


def test_before_validation_the_report_is_empty_and_rows_are_refused_by_name(owner):
    version = factories.version_in(owner, "uploaded")
    report = get(owner, version, "quality-report").data["qualityReport"]
    assert (report["status"], report["summary"], report["issues"]) == ("uploaded", "not validated yet", [])
    assert get(owner, version, "preview", 422).data["error"]["code"] == "VERSION_HAS_NO_ROWS"


def test_lists_filter_by_state_kind_symbol_and_text(owner, stranger, bars):
    factories.version_in(owner, "uploaded", name="other")
    counts = {"": 2, "state=ready": 1, "state=ready,uploaded": 2, "kind=bars": 1, "symbol=BTC": 0, "q=OTHE": 1}
    for query, count in counts.items():
        assert len(owner.api.get(f"/v1/datasets?{query}").data["items"]) == count, query
    assert owner.api.get("/v1/datasets?symbol=BTC-USD").data["items"][0]["id"] == bars.dataset.ref
    assert owner.api.get("/v1/datasets?state=nonsense").status_code == 400
    assert stranger.api.get("/v1/datasets").data["items"] == []


def test_archiving_hides_a_dataset_from_the_list_and_keeps_its_lineage(owner, viewer, bars):
    path = f"/v1/datasets/{bars.dataset.ref}"
    assert viewer.api.delete(path).status_code == 403
    assert owner.api.delete(path).data["dataset"]["status"] == "archived"
    assert owner.api.delete(path).status_code == 200
    assert owner.api.get("/v1/datasets").data["items"] == []
    assert len(owner.api.get("/v1/datasets?state=archived").data["items"]) == 1
    assert get(owner, bars, "lineage").data["nodes"][0]["digest"] == bars.sha256


def test_search_and_overview_know_the_dataset_and_only_for_its_people(owner, stranger, bars):
    for text in ("seal", "BTC-USD", bars.dataset.ref, bars.ref):
        assert owner.api.get(f"/v1/search?q={text}").data["items"][0]["id"] == bars.dataset.ref
        assert stranger.api.get(f"/v1/search?q={text}").data["items"] == []
    assert owner.api.get("/v1/overview").data["datasets"]["byStatus"]["ready"] == 1
    assert stranger.api.get("/v1/overview").data["datasets"]["total"] == 0


@pytest.mark.parametrize("cut", [100, -1])
def test_damaged_stored_rows_are_named_and_nothing_crashes(owner, store, bars, cut):
    file = VersionFile.objects.get(version=bars)
    with blobs.open_blob(file.key) as handle:
        whole = handle.read()
    store.replace(file.key, whole[:cut])
    answer = get(owner, bars, "preview", 503)
    assert answer.data["error"]["code"] == "STORED_ROWS_DAMAGED"
    assert answer.data["error"]["details"]["sha256"] == file.sha256


def test_missing_stored_rows_are_named(owner, bars):
    blobs.delete(VersionFile.objects.get(version=bars).key)
    for what in ("preview", "download"):
        assert get(owner, bars, what, 404).data["error"]["code"] == "BLOB_MISSING"


def test_a_storage_that_is_away_is_told_with_when_to_come_again(owner, bucket, swift, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=250)
    with swift.away():
        for what in ("preview", "download"):
            answer = get(owner, version, what, 503)
            assert (answer.data["error"]["code"], answer["Retry-After"]) == ("STORAGE_UNAVAILABLE", "5")
    assert len(get(owner, version, "preview?limit=100").data["rows"]) == 100
