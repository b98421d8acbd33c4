"""One column is not two different measures; what is one number by another name may share."""

import pytest

from datasets.formats import targets


@pytest.mark.parametrize(
    "mapping",
    [
        {"open": "Price", "high": "Price", "low": "Price", "close": "Price", "volume": "v"},
        {"ts_event": "id", "trade_id": "id", "price": "p"},
        {"volume": "ticks", "trades": "ticks"},
        {"size": "amount", "side": "amount"},
        {"price": None, "size": None},
        {"price": "c", "size": "C"},
    ],
)
def test_names_of_one_number_may_share_a_column(mapping):
    targets.refuse_shared(mapping)


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ({"price": "p", "size": "p"}, ["price", "size"]),
        ({"price": "p", "amount": "p"}, ["price", "size"]),
        ({"bid": {"column": "b"}, "ask": {"column": "b"}}, ["bid", "ask"]),
        ({"open": "c", "close": "c", "volume": "c"}, ["open", "volume"]),
        ({"timestamp": "t", "price": "t"}, ["ts_event", "price"]),
        ({"bid_size": 3, "ask_size": 3}, ["bid_size", "ask_size"]),
    ],
)
def test_two_measures_may_not(mapping, named):
    with pytest.raises(targets.MappingInvalid) as refused:
        targets.refuse_shared(mapping)
    assert refused.value.details["targets"] == named
    assert all(name in refused.value.message for name in named)
