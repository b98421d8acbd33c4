"""A toxic row and a block of another symbol, planted in real daily bars: neither reaches the lake, the reason is told,
the good history keeps its bytes, and a recipe makes a version that may enter.
"""

import csv
import gzip

import pytest

from datasets.models import DatasetVersion, LakeEntry, LakeMember, LakeQuarantine
from tests.kit import raw
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)
TOXIC, BLOCK = "2009-06-10", ("2010-03-09", "2010-03-10")
PRICES = ["open", "high", "low", "close"]
NAMED = {"IBM": "XNYS:IBM", "MSFT": "XNAS:MSFT"}
CENTS = {"op": "scale", "columns": PRICES, "factor": "1/100", "mustMatch": True}


def planted(realdata):
    """Return IBM and MSFT of 2004 to 2012, MSFT of one day in cents, and on two days MSFT's rows as IBM's."""
    with gzip.open(realdata / "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["Ticker"] in NAMED and "2004" <= row["Date"] < "2013"]
    foreign = {row["Date"]: row for row in rows if row["Ticker"] == "MSFT" and row["Date"] in BLOCK}
    lines = ["date,symbol,open,high,low,close,volume"]
    for row in rows:
        taken = foreign.get(row["Date"], row) if row["Ticker"] == "IBM" else row
        values = [float(taken[name.capitalize()]) for name in PRICES]
        if (row["Ticker"], row["Date"]) == ("MSFT", TOXIC):
            values = [round(value * 100) for value in values]
        lines.append(",".join(map(str, [row["Date"], row["Ticker"], *values, taken["Volume"]])))
    return ("\n".join(lines) + "\n").encode(), len(rows) // 2


def post(person, path, body, status=202):
    answer = person.api.post(path, body, format="json")
    assert answer.status_code == status, answer.data
    work()
    return answer.data


def result(person, answer):
    job = person.api.get(f"/v1/jobs/{answer['job']['id']}").data["job"]
    assert job["state"] == "succeeded", job["error"]
    return job["result"]


def promotion(version):
    return {"version": version, "table": "equities_bars", "instruments": NAMED, "type": "equity", "calendar": "XNYS"}


def segments(person):
    """Return {(instrument, first nanosecond of the span): digest} of all that stands in the lake."""
    rows = LakeMember.objects.filter(entry__tenant_id=person.tenant.id, until_revision=None)
    rows = rows.select_related("segment", "entry")
    return {(row.entry.instrument, row.span_start_ns): row.segment.sha256 for row in rows}


@pytest.fixture
def story(owner, realdata):
    """A RED upload that somebody let through, promoted: (address, sessions of each, what then stood in the lake)."""
    data, sessions = planted(realdata)
    url = f"/v1/datasets/{raw.uploaded(owner, data, 'daily.csv').dataset.ref}"
    post(owner, f"{url}/validate", {})
    report = owner.api.get(f"{url}/quality-report").data["qualityReport"]
    assert report["grade"] == "RED"
    assert "moves.toxic" in [issue["checkId"] for issue in report["issues"] if issue["severity"] == "error"]
    post(owner, f"{url}/promote", promotion(1), 409)
    assert not LakeEntry.of(owner.tenant.id).exists()
    red = {f"{issue['checkId']}.red": 10_000 for issue in report["issues"]}
    post(owner, f"{url}/validate", {"thresholds": red})
    result(owner, post(owner, f"{url}/promote", promotion(1)))
    return url, sessions, segments(owner)


def test_neither_reaches_the_lake_and_a_fix_makes_a_version_that_may_enter(owner, story):
    _, sessions, before = story
    refused = owner.api.get("/v1/lake/quarantine?state=held").data["items"]
    why = {(one["instrument"], str(one["session"])): one["code"] for one in refused}
    assert why == {
        ("XNAS:MSFT", TOXIC): "TOXIC",
        **{("XNYS:IBM", day): "CONTAMINATED" for day in BLOCK},
    }
    rows = dict(LakeEntry.of(owner.tenant.id).values_list("instrument", "rows"))
    assert rows == {"XNAS:MSFT": sessions - 1, "XNYS:IBM": sessions - 2}

    held = {(one["instrument"], str(one["session"])): one["id"] for one in refused}
    toxic, foreign = held["XNAS:MSFT", TOXIC], held["XNYS:IBM", BLOCK[0]]
    said = {"reason": "the vendor quoted cents that day", "commit": True}
    told = result(owner, post(owner, f"/v1/lake/quarantine/{toxic}:fix", {"steps": [CENTS], **said}))
    assert (told["committed"], told["grade"]) == (True, "GREEN")
    keep = [{"op": "clip_range", "from": "2000-01-01"}]
    still = result(owner, post(owner, f"/v1/lake/quarantine/{foreign}:fix", {"steps": keep, **said}))
    assert still["committed"] is False
    assert "CONTAMINATED" in still["why"]
    states = LakeQuarantine.of(owner.tenant.id).values_list("state", flat=True)
    assert sorted(states) == ["fixed", "held", "held"]
    after = segments(owner)
    changed = {place for place in after if after[place] != before.get(place)}
    assert [name for name, _ in changed] == ["XNAS:MSFT"]  # the year of the fixed day, and nothing else
    assert after.keys() == before.keys()

    graph = owner.api.get(f"/v1/datasets/{told['datasetId']}/lineage").data
    made = {(edge["from"][:3], edge["to"][:3]) for edge in graph["edges"]}
    assert made >= {("dsv", "cmt"), ("cmt", "qrt"), ("qrt", "dsv")}
    assert {"version", "lake", "quarantine"} <= {node["kind"] for node in graph["nodes"]}


def test_the_whole_version_fixed_gives_the_lake_the_same_bytes(owner, story):
    url, sessions, before = story
    steps = [
        {**CENTS, "instrument": "MSFT", "from": TOXIC, "to": "2009-06-11"},
        {"op": "drop", "instrument": "IBM", "from": BLOCK[0], "to": "2010-03-11", "mustMatch": True},
    ]
    preview = result(owner, post(owner, f"{url}/transform/fix", {"steps": steps, "preview": True}))
    assert [step["touched"] for step in preview["steps"]] == [1, 2]
    fixed = post(owner, f"{url}/transform/fix", {"steps": steps})
    version = DatasetVersion.of(owner.tenant.id).get(number=fixed["outputVersion"])
    assert (version.status, version.row_count) == ("ready", 2 * sessions - 2)
    assert version.grade in ("GREEN", "AMBER")
    assert version.params["counts"]["touched"] == [1, 2]
    told = result(owner, post(owner, f"{url}/promote", promotion(version.number)))
    assert (told["added"], told["replaced"], told["quarantined"]) == (1, 0, 0)
    after = segments(owner)
    assert {name for name, _ in (place for place in after if after[place] != before[place])} == {"XNAS:MSFT"}
    assert LakeEntry.of(owner.tenant.id).get(instrument="XNAS:MSFT").rows == sessions
