"""Browsers, and rows at the provider without a provider."""

from __future__ import annotations

import pytest
from django.test import Client

from lona.models import Backtest, BacktestInput, Publication, Strategy
from lona.pages import provider as page_provider
from tests.kit import people
from tests.lona.bars import START, times
from tradenexus.tenancy.models import Role


@pytest.fixture(autouse=True)
def asked_anew():
    page_provider.forget()
    yield
    page_provider.forget()


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


@pytest.fixture
def browser(owner):
    return signed_in(owner)


@pytest.fixture
def strangers_browser(stranger):
    return signed_in(stranger)


@pytest.fixture
def viewers_browser(owner):
    return signed_in(people.make("viewer@example.test", owner.tenant, Role.VIEWER))


@pytest.fixture
def version(owner, make_bars):
    return make_bars(owner, times(100))


@pytest.fixture
def strategy(owner):
    return strategy_of(owner)


def strategy_of(person, name="mean cross"):
    return Strategy.everyone.create(
        tenant=person.tenant, name=name, lona_name=f"{name} {person.tenant.id.hex}", lona_strategy_id="s-1",
        description="buys when the mean crosses", state="ready", provider="Sandbox (local)", code="print(1)",
    )  # fmt: skip


def publication_of(version, state="published", **facts):
    given = {"symbol_name": "BINANCE-XRPETH", "lona_symbol_id": "sym-1", "provider": "Sandbox (local)", "rows": 100}
    return Publication.everyone.create(
        tenant_id=version.tenant_id, version=version, instrument="XRPETH", venue="binance", frequency="1m",
        start_ns=START, end_ns=START + 6_000_000_000_001, state=state, **{**given, **facts},
    )  # fmt: skip


METRICS = {"totalReturnPct": 1.25, "maxDrawdownPct": 3.5, "sharpeRatio": 0.7, "winRatePct": 50.0}
COVERAGE = {"expectedDays": 9, "missingDays": 1, "missing": ["2024-01-06"], "instrument": "XRPETH"}
TRADE = {
    "symbol": "X", "data_id": "sym-1", "side": "long", "entry_date": "2024-01-01T00:00:00Z", "entry_price": 1.5,
    "exit_date": "2024-01-01T01:00:00Z", "exit_price": 2.5, "quantity": 1.0, "pnl": 1.0, "commission": 0.1,
}  # fmt: skip


def backtest_of(version, strategy, status="completed", points=200, trades=3, **facts):
    dates = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00Z" for n in range(points)]
    row = Backtest.everyone.create(
        tenant_id=version.tenant_id,
        strategy=strategy,
        status=status,
        start_date="2024-01-01",
        end_date="2024-01-09",
        provider="Sandbox (local)",
        report_id="report-7",
        metrics={**METRICS, "totalTrades": trades},
        equity=[{"date": date, "value": 100_000 + 10.0 * n} for n, date in enumerate(dates)],
        drawdown=[{"date": date, "pct": 0.5} for date in dates],
        trades=[TRADE] * trades,
        provenance={"coverage": [COVERAGE]},
        **facts,
    )
    BacktestInput.objects.create(
        backtest=row, version=version, publication=None, instrument="XRPETH", start_ns=START, end_ns=START + 1, place=0
    )
    return row
