"""Lists of candidates as they come: names, objects, wrapped or not; what cannot be read is dropped by name."""

import pytest

from datasets.selector import candidates

BOTH = ["BINANCE:ETH-BTC", "XNYS:AIG"]


@pytest.mark.parametrize(
    "document",
    [
        BOTH,
        {"meta": {"made": "yesterday"}, "data": BOTH},
        [{"symbol": "BINANCE:ETH-BTC", "score": 3}, "XNYS:AIG"],
        {"data": [{"symbol": "ETH-BTC", "exchange": "BINANCE"}, {"symbol": "AIG", "venue": "XNYS"}]},
    ],
)
def test_every_form_gives_the_same_names(document):
    assert candidates.read(document) == (BOTH, [])


@pytest.mark.parametrize("document", [None, "BINANCE:ETH-BTC", 7, [], {}, {"data": {}}, {"data": []}, ["X:A"] * 5_001])
def test_what_is_no_list_is_refused(document):
    with pytest.raises(candidates.CandidatesRefused):
        candidates.read(document)


def test_what_cannot_be_read_or_stands_there_twice_is_dropped_with_the_reason():
    names, drops = candidates.read(["X:A", "ETH/BTC", {"name": "no symbol"}, 7, "X:A", {"symbol": "lower:x"}, None])
    assert names == ["X:A"]
    assert [(each["candidate"], each["reason"]) for each in drops] == [
        ("ETH/BTC", "UNREADABLE"),
        ("entry 2", "UNREADABLE"),
        ("entry 3", "UNREADABLE"),
        ("X:A", "LISTED_TWICE"),
        ("lower:x", "UNREADABLE"),
        ("entry 6", "UNREADABLE"),
    ]
