"""Stories across rooms where earlier systems were wrong: through the API, the queue and real children."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from datasets.market import calendars
from datasets.market.intervals import DAY, MINUTE
from datasets.models import DatasetVersion, QualityReport, VersionFile
from datasets.storage import blobs
from tests.kit import corpus, raw
from tests.kit.corpus import AT, bars, trades
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def post(person, version, what, body=None):
    answer = person.api.post(f"/v1/datasets/{version.dataset.ref}/{what}", body or {}, format="json")
    assert answer.status_code == 202, answer.data
    work()
    version.refresh_from_db()
    return answer.data


def validated(person, content, filename="t.csv", said=None, **options):
    version = raw.uploaded(person, content, filename, **(said or {"symbol": "X"}))
    post(person, version, "validate", options)
    return version


def checks(person, version):
    body = QualityReport.of(person.tenant.id).get(version=version).body
    return {check["id"]: check for check in body["checks"] if check["count"]}, body["rows"]


def rows(version):
    file = VersionFile.objects.get(version=version)
    with blobs.local(file.key) as path:
        return pq.read_table(path)


def test_equal_rows_without_an_id_are_reported_and_kept(owner):
    version = validated(owner, trades(f"{AT + 4},100.5,1", f"{AT + 4},100.5,1"))
    found, counted = checks(owner, version)
    assert found["duplicates.rows"]["count"] == 2
    assert (counted["read"], counted["accepted"], counted["duplicatesDropped"]) == (402, 402, 0)
    assert rows(version).num_rows == 402


def test_repeated_ids_are_dropped_and_counted_as_what_was_dropped(owner):
    lines = [f"{AT + at},100,1,{at}" for at in range(400)]
    data = "\n".join(["time,price,size,id", *lines, lines[7], lines[7], lines[390]]).encode()
    version = validated(owner, data)
    found, counted = checks(owner, version)
    assert found["duplicates.ids"]["count"] == 3
    assert (counted["read"], counted["accepted"], counted["duplicatesDropped"]) == (403, 400, 3)


def test_a_true_negative_price_is_flagged_and_not_deleted(owner, realdata):
    path = realdata / "macro" / "wti_daily.csv"
    said = {"symbol": "WTI", "kind": "trades", "columnMapping": {"ts_event": "Date", "price": "Price"}}
    version = validated(owner, path, path.name, said, profile="lenient")
    found, counted = checks(owner, version)
    assert version.status == "validated"
    assert counted["rejected"] == counted["duplicatesDropped"] == 0
    assert [one["ts"][:10] for one in found["values.negative_price"]["samples"]] == ["2020-04-20"]
    assert min(rows(version)["price"].to_pylist()) == -36.98


def test_a_toxic_move_is_kept_out_and_the_good_version_before_it_stays(owner):
    good = validated(owner, bars())
    assert good.status == "ready"
    toxic = raw.uploaded(owner, bars("80,80,80,80,1"), symbol="X")
    DatasetVersion.everyone.filter(id=toxic.id).update(dataset=good.dataset, number=2)
    toxic = DatasetVersion.everyone.get(id=toxic.id)
    post(owner, toxic, "validate", {"version": 2})
    found, _ = checks(owner, toxic)
    assert found["moves.toxic"]["grade"] == "RED"
    assert toxic.status == "validation_failed"
    assert not VersionFile.objects.filter(version=toxic).exists()
    good.refresh_from_db()
    assert good.status == "ready"
    assert rows(good).num_rows == 400


def test_a_half_day_is_complete_and_half_of_a_full_day_is_not(owner):
    stamps = []
    for day in ("2024-11-27", "2024-11-29", "2024-12-02"):
        start = int(np.datetime64(day, "ns").astype(np.int64))
        held = calendars.sessions("XNYS", start, start + DAY)
        stamps.append(np.arange(held.open_ns[0], held.close_ns[0], MINUTE))
    assert [len(each) for each in stamps] == [390, 210, 390]
    for last, missing in ((390, 0), (195, 195)):
        lines = [f"{ts // 10**9},10,12,9,11,5" for ts in np.concatenate([*stamps[:2], stamps[2][:last]])]
        content = "\n".join(["time,open,high,low,close,volume", *lines]).encode()
        version = validated(owner, content, calendar="XNYS", interval="1m")
        found, _ = checks(owner, version)
        assert found.get("gaps.bars", {"count": 0})["count"] == missing
        assert version.status == "ready"


def test_an_ambiguous_date_is_asked_about_and_the_answer_reads_the_same_bytes(owner):
    dates = [f"0{month}/0{day}/2024,10,12,9,11,5" for month in range(1, 9) for day in range(1, 9)]
    content = ("date,open,high,low,close,volume\n" + "\n".join(dates)).encode()
    version = validated(owner, content)
    assert version.status_reason.startswith("DATE_ORDER_AMBIGUOUS")
    report = owner.api.get(f"/v1/datasets/{version.dataset.ref}/quality-report").data["qualityReport"]
    [question] = report["issues"][0]["details"]["questions"]
    assert (question["field"], question["options"]) == ("dateOrder", ["dmy", "mdy"])
    post(owner, version, "validate", {question["field"]: "dmy"})
    assert version.status == "ready"
    first = rows(version)["ts_event"].cast("int64").to_pylist()[1]
    assert first == int(np.datetime64("2024-01-02", "ns").astype(np.int64))  # 01/02 and 02/01: the second of January


def test_candles_name_their_parent_parameters_rows_and_policy(owner):
    source = validated(owner, raw.trades())
    made = post(owner, source, "transform/candles", {"frequency": "5m", "emptyBars": "fill"})
    job = owner.api.get(f"/v1/jobs/{made['job']['id']}").data["job"]
    assert job["result"]["policy"]
    detail = owner.api.get(f"/v1/datasets/{source.dataset.ref}/versions/2").data["version"]
    assert (detail["parentId"], detail["operation"]) == (source.ref, "candles")
    assert detail["params"] == {"frequency": "5m", "price": "trade", "emptyBars": "fill", "session": None}
    assert detail["rowCount"] == job["result"]["rows"] == sum(file["rows"] for file in detail["files"])
    assert detail["contentDigest"]
    output = DatasetVersion.of(owner.tenant.id).get(number=2)
    report = QualityReport.of(owner.tenant.id).get(version=output).body
    assert job["result"]["policy"] == report["policy"]


@pytest.mark.parametrize(
    "filename", ['a";filename="x.html', "../../etc/passwd", "=cmd|' /C calc'!A0.csv", "<b>\u202e.csv"]
)
def test_a_download_is_an_attachment_whatever_the_file_was_called(owner, filename):
    version = raw.uploaded(owner, trades(), filename)
    answer = owner.api.get(f"/v1/datasets/{version.dataset.ref}/download")
    assert b"".join(answer) == trades()
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert not set('/\\<>;"') & set(answer["Content-Disposition"].split('"')[1])
    assert (answer["X-Content-Type-Options"], answer["Content-Type"]) == ("nosniff", "application/octet-stream")
    assert (answer["Cache-Control"], answer.has_header("ETag")) == ("private, no-store", True)


def test_hostile_symbols_are_answered_as_data_and_asked_for_as_data(owner):
    version = validated(owner, corpus.symbols(*corpus.EVIL_NAMES), said={"symbol": ""})
    assert set(version.symbols) == set(corpus.EVIL_NAMES)
    base = f"/v1/datasets/{version.dataset.ref}"
    for number, name in enumerate(corpus.EVIL_NAMES):
        shown = owner.api.get(f"{base}/preview", {"symbol": name})
        assert shown["Content-Type"].startswith("application/json")
        assert shown["X-Content-Type-Options"] == "nosniff"
        assert {float(row["price"]) for row in shown.json()["rows"]} == {number + 1.0}
        part = owner.api.get(f"{base}/download", {"what": "canonical", "symbol": name})
        assert b"".join(part)[:4] == b"PAR1"
        assert part["Content-Disposition"].isascii()
    keys = list(VersionFile.objects.filter(version=version).values_list("key", flat=True))
    assert all(set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_/.") and ".." not in key for key in keys)


@pytest.mark.parametrize("symbol", ["' OR 1=1 --", "../x", "\0", "x" * 10_000, "%"])
def test_a_symbol_that_is_not_there_is_refused_by_name(owner, symbol):
    version = validated(owner, trades())
    answer = owner.api.get(f"/v1/datasets/{version.dataset.ref}/preview", {"symbol": symbol})
    assert 400 <= answer.status_code < 500
    assert answer.data["error"]["code"]
