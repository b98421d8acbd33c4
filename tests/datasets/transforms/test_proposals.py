"""Proposals are steps that the language takes, made of what was found; what may be true is not ticked by itself."""

import pytest

from datasets.market import kinds
from datasets.quality import checks
from datasets.transforms import proposals, recipe


def report(*found):
    return {
        "checks": [
            {"id": name, "title": name, "grade": grade, "count": 3, "samples": samples}
            for name, grade, samples in found
        ]
    }


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_check_has_a_proposal_that_can_be_followed_or_none(kind):
    body = report(*((spec.id, "RED", []) for spec in checks.specs(kind)))
    for one in proposals.for_report(body, kind):
        assert recipe.parse(list(one.steps), kind) == list(one.steps)
    named = {one.finding for one in proposals.for_report(body, kind)}
    assert not named & {"gaps.bars", "gaps.silence", "schema.file", "order.monotonic", "values.sparse"}


def test_red_ones_come_first_and_only_what_loses_nothing_true_is_ticked():
    body = report(("outliers.price", "AMBER", []), ("ohlc.high_low", "RED", []), ("duplicates.bars", "AMBER", []))
    body["checks"].append({"id": "ohlc.inside", "title": "", "grade": "GREEN", "count": 0, "samples": []})
    told = [(one.finding, one.sure) for one in proposals.for_report(body, kinds.BARS)]
    assert told == [("ohlc.high_low", True), ("outliers.price", False), ("duplicates.bars", True)]


def test_a_suspected_split_is_taken_out_of_the_prices_before_it():
    sample = {"value": "7:1 suspected: open 92.7 after close 645.57", "ts": "2014-06-09T00:00:00Z", "instrument": "A"}
    (one,) = proposals.for_report(report(("moves.split", "AMBER", [sample])), kinds.BARS)
    only = {"to": "2014-06-09T00:00:00Z", "instrument": "A"}
    assert list(one.steps) == [
        {"op": "scale", "columns": ["open", "high", "low", "close"], "factor": "1/7", **only},
        {"op": "scale", "columns": ["volume"], "factor": "7/1", **only},
    ]
    assert one.sure is False


def test_a_toxic_session_may_be_in_another_unit_either_way():
    told = proposals.for_refused("TOXIC", "moves by a factor of 99.4213 against the last good price", kinds.BARS)
    assert [one.steps[0]["factor"] for one in told] == ["1/100", 100.0]
    assert not any(one.sure for one in told)
    (mixed,) = proposals.for_refused("ADJUSTMENT_MIXED", "closes are 0.25 times those of the lake", kinds.BARS)
    assert mixed.steps[0]["factor"] == "1/0.25"


@pytest.mark.parametrize("code", ["CONTAMINATED", "CHECKSUM", "TOXIC"])
def test_what_nothing_can_be_read_off_has_no_proposal(code):
    assert proposals.for_refused(code, "", kinds.TRADES) == []


def test_bad_values_are_dropped_by_the_checks_that_name_them():
    told = proposals.for_refused("BAD_VALUES", "1 row(s) with values that cannot be", kinds.BARS)
    assert {"op": "drop", "check": "ohlc.high_low"} in [one.steps[0] for one in told]
