"""The nouns one by one: what each sends, and what it shows."""

import json

import pytest

DAY = ["--start", "2024-01-01", "--end", "2024-03-31"]


@pytest.fixture
def dataset(platform):
    return platform.dataset("btc")


def last_post(platform):
    return next((path, body) for method, path, body in reversed(platform.seen) if method == "POST")


def test_lists_pass_their_filters_on(platform, nexus):
    platform.dataset("a", status="ready")
    platform.dataset("b", status="uploaded")
    assert [item["name"] for item in nexus("dataset", "list", "--state", "uploaded", "--json").json] == ["b"]
    assert [item["name"] for item in nexus("dataset", "list", "-s", "a", "--json").json] == ["a"]


def test_head_prints_rows_exactly_in_each_format(platform, nexus, dataset):
    first, second = nexus("dataset", "head", "btc").out.splitlines()[1:]
    assert first.split("\t") == ["2024-01-01 00:00:00.123456789Z", "0.1000000000000000055", "12345"]
    assert second.split("\t") == ["a|b", "1.10", ""]
    assert nexus("dataset", "head", "btc", "--format", "csv").out.splitlines()[2] == "a|b,1.10,"
    assert nexus("dataset", "head", "btc", "--format", "md").out.splitlines()[3] == "| a\\|b | 1.10 |  |"
    assert nexus("dataset", "head", "btc", "-n", "1", "--json").json[0]["ts"] == "2024-01-01T00:00:00.123456789Z"
    assert nexus("dataset", "head", "btc", "--format", "parquet").code == 2


def test_validate_sends_what_is_told_and_the_version(platform, nexus, dataset):
    nexus("validate", "btc@1", "--profile", "strict", "--tz", "UTC", "--map", "price=px", "--kind", "bars")
    assert last_post(platform)[1] == {
        "version": 1,
        "profile": "strict",
        "timezone": "UTC",
        "columnMapping": {"price": "px"},
        "kind": "bars",
    }


def test_candles_send_their_parameters(platform, nexus, dataset):
    nexus("transform", "candles", "btc", "-f", "5m", "--price", "mid", "--empty-bars", "fill", "--session", "XNYS")
    assert last_post(platform)[1] == {"frequency": "5m", "price": "mid", "emptyBars": "fill", "session": "XNYS"}


def test_several_frequencies_of_candles_are_sent_together(platform, nexus, dataset):
    nexus("transform", "candles", "btc", "-f", "5m", "-f", "1h")
    assert last_post(platform)[1] == {"frequencies": ["5m", "1h"]}


def test_a_fix_sends_its_steps_the_version_and_why(platform, nexus, dataset):
    nexus("transform", "fix", "btc@1", "--drop", "close > 1000", "--note", "seen")
    drop = {"op": "drop", "where": [{"column": "close", "op": ">", "value": 1000}]}
    assert last_post(platform)[1] == {"steps": [drop], "version": 1, "note": "seen"}
    assert nexus("transform", "fix", "btc").code == 2


def test_the_report_shows_what_failed_with_its_rows(platform, nexus, dataset):
    platform.grade = "AMBER"
    shown = nexus("quality", "show", "btc", "--failed").out
    assert "price.outlier" in shown
    assert "0.10" in shown
    platform.grade = "GREEN"
    assert nexus("quality", "show", "btc", "--failed", "--json").json["checks"] == []


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("2024-01-01:2024-07-01", {"start": "2024-01-01", "end": "2024-07-01"}),
        ("2024-01-01T09:30Z..2024-01-02", {"start": "2024-01-01T09:30Z", "end": "2024-01-02"}),
        ("2024-01-01:", {"start": "2024-01-01"}),
        (":2024-07-01", {"end": "2024-07-01"}),
    ],
)
def test_a_slice_is_read(platform, nexus, dataset, text, sent):
    assert nexus("publish", "btc", "--slice", text).code == 0
    assert last_post(platform)[1] == {"slice": sent}


@pytest.mark.parametrize("text", ["2024", ":", "2024-07-01:2024-01-01", "2024-01-01:2024-01-01", "a:b"])
def test_a_bad_slice_is_usage_and_nothing_is_sent(platform, nexus, dataset, text):
    assert nexus("publish", "btc", "--slice", text).code == 2
    assert platform.posts("publish/lona") == []


