"""The report says what was measured, against which limit, and what to do."""

from datasets.quality import checks, report, thresholds
from datasets.quality.intake import Lines
from datasets.quality.result import Findings, Sample


def build(findings, profile="standard", **rows):
    counts = {"read": 100, "accepted": 100, "rejected": 0, "duplicatesDropped": 0} | rows
    return report.build("trades", findings, counts, thresholds.resolve(profile), profile, Lines())


def test_every_check_of_the_kind_is_listed_and_explained():
    body = build(Findings())
    assert [each["id"] for each in body["checks"]] == [spec.id for spec in checks.specs("trades")]
    for each in body["checks"]:
        assert all(part in each["explanation"] for part in ("What it means:", "Why it matters:", "Fix:"))


def test_a_share_is_of_the_rows_read_and_graded_by_its_limits():
    findings = Findings()
    findings["values.zero_price"].add_one(Sample(7, 5, 0.0, "X"), 1)
    body = build(findings)
    found = next(each for each in body["checks"] if each["id"] == "values.zero_price")
    assert (found["measured"], found["limit"], found["redLimit"], found["grade"]) == (0.01, 0, 0.01, "AMBER")
    assert found["samples"] == [
        {"row": 7, "line": None, "ts": "1970-01-01T00:00:00.000000005Z", "value": 0.0, "instrument": "X"}
    ]
    assert body["issues"][0]["message"] == "No zero prices: 1 (1 %)"
    assert (body["grade"], body["score"]) == ("AMBER", 95)
    assert build(findings, "strict")["grade"] == "RED"


def test_the_worst_findings_come_first():
    findings = Findings()
    findings["moves.large"].add_one(Sample(1, 1, "x"))
    findings["moves.toxic"].add_one(Sample(1, 1, "x"))
    body = build(findings)
    assert [each["checkId"] for each in body["issues"]] == ["moves.toxic", "moves.large"]
    assert "failed: no toxic moves" in body["summary"]


def test_samples_of_many_instruments_are_those_of_the_first_rows():
    one, two = Findings(), Findings()
    for row in range(0, 60, 2):
        one["moves.large"].add_one(Sample(row, 0, None, "A"))
        two["moves.large"].add_one(Sample(row + 1, 0, None, "B"))
    two.merge(one)
    assert (two["moves.large"].count, [each.row for each in two["moves.large"].samples]) == (60, list(range(20)))
