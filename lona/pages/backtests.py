"""Backtests: the list, up to four side by side, and their part of the home page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lona.models import Backtest, BacktestInput, BacktestStatus, Strategy
from lona.pages import curves
from lona.pages.provider import ProviderPage
from tradenexus.errors import BadRequest
from tradenexus.web import copy, tables

LIVE = (BacktestStatus.QUEUED, BacktestStatus.RUNNING)
CURVES = ("equity", "drawdown", "trades", "strategy__code", "strategy__explanation")
SIDE_BY_SIDE = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A backtest as a line: what it ran on and how much of it was there."""

    row: Backtest
    datasets: list[tuple[str, str]]
    interval: str
    coverage_pct: float | None

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return self.row.status in LIVE


def rows_of(backtests: Iterable[Backtest]) -> list[Row]:
    """Return lines in the order given; the versions of all with one query."""
    backtests = list(backtests)
    named: dict[UUID, dict[str, str]] = {}
    intervals: dict[UUID, str] = {}
    inputs = BacktestInput.objects.filter(backtest_id__in=[one.id for one in backtests]).order_by("place")
    for part in inputs.select_related("version__dataset"):
        version = part.version
        url = f"/datasets/{version.dataset.ref}/v/{version.number}/"
        named.setdefault(part.backtest_id, {})[url] = f"{version.dataset.name}@{version.number}"
        intervals[part.backtest_id] = version.interval
    return [
        Row(
            one,
            [(label, url) for url, label in named.get(one.id, {}).items()],
            intervals.get(one.id, ""),
            curves.covered_pct(one.provenance.get("coverage") or []),
        )
        for one in backtests
    ]


class BacktestListPage(ProviderPage):
    """All backtests of the workspace, newest first."""

    template = "lona/backtests.html"
    fragment = "lona/_backtests.html"
    nav = "backtests"
    title = "Backtests"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the backtests that match."""
        status, strategy = self.query.get("status", ""), self.query.get("strategy", "")
        mine = Backtest.of(self.actor.tenant_id).select_related("strategy").defer(*CURVES)
        found, chosen = mine, None
        if status:
            if status not in BacktestStatus.values:
                raise BadRequest(f"status knows {', '.join(BacktestStatus.values)}")
            found = found.filter(status=status)
        if strategy:
            chosen = self.find(Strategy, strategy)
            found = found.filter(strategy=chosen)
        page = tables.page(self.request, found)
        return {
            "rows": rows_of(page.items),
            "pager": page,
            "asked": {"status": status, "strategy": strategy},
            "chosen": chosen,
            "statuses": BacktestStatus.values,
            "any": bool(page.items) or mine.exists(),
            "twin": "/v1/backtests",
            "copy": copy.commands("GET", "/v1/backtests", query={"status": status}, cli="nexus backtest list"),
            "crumbs": [("Home", "/"), ("Backtests", None)],
            "primary": {"label": "Run backtest", "url": "/backtests/new/"} if self.actor.may("publish") else None,
        }


class RowPart(ProviderPage):
    """One backtest as a table's line, asked for again while it runs."""

    template = fragment = "lona/_backtest_row.html"
    nav = "backtests"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the line."""
        row = self.find(Backtest, kwargs["ref"])
        return {"line": rows_of([row])[0]}


class HomePart(ProviderPage):
    """The newest backtests on the home page."""

    template = fragment = "lona/_backtests_home.html"
    nav = "home"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the five newest."""
        newest = Backtest.of(self.actor.tenant_id).select_related("strategy").defer(*CURVES)
        rows = rows_of(newest.order_by("-created_at", "-id")[:5])
        return {"rows": rows, "live": any(row.live for row in rows)}


class ComparePage(ProviderPage):
    """Up to four backtests side by side."""

    template = "lona/compare.html"
    nav = "backtests"
    title = "Compare backtests"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the backtests named by `ids` (repeated, or with commas)."""
        refs = [ref for part in self.query.getlist("ids") for ref in part.split(",") if ref]
        refs = list(dict.fromkeys(refs))
        if len(refs) > SIDE_BY_SIDE:
            raise BadRequest(f"at most {SIDE_BY_SIDE} backtests stand side by side, {len(refs)} were named")
        rows = rows_of([self.find(Backtest, ref) for ref in refs])
        return {
            "rows": rows,
            "lines": [(name, [read(row) for row in rows]) for name, read in _LINES],
            "numbers": [(name, [_number(row, key) for row in rows]) for name, key in _NUMBERS],
            "curves": " ".join(f"/backtests/{row.row.ref}/curves.json" for row in rows if row.row.equity),
            "crumbs": [("Home", "/"), ("Backtests", "/backtests/"), ("Compare", None)],
            "copy": copy.commands("GET", f"/v1/backtests/{refs[0]}") if refs else None,
        }


def _number(row: Row, key: str) -> Any:
    return (row.row.metrics or {}).get(key)


_NUMBERS = (
    ("Net return, %", "totalReturnPct"),
    ("Max drawdown, %", "maxDrawdownPct"),
    ("Sharpe ratio", "sharpeRatio"),
    ("Win rate, %", "winRatePct"),
    ("Trades", "totalTrades"),
)
_LINES = (
    ("Days", lambda row: f"{row.row.start_date} to {row.row.end_date}"),
    ("Data", lambda row: ", ".join(label for label, _ in row.datasets)),
    ("Missing data", lambda row: row.row.missing_data),
    ("Initial cash", lambda row: f"{row.row.initial_cash:,.2f}"),
    ("Commission", lambda row: f"{row.row.commission:g}"),
    ("Leverage", lambda row: f"{row.row.leverage:g}"),
    ("Filled at", lambda row: "the bar's close" if row.row.buy_on_close else "the next bar's open"),
    ("Parameters", lambda row: ", ".join(f"{name} = {value}" for name, value in row.row.parameters.items())),
    ("Provider", lambda row: row.row.provider),
)