def test_publish_waits_and_shows_the_symbol(platform, nexus, dataset):
    ran = nexus("publish", "btc", "--wait", "--symbols", "A,B", "--json")
    assert (ran.code, ran.json["lonaSymbolId"]) == (0, "sym-1")
    assert last_post(platform)[1] == {"slice": {"symbols": ["A", "B"]}}


def test_data_that_cannot_be_published_is_a_gate(platform, nexus, dataset):
    platform.fail("publish/lona", 422, "DATASET_NOT_PUBLISHABLE")
    assert nexus("publish", "btc").code == 7


def test_publications_mappings_and_symbols_are_listed(platform, nexus):
    platform.lists["/v1/publications"] = [{"id": "pub_1", "state": "published"}]
    platform.lists["/v1/mappings"] = [{"state": "drift", "lonaSymbolId": "s"}]
    platform.lists["/v1/lona/symbols"] = [{"id": "s", "name": "BTC", "isGlobal": True}]
    assert "published" in nexus("publication", "list").out
    assert "drift" in nexus("publication", "mapping").out
    assert "BTC" in nexus("publication", "symbols", "--global").out


def test_reconcile_looks_first_and_mends_only_when_confirmed(platform, nexus):
    assert nexus("publication", "reconcile", "--dry-run").code == 0
    assert platform.posts("mappings:reconcile") == [{"dryRun": True}]
    assert nexus("publication", "reconcile").code == 2
    assert nexus("publication", "reconcile", "--yes").code == 0
    assert platform.posts("mappings:reconcile")[1:] == [{"dryRun": False}]


def test_a_symbol_is_linked(platform, nexus):
    assert nexus("lona", "link", "sym-9", "--name", "spx", "--json").json["name"] == "spx"
    assert last_post(platform) == ("/v1/datasets/lona:link", {"symbolId": "sym-9", "name": "spx"})


def test_a_backtest_goes_from_flags(platform, nexus, dataset):
    nexus("strategy", "create", "Cross of two averages", "--name", "cross")
    money = ["--cash", "5000", "--commission", "0.0005", "--no-buy-on-close"]
    flags = [*money, "--param", "fast=10", "--param", "mode=x", "--wait", "--json"]
    ran = nexus("backtest", "submit", "--strategy", "cross", "--dataset", "btc@1", *DAY, *flags)
    assert ran.code == 0, ran.err
    assert last_post(platform)[1] == {
        "datasetIds": [f"{dataset['id']}@1"],
        "startDate": "2024-01-01",
        "endDate": "2024-03-31",
        "parameters": {"fast": 10, "mode": "x"},
        "initialCash": 5000,
        "commission": 0.0005,
        "buyOnClose": False,
    }
    assert ran.json["metrics"]["totalReturnPct"] == "15.23"


def test_a_backtest_goes_from_a_file_and_flags_stand_over_it(platform, nexus, dataset, home):
    nexus("strategy", "create", "Cross of two averages", "--name", "cross")
    (home / "bt.yaml").write_text("strategy: cross\ndatasets: [btc]\nstartDate: 2024-01-01\nendDate: 2024-02-01\n")
    assert nexus("backtest", "submit", "-f", "bt.yaml", "--end", "2024-03-01").code == 0
    assert last_post(platform)[1] == {
        "datasetIds": [dataset["id"]],
        "startDate": "2024-01-01",
        "endDate": "2024-03-01",
    }


@pytest.mark.parametrize("text", ["startdate: 1", "[]", "a: [", "strategy: cross"])
def test_a_bad_backtest_file_is_usage(platform, nexus, home, text):
    (home / "bt.yaml").write_text(text)
    assert nexus("backtest", "submit", "-f", "bt.yaml").code == 2


def test_a_backtest_shows_its_trades(platform, nexus):
    backtest = "bt_" + "0" * 32
    platform.answers[f"/v1/backtests/{backtest}"] = {
        "backtest": {"id": backtest, "trades": [{"side": "buy", "price": "1.10"}]}
    }
    assert nexus("backtest", "show", backtest, "--trades").out.splitlines() == ["side\tprice", "buy\t1.10"]


