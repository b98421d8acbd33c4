"""A plan is what was found and what a person said, who wins; what cannot be is refused by name."""

import pytest

from datasets.formats import mapping, targets
from datasets.formats.errors import TimestampUnitsMixed
from tests.datasets.formats.test_sniff import head


def test_mixed_units_are_a_problem_and_no_plan():
    found = head("time,price,size\n1700000000,1,2\n1700000000000,1,2\n1700000001,1,2\n", "BTC-USD.csv")
    assert [problem["code"] for problem in found["problems"]] == ["TIMESTAMP_UNITS_MIXED"]
    with pytest.raises(TimestampUnitsMixed):
        mapping.plan_from(found)


def test_a_declared_kind_is_mapped_with_other_eyes():
    text = "Date,Price\n2024-01-02,18.6\n2024-01-03,18.4\n"
    plan = mapping.plan_from(head(text, "oil.csv"), {"kind": "trades"})
    assert plan["columnMapping"] == {"ts_event": "Date", "price": "Price"}


def test_a_column_said_to_be_two_measures_is_refused_also_where_one_was_found():
    found = head("time,price,size\n1700000000,1,2\n1700000001,3,4\n", "BTC-USD.csv")
    with pytest.raises(targets.MappingInvalid) as refused:
        mapping.plan_from(found, {"columnMapping": {"size": "price"}})
    assert refused.value.details == {"column": "price", "targets": ["price", "size"]}
    assert mapping.plan_from(found, {"columnMapping": {"size": "price", "price": "size"}})


def test_a_mapping_that_is_said_wins_over_one_that_is_found():
    found = head("time,local_time,px,size\n1700000000,1700000001,1,2\n", "BTC-USD.csv")
    said = {"columnMapping": {"timestamp": "local_time", "price": "px", "amount": None}, "symbol": "X", "venue": "V"}
    plan = mapping.plan_from(found, said)
    assert plan["columnMapping"] == {"ts_event": "local_time", "price": "px"}
    assert (plan["symbol"], plan["venue"]) == ("X", "V")


@pytest.mark.parametrize(
    "said", [{"timestampUnit": "h"}, {"kind": "books"}, {"dateOrder": "ydm"}, {"columnMapping": {"colour": "x"}}]
)
def test_impossible_statements_are_refused(said):
    found = head("time,price,size\n1700000000,1,2\n", "BTC-USD.csv")
    with pytest.raises((mapping.PlanInvalid, mapping.targets.MappingInvalid)):
        mapping.plan_from(found, said)
