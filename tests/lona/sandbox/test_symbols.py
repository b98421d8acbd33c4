"""Symbols over HTTP: upload, lists, data, delete, and whose they are."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.lona.sandbox.process import csv_of, metadata_of

TEN = csv_of([float(price) for price in range(10, 20)])


def test_an_uploaded_symbol_is_read_back(agent):
    symbol_id = agent.symbol("BACK", TEN)
    symbol = agent.get(f"/symbols/{symbol_id}").json()["data"]
    assert set(symbol) == {
        *("id", "name", "description", "is_global", "file_url", "data_range", "frequencies"),
        *("type_metadata", "created_at", "updated_at"),
    }
    assert symbol["data_range"] == {
        "start_timestamp": "2024-01-01T00:00:00Z",
        "end_timestamp": "2024-01-10T00:00:00Z",
    }
    assert (symbol["name"], symbol["is_global"], symbol["file_url"]) == ("BACK", False, None)
    assert symbol["frequencies"] == ["1d"]
    rows = agent.get(f"/symbols/{symbol_id}/data").json()["data"]
    assert len(rows) == 10
    assert list(rows[0]) == ["timestamp", "open", "high", "low", "close", "volume"]
    assert rows[9]["timestamp"] == "2024-01-10 00:00:00"
    assert rows[9]["close"] == 19.0


def test_all_of_a_long_file_is_read_back(agent):
    lines = [f"2024-{1 + n // 600:02d}-01 {n // 60 % 10:02d}:{n % 60:02d}:00,1,2,0.5,1.5,{n}" for n in range(1501)]
    symbol_id = agent.symbol("LONG", "timestamp,open,high,low,close,volume\n" + "\n".join(lines), frequency="1m")
    rows = agent.get(f"/symbols/{symbol_id}/data").json()["data"]
    assert [row["volume"] for row in rows] == list(range(1501))


def test_symbols_are_private_to_their_agent(agent, other_agent):
    symbol_id = agent.symbol("MINE", TEN)
    unknown = other_agent.get("/symbols/no-such-id")
    for method, path in (("GET", ""), ("GET", "/data"), ("DELETE", "")):
        answer = other_agent.call(method, f"/symbols/{symbol_id}{path}")
        assert (answer.status_code, answer.content) == (404, unknown.content)
    assert unknown.json() == {"detail": "Not found"}
    assert other_agent.get("/symbols").json()["data"]["total"] == 0


def test_lists_are_paged_to_the_end(agent):
    names = [f"PAGE-{number}" for number in range(5)]
    for name in names:
        agent.symbol(name, TEN)
    first = agent.get("/symbols", params={"skip": 0, "limit": 2}).json()["data"]
    last = agent.get("/symbols", params={"skip": 4, "limit": 2}).json()["data"]
    assert [item["name"] for item in first["items"] + last["items"]] == ["PAGE-0", "PAGE-1", "PAGE-4"]
    assert (first["has_next"], last["has_next"], first["total"]) == (True, False, 5)


@pytest.mark.parametrize(
    "query", [{"limit": 500}, {"limit": 0}, {"limit": "x"}, {"skip": -1}, {"is_global": "perhaps"}]
)
def test_a_page_out_of_range_is_refused(agent, query):
    answer = agent.get("/symbols", params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_ERROR")


def test_the_largest_page_is_a_knob(sandbox, agent):
    assert agent.get("/symbols", params={"limit": 100}).status_code == 200
    sandbox.knobs(page_limit_max=50)
    assert agent.get("/symbols", params={"limit": 51}).status_code == 422
    assert agent.get("/symbols", params={"limit": 50}).status_code == 200


def test_a_taken_name_is_409_for_this_agent_only(agent, other_agent):
    agent.symbol("TAKEN", TEN)
    answer = agent.upload("TAKEN", TEN)
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "Resource already exists")
    other_agent.symbol("TAKEN", TEN)


def test_names_may_repeat_when_the_knob_says_so(sandbox, agent):
    sandbox.knobs(symbol_name_clash=0)
    assert agent.symbol("TWICE", TEN) != agent.symbol("TWICE", TEN)
    sandbox.knobs(symbol_name_clash=400)
    assert agent.upload("TWICE", TEN).status_code == 400


def test_a_deleted_symbol_is_gone_and_its_name_is_free(sandbox, agent):
    symbol_id = agent.symbol("GONE", TEN)
    assert agent.call("DELETE", f"/symbols/{symbol_id}").status_code == 204
    assert agent.call("DELETE", f"/symbols/{symbol_id}").status_code == 404
    assert agent.get(f"/symbols/{symbol_id}").status_code == 404
    assert not (sandbox.home / "symbols" / f"{symbol_id}.csv").exists()
    agent.symbol("GONE", TEN)


def test_global_symbols_are_simulated_readable_and_not_deletable(agent):
    items = agent.get("/symbols", params={"is_global": "true"}).json()["data"]["items"]
    assert len(items) == 3
    assert all(item["is_global"] and item["name"].startswith("SIMULATED ") for item in items)
    assert all("Sandbox (local)" in item["description"] for item in items)
    assert len(agent.get(f"/symbols/{items[0]['id']}/data").json()["data"]) == 1040
    assert agent.call("DELETE", f"/symbols/{items[0]['id']}").status_code == 403


def test_a_file_url_gives_the_csv_without_credentials(sandbox, agent):
    sandbox.knobs(file_url=True)
    symbol_id = agent.symbol("LINK", TEN)
    link = agent.get(f"/symbols/{symbol_id}").json()["data"]["file_url"]
    assert httpx.get(link).text == TEN
    sandbox.knobs(file_url=False)
    assert httpx.get(link).status_code == 404


def test_a_symbol_that_is_not_ready_shows_no_data_yet(sandbox, agent):
    sandbox.knobs(symbol_ready_seconds=3600.0)
    symbol_id = agent.symbol("LATER", TEN)
    assert agent.get(f"/symbols/{symbol_id}").json()["data"]["data_range"] is None
    assert agent.get(f"/symbols/{symbol_id}/data").json()["data"] == []


def test_answers_can_come_bare_and_times_as_iso(sandbox, agent):
    symbol_id = agent.symbol("BARE", TEN)
    sandbox.knobs(envelope=False, timestamp_style="iso")
    assert agent.get(f"/symbols/{symbol_id}").json()["id"] == symbol_id
    assert agent.get(f"/symbols/{symbol_id}/data").json()[0]["timestamp"] == "2024-01-01T00:00:00Z"


def test_few_rows_are_refused_by_the_knob(sandbox, agent):
    answer = agent.upload("FEW", csv_of([1.0, 2.0]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert "2 rows; at least 10" in answer.json()["error"]["message"]
    sandbox.knobs(symbol_min_rows=2)
    agent.symbol("FEW", csv_of([1.0, 2.0]))


def test_an_oversize_file_is_413_and_leaves_nothing(sandbox, agent):
    sandbox.knobs(symbol_max_bytes=1000)
    answer = agent.upload("BIG", TEN + "x" * 200_000)
    assert answer.status_code == 413
    assert list((sandbox.home / "incoming").iterdir()) == []
    assert agent.get("/symbols").json()["data"]["total"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"data_type": "trades"},
        {"frequency": "7m"},
        {"frequency": ["1m"]},
        {"timezone": "Europe/Berlin"},
        {"exchange": None},
        {"column_mapping": None},
        {"column_mapping": {"timestamp": "timestamp"}},
        {"column_mapping": {**metadata_of("x")["column_mapping"], "colour": "x"}},
        {"column_mapping": {**metadata_of("x")["column_mapping"], "open": "not there"}},
    ],
)
def test_metadata_that_does_not_fit_is_refused(agent, change):
    assert agent.upload("META", TEN, **change).status_code == 422


@pytest.mark.parametrize("name", ["", "   ", "\ud800", "a\u0000b", "x" * 201, None, 7, ["A"]])
def test_a_name_that_cannot_be_one_is_refused(agent, name):
    assert agent.upload(name, TEN).status_code == 422


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"file": ("data.csv", TEN)}},
        {"files": {"file": ("data.csv", TEN)}, "data": {"metadata": "{not json"}},
        {"files": {"file": ("data.csv", TEN)}, "data": {"metadata": "[1]"}},
        {"files": {"other": ("data.csv", TEN)}, "data": {"metadata": json.dumps(metadata_of("x"))}},
        {
            "files": [("file", ("a.csv", TEN)), ("file", ("b.csv", TEN))],
            "data": {"metadata": json.dumps(metadata_of("x"))},
        },
        {"json": {"metadata": {}}},
        {"content": b"--b\r\n", "headers_extra": {"Content-Type": "multipart/form-data; boundary=b"}},
        {"content": b"nothing like it", "headers_extra": {"Content-Type": "multipart/form-data; boundary=b"}},
        {"content": b"x", "headers_extra": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_a_form_that_does_not_fit_is_refused(sandbox, agent, form):
    headers = {**agent.headers, **form.pop("headers_extra", {})}
    assert sandbox.client.post("/api/v1/symbols", headers=headers, **form).status_code == 422


def test_a_file_name_never_becomes_a_path(sandbox, agent):
    form = {"metadata": json.dumps(metadata_of("PATH"))}
    files = {"file": ("../../../../tmp/escaped.csv", TEN, "text/csv")}
    symbol_id = agent.call("POST", "/symbols", files=files, data=form).json()["data"]["id"]
    assert (sandbox.home / "symbols" / f"{symbol_id}.csv").read_text() == TEN