def test_data_that_is_not_validated_is_a_gate_for_a_backtest(platform, nexus, dataset):
    nexus("strategy", "create", "Cross of two averages", "--name", "cross")
    platform.fail("/backtests", 409, "DATASET_NOT_VALIDATED")
    assert nexus("backtest", "submit", "--strategy", "cross", "--dataset", "btc", *DAY).code == 7


def test_a_short_description_is_refused_here(platform, nexus):
    assert nexus("strategy", "create", "short").code == 2
    assert nexus("strategy", "create", "-", given="read from standard input\n").code == 0


def test_jobs_are_cancelled_when_confirmed_and_retried(platform, nexus):
    job = platform.job("x", state="running")
    assert nexus("job", "cancel", job["id"]).code == 2
    assert nexus("job", "cancel", job["id"], "--yes", "--json").json["state"] == "cancelled"
    assert nexus("job", "retry", job["id"], "--from-start", "--json").json["state"] == "queued"
    assert last_post(platform)[1] == {"fromStart": True}


def test_sessions_are_listed_and_cancelled_when_confirmed(platform, nexus):
    up = "up_" + "0" * 32
    platform.lists["/v1/uploads"] = [{"id": up, "filename": "a.csv", "offset": 5, "sizeBytes": 9, "state": "receiving"}]
    assert nexus("session", "list").out.startswith(f"{up}\ta.csv\t5\t9")
    assert nexus("session", "cancel", up).code == 2
    assert nexus("session", "cancel", up, "--yes").code == 5


def test_the_audit_trail_is_listed_exported_and_verified(platform, nexus, home):
    platform.lists["/v1/audit"] = [{"seq": 1, "action": "version.status", "subject": "dsv_1"}]
    platform.answers["/v1/audit:verify"] = {"ok": True, "entries": 1, "head": "h", "firstBad": None, "why": ""}
    assert nexus("audit", "list", "--json").json[0]["seq"] == 1
    assert nexus("audit", "export").out == '{"seq": 1}\n{"seq": 2}\n'
    assert nexus("audit", "export", "--out", "a.jsonl").code == 0
    assert (home / "a.jsonl").read_text().count("\n") == 2
    assert nexus("audit", "verify").code == 0
    platform.answers["/v1/audit:verify"] = {
        "ok": False,
        "entries": 9,
        "head": "h",
        "firstBad": 7,
        "why": "hash differs",
    }
    ran = nexus("audit", "verify")
    assert (ran.code, "entry 7" in ran.err) == (1, True)


def test_lineage_is_json_edges_or_a_tree(platform, nexus, dataset, monkeypatch):
    nodes = [
        {"id": "up_1", "kind": "upload", "label": "f", "digest": "d1"},
        {"id": "v1", "kind": "version", "label": "1"},
    ]
    platform.answers[f"/v1/datasets/{dataset['id']}/lineage"] = {
        "nodes": nodes,
        "edges": [{"from": "up_1", "to": "v1", "operation": "receive"}],
    }
    assert nexus("lineage", "btc", "--json").json["nodes"] == nodes
    assert nexus("lineage", "btc").out == "up_1\treceive\tv1\t\n"
    monkeypatch.setenv("NEXUS_OUTPUT", "table")
    first, second = nexus("lineage", "btc").out.splitlines()
    assert first == "upload  f  up_1  sha256 d1"
    assert second == "  receive -> version  1  v1"


def test_a_lineage_can_be_asked_for_around_a_node(platform, nexus, dataset, monkeypatch):
    node = {"id": "v1", "kind": "version", "label": "1", "hidden": {"up": 2, "down": 1500}}
    path = f"/v1/datasets/{dataset['id']}/lineage"
    platform.answers[path] = {"nodes": [node], "edges": [], "focus": "v1", "path": ["v1"]}
    monkeypatch.setenv("NEXUS_OUTPUT", "table")
    ran = nexus("lineage", "btc", "--focus", "v1", "--depth", "2", "--direction", "down")
    assert ran.out == "version  1  v1  +1,502 not shown\n"
    assert nexus("lineage", "btc", "--depth", "0").code == 2
    assert nexus("lineage", "bt_1", "--depth", "1").code == 2


