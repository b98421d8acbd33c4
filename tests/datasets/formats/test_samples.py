"""What a column's first values show, also when a few of them are wrong."""

import pytest

from datasets.formats import mapping, sniff
from datasets.formats.samples import Column

AT = 1_700_000_000


def of(values):
    return Column("c", 0, values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1"] * 19 + ["abc"], "integer"),
        (["1.5"] * 19 + ["1,5,5"], "number"),
        (["1.5"] * 17 + ["abc"] * 3, "text"),
        (["true"] * 19 + ["maker"], "boolean"),
        (["A", "B", "1"], "text"),
        (["2024-01-01"] * 19 + ["date"], "date"),
    ],
)
def test_a_wrong_value_does_not_change_the_type_and_many_do(values, kind):
    assert of(values).type == kind


def test_a_column_named_price_may_be_half_wrong_but_not_more():
    assert of(["1", "2", "x", "y"]).is_mostly_numbers
    assert not of(["1", "x", "y"]).is_mostly_numbers


def look(*rows, head="time,price,size,side,maker,id"):
    data = "\n".join([head, *rows]).encode() + b"\n"
    return sniff.sniff(data, None, "BTC-USD.csv", len(data))


def test_a_header_that_comes_again_loses_no_column():
    good = [f"{AT + at},100,1,buy,true,{at}" for at in range(40)]
    clean = look(*good)["mapping"]
    again = look(*good[:5], "time,price,size,side,maker,id", *good[5:])["mapping"]
    assert {target: each["column"] for target, each in again.items()} == {
        target: each["column"] for target, each in clean.items()
    }


def test_ids_that_are_not_all_integers_stay_text():
    found = look(*(f"{AT + at},100,1,{at}" for at in range(40)), f"{AT},100,1,a-18", head="time,price,size,id")
    assert mapping.plan_from(found)["integerIds"] is False


def test_a_name_that_cannot_be_stored_is_mapped_by_number():
    found = look(*(f"{AT + at},100,1" for at in range(40)), head="time\0,price,size")
    assert found["mapping"]["ts_event"]["column"] == 0


def test_dates_and_times_in_digits_alone_are_times_without_a_zone():
    time = of(["202410080930", "202410080931"]).time
    assert (time["unit"], time["format"], time["zone"]) == (None, "iso_naive", None)
    assert (time["first"], time["last"]) == ("2024-10-08T09:30:00Z", "2024-10-08T09:31:00Z")


def test_close_times_alone_do_not_pass_for_the_open_times_of_bars():
    rows = "".join(f"{AT + 60 * n},1,2,0.5,1\n" for n in range(1, 5))
    text = f"close_time,open,high,low,close\n{rows}".encode()
    found = sniff.sniff(text, None, "BTC-USD.csv", len(text))
    assert (found["kind"], found["mapping"].get("ts_event")) == ("bars", None)
    with pytest.raises(mapping.MappingIncomplete) as caught:
        mapping.plan_from(found)
    assert caught.value.details["questions"][0]["targets"] == ["ts_event"]
    plan = mapping.plan_from(found, {"columnMapping": {"ts_event": "close_time"}})
    assert plan["timestampUnit"] == "s"
