"""Backtests in the browser: list, form, result, side by side."""

from __future__ import annotations

import pytest

from lona.models import Backtest, Strategy
from tests.lona.bars import times
from tests.lona.pages.conftest import backtest_of, publication_of, strategy_of

pytestmark = pytest.mark.django_db(transaction=True)
PART = {"headers": {"HX-Request": "true"}}
FORM = {
    "start": "2019-10-11", "end": "2019-10-11", "missing": "fail_fast", "cash": "100000", "commission": "0.001",
    "leverage": "1", "close": "on",
}  # fmt: skip


def filled(version, strategy=None, **changes):
    chosen = {"dataset": f"{version.dataset.ref}@{version.number}", "strategy": strategy.ref if strategy else ""}
    return {**FORM, **chosen, **changes}


def test_the_list_tells_figures_and_whose_they_are(browser, version, strategy):
    row = backtest_of(version, strategy)
    text = browser.get("/backtests/").content.decode()
    for words in (f"/backtests/{row.ref}/", "1.25 %", "3.50 %", "88.89 %", "xrp@1", "Sandbox (local)"):
        assert words in text


def test_empty_and_filtered_empty_are_told_apart(browser, version, strategy):
    assert "There is none yet" in browser.get("/backtests/").content.decode()
    backtest_of(version, strategy)
    assert "No backtest matches" in browser.get("/backtests/?status=failed").content.decode()
    assert browser.get("/backtests/?status=odd").status_code == 400


def test_a_stranger_sees_none_of_it(strangers_browser, version, strategy):
    row = backtest_of(version, strategy)
    assert row.ref not in strangers_browser.get("/backtests/").content.decode()
    for end in ("", "trades/", "logs/", "inputs/", "curves.json", "equity.csv", "_row/"):
        assert strangers_browser.get(f"/backtests/{row.ref}/{end}").status_code == 404, end
    assert strangers_browser.get(f"/backtests/compare?ids={row.ref}").status_code == 404
    assert strangers_browser.get(f"/backtests/new/?from={row.ref}").status_code == 404
    assert version.dataset.ref not in strangers_browser.get("/backtests/new/").content.decode()


def test_the_result_says_how_it_went_on_what(browser, version, strategy):
    row = backtest_of(version, strategy)
    text = browser.get(f"/backtests/{row.ref}/").content.decode()
    for words in (
        "Won 1.25 % on 100,000, at worst 3.50 % below its peak, in 3 trades.",
        "report-7",
        "nx-series",
        "<polyline",
    ):
        assert words in text
    assert text.count("Sandbox (local)") > 2


def test_htmx_gets_the_result_without_the_frame(browser, version, strategy):
    row = backtest_of(version, strategy, status="running")
    part = browser.get(f"/backtests/{row.ref}/", **PART).content.decode()
    assert "<html" not in part
    assert "every 1s" in part
    assert "This page may be closed" in part


def test_no_trades_are_explained_and_not_blank(browser, version, strategy):
    row = backtest_of(version, strategy, trades=0)
    assert "No trade was made" in browser.get(f"/backtests/{row.ref}/").content.decode()
    assert "No trade was made" in browser.get(f"/backtests/{row.ref}/trades/").content.decode()


def test_trades_come_a_hundred_a_page_and_lead_to_the_chart(browser, version, strategy):
    from lona.models import BacktestInput

    row = backtest_of(version, strategy, trades=101)
    BacktestInput.objects.filter(backtest=row).update(publication=publication_of(version))
    first = browser.get(f"/backtests/{row.ref}/trades/").content.decode()
    second = browser.get(f"/backtests/{row.ref}/trades/?page=2").content.decode()
    assert "Trades 1 to 100 of 101" in first
    assert "Trades 101 to 101 of 101" in second
    assert f"/datasets/{version.dataset.ref}/v/1/chart/?symbol=XRPETH&amp;from=2024-01-01" in first
    assert "Trades 101" in browser.get(f"/backtests/{row.ref}/trades/?page=999").content.decode()


def test_a_failure_shows_the_providers_words_as_text(browser, version, strategy):
    details = {"providerMessage": "<img src=x> bad", "field": "data_ids", "traceback": "Traceback: <b>"}
    error = {"code": "BACKTEST_CODE_ERROR", "message": "it <i>broke</i>", "details": details}
    row = backtest_of(version, strategy, status="failed", error=error)
    text = browser.get(f"/backtests/{row.ref}/").content.decode()
    assert "it &lt;i&gt;broke&lt;/i&gt;" in text
    assert "&lt;img src=x&gt; bad" in text
    assert "<img src=x>" not in text
    assert "report-7" in text


def test_logs_and_inputs_open(browser, version, strategy):
    row = backtest_of(version, strategy)
    assert "Its job is gone" in browser.get(f"/backtests/{row.ref}/logs/").content.decode()
    inputs = browser.get(f"/backtests/{row.ref}/inputs/").content.decode()
    assert "stop if anything is missing" in inputs
    assert "print(1)" in inputs
    assert browser.get(f"/backtests/{row.ref}/secrets/").status_code == 404