def test_a_lineage_that_loops_or_meets_again_ends(platform):
    from tradenexus.cli.commands.lineage import tree

    nodes = [{"id": name, "kind": "version", "label": ""} for name in "abcd"]
    pairs = ["ab", "ac", "bd", "cd", "da"]
    edges = [{"from": one, "to": two, "operation": "x"} for one, two in pairs]
    assert len(tree(nodes, edges)) == 6
    assert any("see above" in line for line in tree(nodes, edges))


def test_a_new_keys_secret_is_the_only_thing_on_stdout(platform, nexus):
    ran = nexus("key", "create", "ci", "--scope", "read", "--expires", "9")
    assert ran.out == "nx_new_secret\n"
    path, body = last_post(platform)
    assert (path, body["scopes"], "expiresAt" in body) == ("/v1/keys", ["read"], True)
    assert nexus("key", "create", "ci", "--scope", "root").code == 2


def test_making_a_key_is_never_tried_twice(platform, nexus):
    platform.fail("POST /v1/keys", 503, times=9)
    assert nexus("key", "create", "ci").code == 10
    assert sum(path == "/v1/keys" for _, path, _ in platform.headers_seen) == 1


def test_a_key_is_revoked_when_confirmed(platform, nexus):
    key = "key_" + "0" * 32
    assert nexus("key", "revoke", key).code == 2
    assert nexus("key", "revoke", key, "--yes").code == 0


def test_status_and_search_show_what_there_is(platform, nexus):
    platform.answers["/v1/overview"] = {"datasets": {"total": 3}, "recent": [1, 2]}
    platform.lists["/v1/search"] = [{"kind": "dataset", "id": "ds_1", "label": "btc", "url": "/datasets/ds_1/"}]
    assert nexus("status").out == "datasets.total\t3\nrecent\t2\n"
    assert "btc" in nexus("search", "bt").out


def test_any_call_can_be_made(platform, nexus, home, dataset):
    assert nexus("api", "GET", "datasets", "-F", "q=btc").json["items"][0]["name"] == "btc"
    nexus("api", "POST", "/v1/strategies", "-F", "description=long enough", "-f", "name=7")
    assert last_post(platform)[1] == {"description": "long enough", "name": "7"}
    (home / "body.json").write_text(json.dumps({"dryRun": True}))
    assert nexus("api", "POST", "mappings:reconcile", "--input", "body.json").json["dryRun"] is True
    ran = nexus("api", "GET", "nothing")
    assert (ran.code, ran.json["error"]["code"]) == (5, "NOT_FOUND")
    assert nexus("api", "GET", "http://evil.example/v1/me").code == 2
    assert nexus("api", "FETCH", "x").code == 2


def test_open_prints_the_page(platform, nexus, dataset):
    assert nexus("open", "btc@1").out == f"{platform.url}/datasets/{dataset['id']}/v/1/\n"
    assert nexus("open", "job_" + "0" * 32).out == f"{platform.url}/jobs/job_{'0' * 32}/\n"


def test_the_doctor_is_content_or_says_what_to_do(platform, nexus, monkeypatch):
    platform.answers["/v1/doctor"] = {
        "items": [{"check": "network off", "state": "warn", "found": "no unshare", "fix": "x"}]
    }
    ran = nexus("doctor", "--json")
    states = {item["check"]: item["state"] for item in ran.json}
    assert ran.code == 0
    assert states["server"] == states["token"] == states["ready: worker"] == "ok"
    assert states["server network off"] == "warn"
    platform.fail("GET /readyz", 503, body={"checks": {"worker": False}})
    assert nexus("doctor").code == 1
    monkeypatch.setenv("NEXUS_TOKEN", "nx_wrong_one")
    assert nexus("doctor").code == 4
    monkeypatch.setenv("NEXUS_URL", "http://127.0.0.1:9")
    assert nexus("doctor").code == 10


def test_statistics_show_each_column_of_a_symbol(platform, nexus, dataset):
    columns = [{"name": "price", "type": "double", "nulls": 0, "min": "1.10", "max": "9", "histogram": [1, 4]}]
    answer = {"version": 2, "symbol": "BTC-USD", "rows": 5, "columns": columns}
    platform.answers[f"/v1/datasets/{dataset['id']}/columns"] = answer
    ran = nexus("dataset", "stats", "btc", "--symbol", "BTC-USD")
    assert ran.out == "price\tdouble\t0\t1.10\t9\t▂█\n"
    assert ran.err.startswith("5 rows of BTC-USD, version 2 - Web: ")
    assert nexus("dataset", "stats", "btc", "--json").json == columns


