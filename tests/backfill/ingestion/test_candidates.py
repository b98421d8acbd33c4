"""Candidates are read in each of their forms; a spelling that is not allowed keeps no other back."""

import pytest

from backfill.ingestion import candidates


def names(handed):
    return [each.name for each in candidates.read(handed)[0]]


@pytest.mark.parametrize(
    "handed",
    [
        ["X:A", "Y:B-C"],
        [{"symbol": "A", "venue": "X"}, {"instrument": "Y:B-C"}],
        {"data": ["X:A", {"symbol": "B-C", "venue": "Y", "score": 0.7}]},
        {"meta": {"venue": "X", "made": "by a screen"}, "data": [{"symbol": "A"}, {"symbol": "B-C", "venue": "Y"}]},
        ["X:A", "Y:B-C", "X:A"],
    ],
)
def test_every_form_names_the_same_candidates(handed):
    assert names(handed) == ["X:A", "Y:B-C"]


def test_what_is_said_of_one_or_of_all_is_kept():
    handed = {"meta": {"type": "spot", "vendor": "v"}, "data": ["X:A", {"symbol": "B", "venue": "X", "type": "swap"}]}
    first, second = candidates.read(handed)[0]
    assert (dict(first.facts), first.vendor) == ({"type": "spot"}, "v")
    assert dict(second.facts) == {"type": "swap"}


def test_tables_are_those_of_the_lake():
    (found,), _ = candidates.read([{"instrument": "X:A", "tables": ["trades", "quotes"]}])
    assert found.tables == ("trades", "quotes")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("AAPL", "SYMBOL_REFUSED"),
        ("x:A", "SYMBOL_REFUSED"),
        ("X:../../etc", "SYMBOL_REFUSED"),
        ("X:" + "A" * 64, "SYMBOL_REFUSED"),
        ("X:Ä", "SYMBOL_REFUSED"),
        ({"symbol": "A", "venue": 3}, "SYMBOL_REFUSED"),
        ({"instrument": "X:A", "table": "nowhere"}, "LAKE_TABLE_UNKNOWN"),
        ({"instrument": "X:A", "table": 3}, "CANDIDATES_MALFORMED"),
        ({"instrument": "X:A", "type": "bond"}, "VALIDATION_ERROR"),
        ({"instrument": "X:A", "calendar": "MOON"}, "VALIDATION_ERROR"),
        ({"instrument": "X:A", "timezone": "Moon/Sea"}, "VALIDATION_ERROR"),
        ({"instrument": "X:A", "base": "B" * 40}, "VALIDATION_ERROR"),
        ({"instrument": "X:A", "quote": "U\0D"}, "VALIDATION_ERROR"),
        ({"venue": "X"}, "CANDIDATES_MALFORMED"),
        ("X:A\0", "SYMBOL_REFUSED"),
        ("X:\ud800", "SYMBOL_REFUSED"),
        ({"symbol": {"a": [1]}, "venue": ["X"]}, "CANDIDATES_MALFORMED"),
        ([["X:A"]], "CANDIDATES_MALFORMED"),
        (None, "CANDIDATES_MALFORMED"),
        (17, "CANDIDATES_MALFORMED"),
    ],
)
def test_a_refused_candidate_is_named_and_the_others_go_on(bad, code):
    passed, refused = candidates.read(["X:A", bad, "X:B"])
    assert [each.name for each in passed] == ["X:A", "X:B"]
    assert [each.code for each in refused] == [code]
    assert refused[0].reason
    assert len(refused[0].candidate) <= 120
    assert "\0" not in refused[0].candidate
    assert refused[0].candidate.encode()


@pytest.mark.parametrize("handed", [None, "X:A", 3, {}, {"data": "X:A"}, {"data": {}}, {"meta": 3, "data": []}])
def test_what_is_no_list_is_refused_as_a_whole(handed):
    with pytest.raises(candidates.CandidatesMalformed):
        candidates.read(handed)


def test_too_many_at_once_are_refused():
    with pytest.raises(candidates.CandidatesMalformed):
        candidates.read(["X:A"] * (candidates.MOST + 1))