def test_curves_are_numbers_for_the_chart(browser, version, strategy):
    row = backtest_of(version, strategy, points=3)
    drawn = browser.get(f"/backtests/{row.ref}/curves.json").json()
    assert drawn["equity"] == [100_000.0, 100_010.0, 100_020.0]
    assert drawn["drawdown"] == [-0.5, -0.5, -0.5]
    assert drawn["t"][1] - drawn["t"][0] == 3_600
    assert drawn["gaps"] == [[1_704_499_200, 1_704_585_600]]


def test_a_file_of_trades_runs_no_formula(browser, version, strategy):
    row = backtest_of(version, strategy, trades=1)
    Backtest.everyone.filter(id=row.id).update(trades=[{"symbol": "=cmd()", "pnl": -1.5}])
    body = browser.get(f"/backtests/{row.ref}/trades.csv").content.decode()
    assert body.splitlines() == ["provider,pnl,symbol", "Sandbox (local),-1.5,'=cmd()"]
    assert browser.get(f"/backtests/{row.ref}/secrets.csv").status_code == 404


def test_up_to_four_stand_side_by_side(browser, version, strategy):
    rows = [backtest_of(version, strategy) for _ in range(5)]
    page = browser.get(f"/backtests/compare?ids={rows[0].ref},{rows[1].ref}&ids={rows[2].ref}")
    assert page.status_code == 200
    assert page.content.decode().count("curves.json") == 3
    assert browser.get("/backtests/compare?ids=" + ",".join(row.ref for row in rows)).status_code == 400
    assert "Choose up to four" in browser.get("/backtests/compare").content.decode()


def test_the_form_offers_what_can_run_and_pins_it(browser, owner, version, strategy, make_bars):
    make_bars(owner, times(5), status="validation_failed")
    text = browser.get(f"/backtests/new/?dataset={version.dataset.ref}@1").content.decode()
    assert text.count('name="dataset"') == 1
    assert f'value="{version.dataset.ref}@1" checked' in text
    assert 'name="start" required value="2019-10-11"' in text


def test_the_form_without_anything_that_can_run_says_so(browser):
    assert "Only bars that are ready can run" in browser.get("/backtests/new/").content.decode()


def test_the_preflight_tells_cover_and_blocks(browser, version, strategy):
    good = browser.post("/backtests/new/_preflight/", filled(version, strategy), **PART).content.decode()
    assert "100.00 %" in good
    assert "May start" in good
    assert "1 slice, just in time" in good
    empty = browser.post(
        "/backtests/new/_preflight/", filled(version, strategy, start="2022-01-03", end="2022-01-04"), **PART
    ).content.decode()
    assert "BACKTEST_RANGE_EMPTY" in empty
    assert 'value="run" disabled' in empty
    half = browser.post("/backtests/new/_preflight/", filled(version, start="x"), **PART)
    assert "Still to do" in half.content.decode()


def test_running_it_notes_a_backtest_on_the_pinned_version(browser, version, strategy):
    answer = browser.post("/backtests/new/", filled(version, strategy, parameters="fast = 10\nname = x"))
    row = Backtest.everyone.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/backtests/{row.ref}/")
    assert row.parameters == {"fast": 10, "name": "x"}
    assert row.inputs.get().version_id == version.id


def test_zero_rows_block_before_anything_is_noted(browser, version, strategy):
    answer = browser.post("/backtests/new/", filled(version, strategy, start="2022-01-03", end="2022-01-04"), **PART)
    assert answer.status_code == 422
    assert "BACKTEST_RANGE_EMPTY" in answer.content.decode()
    assert not Backtest.everyone.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": "2019-10-10"},
        {"cash": "nan"},
        {"dataset": ""},
        {"commission": "2"},
        {"parameters": "x"},
        {"missing": "odd"},
    ],
)
def test_a_form_that_does_not_fit_comes_back_with_its_errors(browser, version, strategy, wrong):
    answer = browser.post("/backtests/new/", filled(version, strategy, **wrong), **PART)
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()
    assert not Backtest.everyone.exists()


def test_another_workspaces_strategy_is_none(browser, version, stranger):
    theirs = strategy_of(stranger)
    answer = browser.post("/backtests/new/", filled(version, theirs), **PART)
    assert answer.status_code == 422
    assert "NOT_FOUND" in answer.content.decode()


def test_a_described_strategy_is_written_and_run(browser, version, provider):
    answer = browser.post("/backtests/new/", filled(version, description="buy_and_hold for ever", name="hold"))
    assert answer.status_code == 303
    assert Strategy.everyone.get().state == "ready"
    assert Backtest.everyone.get().strategy.name == "hold"


def test_a_run_is_filled_in_again(browser, version, strategy):
    row = backtest_of(version, strategy, initial_cash=5000)
    text = browser.get(f"/backtests/new/?from={row.ref}").content.decode()
    assert 'value="5000.0"' in text
    assert f'value="{strategy.ref}" selected' in text


def test_a_viewer_may_look_and_not_run(viewers_browser, version, strategy):
    row = backtest_of(version, strategy)
    text = viewers_browser.get(f"/backtests/{row.ref}/").content.decode()
    assert "Run again" not in text
    assert viewers_browser.get("/backtests/new/").status_code == 403
    assert viewers_browser.post("/backtests/new/", filled(version, strategy)).status_code == 403


def test_the_home_part_lists_the_newest(browser, version, strategy):
    row = backtest_of(version, strategy)
    text = browser.get("/backtests/_home/").content.decode()
    assert row.ref in text
    assert "Sandbox (local)" in text