def test_coverage_is_days_or_a_drawing(platform, nexus, dataset):
    days = [{"date": "2024-01-30", "rows": 2}, {"date": "2024-02-01", "rows": 2}]
    answer = {"version": 1, "symbol": "BTC-USD", "days": days, "totalDays": 3, "emptyDays": 1}
    platform.answers[f"/v1/datasets/{dataset['id']}/coverage"] = answer
    ran = nexus("dataset", "coverage", "btc")
    assert ran.out == "date\trows\n2024-01-30\t2\n2024-02-01\t2\n"
    assert "3 days, 1 of them empty" in ran.err
    assert nexus("dataset", "coverage", "btc", "--heatmap").out == f"2024-01  {' ' * 29}█·\n2024-02  █\n"
    assert nexus("dataset", "coverage", "btc", "--json").json["days"] == days


PREFLIGHT = {"ok": True, "problems": [], "warnings": ["graded AMBER"], "inputs": [{"name": "btc", "coveragePct": 99.5}]}


def test_a_preflight_says_whether_a_backtest_would_go(platform, nexus, dataset):
    platform.answers["/v1/backtests:preflight"] = {"preflight": PREFLIGHT | {"rows": 41, "toPublish": 1}}
    ran = nexus("backtest", "preflight", "--dataset", "btc@1", *DAY)
    assert (ran.code, "99.5" in ran.out, "warning: graded AMBER" in ran.err) == (0, True, True)
    assert last_post(platform)[1]["datasetIds"] == [f"{dataset['id']}@1"]
    problem = {"code": "BACKTEST_RANGE_EMPTY", "message": "no bars in this range"}
    platform.answers["/v1/backtests:preflight"] = {"preflight": PREFLIGHT | {"ok": False, "problems": [problem]}}
    ran = nexus("backtest", "preflight", "--dataset", "btc", *DAY, "--json")
    assert (ran.code, ran.json["ok"], ran.error["code"]) == (7, False, "BACKTEST_RANGE_EMPTY")
    assert nexus("backtest", "preflight", *DAY).code == 2


def test_backtests_are_set_side_by_side(platform, nexus):
    ids = [f"bt_{digit * 32}" for digit in "ab"]
    for number, id_ in enumerate(ids):
        metrics = {"totalTrades": 5 + number, "sharpeRatio": 1.23456}
        platform.answers[f"/v1/backtests/{id_}"] = {"backtest": {"id": id_, "metrics": metrics}}
    ran = nexus("backtest", "compare", *ids)
    assert ran.out.splitlines()[0] == "totalTrades\t5\t6"
    assert f"/backtests/compare?ids={ids[0]},{ids[1]}" in ran.err
    assert [item["id"] for item in nexus("backtest", "compare", *ids, "--json").json] == ids
    assert nexus("backtest", "compare", ids[0], ids[0]).code == 2


def test_what_prints_one_text_prints_an_object_with_json(platform, nexus, dataset):
    key = "key_" + "0" * 32
    assert nexus("open", "btc", "--json").json == {"url": f"{platform.url}/datasets/{dataset['id']}/"}
    assert nexus("config", "get", "tz", "--json").json == {"key": "tz", "value": "UTC", "origin": "default"}
    assert nexus("key", "revoke", key, "--yes", "--json").json == {"id": key, "state": "revoked"}


def test_a_sessions_pause_needs_somebody_who_sends(platform, nexus):
    ran = nexus("session", "pause", "up_" + "0" * 32)
    assert (ran.code, "no nexus on this machine" in ran.err) == (5, True)


def test_a_finding_is_accepted_with_a_reason(platform, nexus, dataset):
    noted = {"check": "moves.large", "grade": "AMBER", "version": 2, "reason": "true news"}
    platform.answers[f"/v1/datasets/{dataset['id']}/quality-report:accept"] = {"acceptance": noted}
    ran = nexus("quality", "accept", "btc@2", "moves.large", "--reason", "true news")
    assert (ran.code, last_post(platform)[1]["version"]) == (0, 2)
    assert f"/datasets/{dataset['id']}/v/2/quality/" in ran.err
    assert nexus("quality", "accept", "btc", "moves.large").code == 2
