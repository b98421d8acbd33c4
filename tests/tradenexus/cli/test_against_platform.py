"""The command line against the platform itself: a real server process and its jobs, one file from upload to candles."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest

from tests.kit import tus
from tests.kit.server import Server


@pytest.fixture
def server(tmp_path, monkeypatch):
    with Server(tmp_path / "server") as running:
        monkeypatch.setenv("NEXUS_URL", running.url)
        monkeypatch.setenv("NEXUS_TOKEN", running.owner)
        yield running


_RESTATED = """
import django; django.setup()
import pathlib, tempfile
from tests.kit import lake
from tests.kit.people import Person
from tradenexus.tenancy.models import Tenant, User
owner = Person(User.objects.get(email="owner@example.org"), Tenant.objects.get(name="first"), "", "admin")
folder, name = pathlib.Path(tempfile.mkdtemp()), lake.registered(owner)
for closes in ([100.0, 101.0, 103.0], [100.0, 102.0, 103.0]):
    lake.put(owner, folder, lake.offer(folder, lake.daily(closes), name, policy="newer"))
"""


def test_a_large_diff_is_waited_for_and_shown(tmp_path, monkeypatch, nexus):
    with Server(tmp_path / "server", NEXUS_LAKE_DIFF_ROWS="1") as running:
        monkeypatch.setenv("NEXUS_URL", running.url)
        monkeypatch.setenv("NEXUS_TOKEN", running.owner)
        running.run(_RESTATED)
        entry = "crypto_bars_1d/BINANCE:ETH-BTC"
        left = nexus("--timeout", "1", "lake", "diff", entry, "1...2")
        assert (left.code, "nexus job watch job_" in left.err) == (8, True)
        with running.working():
            told = nexus("lake", "diff", entry, "1...2", "--json").json
        assert (told["complete"], told["job"], told["rows"]["changed"]) == (True, None, 1)
        close = next(each for each in told["values"]["distributions"] if each["name"] == "close")
        assert [(one["before"], one["after"]) for one in close["bins"] if one["before"] or one["after"]] == [
            (1, 0),
            (0, 1),
        ]
        shown = nexus("lake", "diff", entry, "1...2", "--show", "distributions").out
        assert "close\treturn\t0.01\t0.012\t1\t0" in shown.replace("\r", ""), shown
        assert "trades\tvalue\tnull\t\t1\t1" in shown


@pytest.fixture
def tape(home):
    path = home / "tape.csv"
    lines = (f"{1704067200000 + n * 250},BTC-USD,{42000 + n % 50}.10,0.5,buy\n" for n in range(2400))
    path.write_text("timestamp,symbol,price,amount,side\n" + "".join(lines))
    return path


def proven(nexus, home):
    """The trail as a bundle is whole without the server, holds its head, and does not when it is cut."""
    head = nexus("audit", "head", "--json").json
    assert nexus("audit", "export", "--out", home / "audit.zip", "--from", "2024-01-01").code == 0
    verdict = nexus("audit", "verify", home / "audit.zip", "--witness", f"{head['seq']}:{head['hash']}", "--json").json
    assert (verdict["ok"], verdict["entries"], verdict["head"]) == (True, head["seq"], head["hash"])
    (home / "cut.zip").write_bytes((home / "audit.zip").read_bytes()[:-40])
    assert nexus("audit", "verify", home / "cut.zip").code == 1


def collected(nexus, job):
    """The lineage of the tape as run events, and those of one job of it alone."""
    told = [json.loads(line) for line in nexus("lineage", "export", "tape").out.splitlines()]
    made = {event["job"]["name"]: event for event in told if event["eventType"] == "COMPLETE"}
    assert set(made) == {"dataset.ingest", "dataset.validate", "dataset.candles"}
    alone = [json.loads(line) for line in nexus("lineage", "export", job).out.splitlines()]
    assert alone[1] == made["dataset.candles"]


def test_a_file_goes_all_the_way(server, nexus, tape, home, monkeypatch):
    sent = nexus("upload", tape, "--name", "tape", "--no-validate", "--json")
    assert sent.code == 0, sent.err
    server.work()
    again = nexus("upload", tape, "--name", "tape", "--no-validate", "--json").json
    assert (again["datasetId"], again["status"]) == (sent.json["datasetId"], "uploaded")
    assert nexus("validate", "tape").code == 0
    server.work()
    assert nexus("dataset", "show", "tape", "--json").json["status"] == "validated"
    assert nexus("quality", "show", "tape", "--json").json["rows"]["accepted"] == 2400
    assert nexus("dataset", "head", "tape", "-n", "1", "--json").json[0]["price"] == "42000.1"
    said = nexus("dataset", "describe", "tape", "--vendor", "here", "--asset-class", "crypto", "--json").json
    assert (said["vendor"], said["assetClass"]) == ("here", "crypto")
    chosen = ["--vendor", "here", "--asset-class", "crypto", "--resolution", "ticks"]
    assert [one["name"] for one in nexus("dataset", "list", *chosen, "--json").json] == ["tape"]
    assert nexus("dataset", "list", "--vendor", "elsewhere", "--json").json == []
    started = nexus("transform", "candles", "tape", "--frequency", "1m", "--json").json
    server.work()
    assert nexus("job", "show", started["job"]["id"], "--json").json["state"] == "succeeded"
    assert nexus("dataset", "show", "tape@2", "--json").json["rowCount"] == 10
    assert nexus("dataset", "download", "tape@1", "--out", home / "copy.csv").code == 0
    assert (home / "copy.csv").read_bytes() == tape.read_bytes()
    digest = hashlib.sha256(tape.read_bytes()).hexdigest()
    assert digest in nexus("lineage", "tape", "--json").out
    around = nexus("lineage", "tape", "--depth", "1", "--direction", "up", "--json").json["nodes"]
    assert [node["label"] for node in around] == ["tape@2", "tape@1"]
    raw = nexus("lineage", "tape", "--focus", around[1]["id"], "--direction", "up", "--json").json["nodes"]
    assert [node["kind"] for node in raw] == ["version", "version", "upload"]
    assert nexus("lineage", "tape", "--focus", "nothing").code == 5
    collected(nexus, started["job"]["id"])
    assert nexus("audit", "verify").code == 0
    proven(nexus, home)
    monkeypatch.setenv("NEXUS_TOKEN", server.stranger)
    for words in (["dataset", "show", sent.json["datasetId"]], ["job", "show", started["job"]["id"]]):
        assert nexus(*words).code == 5
    monkeypatch.setenv("NEXUS_TOKEN", server.viewer)
    assert nexus("validate", sent.json["datasetId"]).code == 4


def test_an_upload_may_ask_to_be_stopped_early_and_the_list_tells_what_is_known(server, nexus, tape):
    sent = nexus("upload", tape, "--no-validate", "--abort-early", "--json")
    assert sent.code == 0, sent.err
    (session,) = nexus("session", "list", "--all", "--json").json
    assert (session["id"], session["provisional"]) == (sent.json["uploadId"], None)  # too small for a look
    with server.client() as client:
        version = client.get(f"/v1/datasets/{sent.json['datasetId']}/versions/1").json()["version"]
    assert version["params"]["abortEarly"] is True


def test_a_server_killed_in_the_middle_of_an_upload_gets_the_same_bytes(server, nexus, home):
    big = home / "big.csv"
    big.write_bytes(b"timestamp,price,amount\n" + b"1704067200000,1,2\n" * 400_000)
    words = ["upload", str(big), "--symbol", "X", "--no-validate", "--rate-limit", "4M", "--json"]
    command = [sys.executable, "-m", "tradenexus.cli", *words]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(
        session["offset"] > 0 or session["state"] == "receiving" for session in nexus("session", "list", "--json").json
    ):
        time.sleep(0.2)
    server.kill()
    server.start()
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert hashlib.sha256(big.read_bytes()).hexdigest() in out
    server.work()
    assert nexus("dataset", "list", "--json").json[0]["sha256"] == hashlib.sha256(big.read_bytes()).hexdigest()


def test_an_upload_whose_length_was_not_told_is_gone_on_with_and_mended(server, nexus, home):
    file = home / "long.csv"
    file.write_bytes(b"timestamp,price,amount\n" + b"1704067200000,1,2\n" * 500_000)
    data = file.read_bytes()
    with server.client() as client:
        url = client.post("/v1/uploads/", headers={**tus.HEADERS, "Upload-Defer-Length": "1"}).headers["location"]
        assert tus.patch(client, url, 0, data[:5_000_000]).status_code == 204
    upload = url.rsplit("/", 1)[1]
    assert nexus("upload", "--resume", upload, file, "--no-validate", "--json").code == 0
    with tus.path_of(server, url).open("r+b") as stored:
        stored.write(b"damage")
    server.work()
    rows = nexus("session", "parts", upload, "--damaged", "--json").json
    assert [(row["number"], row["start"], row["sizeBytes"], len(row["crc32c"])) for row in rows] == [(0, 0, 8 << 20, 8)]
    assert nexus("session", "mend", upload, home / "no.csv").code == 2
    assert nexus("session", "mend", upload, file, "--json").json["mended"] == [0]
    assert nexus("session", "parts", upload, "--damaged", "--json").json == []
    assert nexus("upload", "--resume", upload, file, "--no-validate", "--json").code == 0
    server.work()
    assert nexus("dataset", "list", "--json").json[0]["sha256"] == hashlib.sha256(data).hexdigest()


def promoted(server, nexus, home):
    """Bring minute bars with a toxic price into the lake; return the entry."""
    lines = [f"{1704067200000 + n * 60_000},100,101,99,{100 + n % 2},5\n" for n in range(1500)]
    lines[700] = f"{1704067200000 + 700 * 60_000},100,90001,99,90000,5\n"
    bars = home / "bars.csv"
    bars.write_text("timestamp,open,high,low,close,volume\n" + "".join(lines))
    sent = nexus("upload", bars, "--name", "bars", "--no-validate", "--json")
    assert sent.code == 0, sent.err
    server.work()
    body = {"symbol": "BTC-USD", "thresholds": {"moves.toxic.red": 1000}}
    with server.client() as client:
        assert client.post(f"/v1/datasets/{sent.json['datasetId']}/validate", json=body).status_code == 202
    server.work()
    into = ["--table", "crypto_bars_1m", "--type", "spot", "--calendar", "24/7"]
    assert nexus("lake", "promote", "bars", *into).code == 1  # no venue, and none said
    assert nexus("lake", "promote", "bars", *into, "--as", "BTC-USD=BINANCE:BTC-USD").code == 0
    server.work()
    return "crypto_bars_1m/BINANCE:BTC-USD"


def test_features_are_built_of_daily_bars(server, nexus, home):
    (listed,) = nexus("feature", "list", "--json").json
    name = listed["name"]
    assert "not built yet" in nexus("feature", "show", name).err
    assert nexus("feature", "build", name).code == 0
    server.work()
    (failed,) = nexus("job", "list", "--json").json
    assert (failed["state"], failed["error"]["code"]) == ("failed", "FEATURE_NO_COVERAGE")
    bars = home / "daily.csv"
    lines = (
        f"{1704067200 + n * 86_400},{100 + n % 7},{102 + n % 7},{99 + n % 7},{101 + n % 7},5\n" for n in range(260)
    )
    bars.write_text("timestamp,open,high,low,close,volume\n" + "".join(lines))
    sent = nexus("upload", bars, "--name", "daily", "--no-validate", "--json")
    assert sent.code == 0, sent.err
    server.work()
    with server.client() as client:
        body = {"symbol": "BTC-USD"}
        assert client.post(f"/v1/datasets/{sent.json['datasetId']}/validate", json=body).status_code == 202
    server.work()
    into = ["--table", "crypto_bars_1d", "--type", "spot", "--calendar", "24/7", "--as", "BTC-USD=BINANCE:BTC-USD"]
    assert nexus("lake", "promote", "daily", *into).code == 0
    server.work()
    assert nexus("feature", "build", name, "--instrument", "BINANCE:ETH").code != 0
    assert nexus("feature", "build", name, "--instrument", "BINANCE:BTC-USD").code == 0
    server.work()
    (covered,) = nexus("feature", "show", name, "--json").json["coverage"]["instruments"]
    assert (covered["instrument"], covered["bars"], covered["rows"]) == ("BINANCE:BTC-USD", 260, 253)
    assert "BINANCE:BTC-USD" in nexus("feature", "show", name).out
    entry = f"{listed['table']}/BINANCE:BTC-USD"
    assert len(nexus("lake", "rows", entry, "--columns", "rsi", "--from", "2024-09-01").out.split()) > 10
    assert nexus("feature", "show", "nothing").code == 5


def test_rows_go_into_the_lake_and_come_out_again(server, nexus, home):
    entry = promoted(server, nexus, home)
    shown = nexus("lake", "show", entry, "--json").json
    assert (shown["rows"], shown["grade"], shown["sessions"]["red"]) == (60, "RED", 1)
    (held,) = nexus("lake", "quarantine", "--json").json
    assert (held["code"], held["rows"]) == ("TOXIC", 1440)
    assert nexus("lake", "release", held["id"], "--reason", "seen at the venue").code == 0
    server.work()
    assert nexus("lake", "show", entry, "--json").json["rows"] == 1500
    (red,) = nexus("lake", "partitions", entry, "--from", "2024-01-01", "--to", "2024-01-02", "--json").json
    assert (red["status"], red["rows"]) == ("AMBER", 1440)
    assert nexus("lake", "suspects", entry, "--json").json == []
    assert nexus("lake", "rows", entry, "--columns", "close", "--to", "2024-01-01T00:03:00Z").out.split() == [
        "close", "100.0", "101.0", "100.0",
    ]  # fmt: skip
    assert nexus("lake", "rows", entry, "--format", "parquet", "-o", home / "rows.parquet").code == 0
    assert nexus("lake", "rows", entry, "--format", "parquet", "-o", home / "rows.parquet").code == 6
    assert pq.read_table(home / "rows.parquet").num_rows == 1500
    assert len(nexus("lake", "revisions", entry, "--json").json) == 2
    told = nexus("lake", "diff", entry, "1...2", "--json").json
    assert (told["rows"]["added"], told["rows"]["changed"], told["partitions"]["added"]) == (1440, 0, 1)
    assert "1440" in nexus("lake", "diff", entry, "1...2").out
    assert "2024-01-01\t+" in nexus("lake", "diff", entry, "1...2", "--show", "sessions").out
    assert "high\t\t101.0" in nexus("lake", "diff", entry, "1...2", "--show", "rows").out
    assert nexus("lake", "diff", entry, "1...2", "--show", "columns").code == 0
    assert nexus("lake", "diff", entry, "1...2", "--show", "distributions").code == 0
    assert told["values"]["distributions"] == []  # rows came, none changed
    assert [nexus("lake", "diff", entry, span).code for span in ("1..2", "1...9")] == [2, 5]
    assert [each["operation"] for each in nexus("lake", "commits", "--json").json] == ["release", "promote"]
    (made,) = nexus("lake", "commits", "--operation", "release", "--json").json
    assert nexus("lake", "commit", made["id"], "--json").json[0]["changes"]["added"] == 1440
    assert nexus("lake", "instruments", "BINANCE:BTC-USD", "--json").json[0]["type"] == "spot"
    assert nexus("lake", "describe", "X:ES", "--type", "futures", "--calendar", "CMES", "--tick", "0.25").code == 0
    assert nexus("lake", "list", "--grade", "RED", "--json").json == []
    assert nexus("lake", "rows", "nothing").code == 2
    assert nexus("lake", "rows", entry, "--columns", "nothing").code != 0
    assert any(table["name"] == "book" for table in nexus("lake", "tables", "--json").json)
    until = ["--until", "2099-01-01T00:00:00Z", "--reason", "looked at"]
    assert nexus("lake", "override", entry, "2024-01-01", "--status", "GREEN", *until).code == 0


def test_a_version_is_fixed_after_a_preview(server, nexus, tape, home):
    assert nexus("upload", tape, "--name", "tape", "--no-validate").code == 0
    server.work()
    assert nexus("validate", "tape").code == 0
    server.work()
    steps = home / "steps.json"
    steps.write_text('[{"op": "scale", "columns": ["size"], "factor": 10}]')
    cut = ["transform", "fix", "tape@1", "--drop", "price > 42045", "--steps", steps]
    worker = threading.Timer(3, server.work)
    worker.start()
    told = nexus(*cut, "--preview", "--json").json
    worker.join()
    assert [step["touched"] for step in told["steps"]] == [2400, 240]
    assert (told["rowsIn"], told["rowsOut"]) == (2400, 2160)
    started = nexus(*cut, "--note", "a broken venue", "--json").json
    server.work()
    assert nexus("job", "show", started["job"]["id"], "--json").json["state"] == "succeeded"
    made = nexus("dataset", "show", "tape@2", "--json").json
    assert (made["rowCount"], made["status"]) == (2160, "validated")
    again = nexus(*cut, "--wait", "--json").json
    assert again["version"] == 2
    refused = nexus("transform", "fix", "tape@1", "--drop", "close > 1")
    assert refused.code != 0
    assert "step 1 (drop), where[0].column" in refused.err


def daily(path, closes):
    """Write daily bars of a share from 2024-01-01 on."""
    days = (str(date(2024, 1, 1) + timedelta(days=at)) for at in range(len(closes)))
    rows = (
        f"{day}T00:00:00Z,{price},{price + 1},{price - 1},{price},5\n" for day, price in zip(days, closes, strict=True)
    )
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    return path


def test_a_split_that_another_vendors_dataset_names_is_recorded(server, nexus, home):
    traded = [100 + at % 7 for at in range(30)] + [51 + at % 5 for at in range(30)]
    adjusted = [each / 2 if at < 30 else each for at, each in enumerate(traded)]
    for name, closes in (("alpha", traded), ("beta", adjusted)):
        sent = ("upload", daily(home / f"{name}.csv", closes), "--name", name, "--symbol", "HALF", "--venue", "XNAS")
        assert nexus(*sent, "--no-validate").code == 0
        server.work()
        assert nexus("validate", name).code == 0
        server.work()
        assert nexus("dataset", "describe", name, "--vendor", name).code == 0
    into = ("--table", "equities_bars", "--type", "equity", "--calendar", "24/7")
    assert nexus("lake", "promote", "alpha", *into).code == 0
    server.work()
    entry, session = "equities_bars/XNAS:HALF", "2024-01-31"
    (one,) = nexus("lake", "suspects", entry, "--json").json
    assert (one["session"], one["state"], one["ratio"]) == (session, "corroborated", "2.0")
    rows = nexus("lake", "suspects", entry, "--session", session, "--json").json
    assert [(row["vendor"], row["factor"]) for row in rows] == [("beta", "0.5")] * 3 + [("beta", "1.0")] * 3
    assert nexus("lake", "rows", entry, "--adjustment", "split").code == 6
    assert nexus("lake", "record-split", entry, session, "--ratio", "4", "--reason", "the wrong one").code == 1
    assert nexus("lake", "record-split", entry, session, "--evidence", "0" * 64).code == 6
    assert nexus("lake", "record-split", entry, session, "--evidence", one["evidenceDigest"]).code == 0
    server.work()
    (one,) = nexus("lake", "suspects", entry, "--json").json
    assert (one["state"], one["recorded"]["evidence"][0]["vendor"]) == ("recorded", "beta")
    assert "recorded" in nexus("lake", "record-split", entry, session, "--wait").out.casefold()
    closes = nexus("lake", "rows", entry, "--adjustment", "split", "--columns", "close").out.split()[1:]
    assert [float(each) for each in closes] == pytest.approx(adjusted)
