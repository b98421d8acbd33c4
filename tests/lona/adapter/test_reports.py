import math

import pytest

from lona import errors
from lona.adapter import reports

STATS = {"total_return": 0.1523, "sharpe_ratio": 1.2, "max_drawdown": -0.0832, "total_trades": 12, "win_rate": 0.62}


def test_fractions_become_percents_once_and_drawdown_is_positive():
    assert reports.metrics(STATS) == {
        "sharpeRatio": 1.2,
        "maxDrawdownPct": 8.32,
        "winRatePct": 62.0,
        "totalReturnPct": 15.23,
        "totalTrades": 12.0,
    }


def test_what_the_provider_did_not_say_is_none():
    assert set(reports.metrics(None).values()) == {None}
    assert reports.metrics({"sharpe_ratio": math.nan, "win_rate": "?", "total_return": True})["totalReturnPct"] is None


def test_timeline_is_split_into_equity_and_positive_drawdown():
    equity, drawdown = reports.curves(
        {"backtest_timeline": [{"date": "2019-10-11", "equity": 99000.5, "drawdown": -0.00995}, "junk", {}]}
    )
    assert equity == [{"date": "2019-10-11", "value": 99000.5}]
    assert drawdown == [{"date": "2019-10-11", "pct": 0.995}]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", "running"),
        ("EXECUTING", "running"),
        ("PROCESSING", "running"),
        ("COMPLETED", "completed"),
        ("FAILED", "failed"),
    ],
)
def test_states(word, state):
    assert reports.state_of({"status": word}) == state


def test_an_unknown_state_is_unreadable():
    with pytest.raises(errors.LonaAnswerUnreadable):
        reports.state_of({"status": "SLEEPING"})


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        ({"error": "Execution timed out after 300 s", "traceback": "Traceback ..."}, errors.BacktestTimeout),
        ({"error": "Data 7f not found"}, errors.BacktestDataNotFound),
        ({"error": "NameError: name 'bt' is not defined"}, errors.BacktestCodeError),
        ({"error": "failed", "traceback": "Traceback (most recent call last)"}, errors.BacktestCodeError),
        ({"error": {"message": "worker lost"}}, errors.BacktestExecutionError),
        ({}, errors.BacktestExecutionError),
    ],
)
def test_failure_classes_are_told_apart(report, kind):
    assert type(reports.failure(report)) is kind
