"""One backtest: its verdict, figures, curves, trades, log and inputs; what it says is the provider's, and says so."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse

from lona.models import Backtest, BacktestInput, BacktestStatus
from lona.pages import curves, script
from lona.pages.backtests import LIVE, rows_of
from lona.pages.provider import ProviderPage
from tradenexus.errors import NotFound
from tradenexus.jobs.models import Job
from tradenexus.jobs.pages import detail
from tradenexus.jobs.pages import rows as jobs
from tradenexus.web import copy

TABS = ("overview", "trades", "logs", "inputs")
PAGE = 100
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
POLICY_WORDS = {
    "fail_fast": "stop if anything is missing",
    "partial_fill": "run with what is there",
    "auto_backfill": "fetch missing first",
    "seamless": "fetch while it runs",
}


class BacktestPage(ProviderPage):
    """One backtest, one tab of it."""

    template = "lona/backtest.html"
    fragment = "lona/_backtest.html"
    nav = "backtests"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the tab shows."""
        row, tab = self.find(Backtest, kwargs["ref"]), kwargs.get("tab", "overview")
        if tab not in TABS:
            raise NotFound(f"a backtest has no tab {tab[:40]!r}")
        job = Job.of(self.actor.tenant_id).filter(id=row.job_id).first() if row.job_id else None
        return {
            "row": row,
            "line": rows_of([row])[0],
            "live": row.status in LIVE,
            "job": job,
            "job_row": jobs.of(self.actor.tenant_id, [job])[0] if job else None,
            "tab": tab,
            "tabs": TABS,
            "base": f"/backtests/{row.ref}/",
            "verdict": verdict(row),
            "policy": POLICY_WORDS[row.missing_data],
            "strip": _strip(row),
            "title": row.strategy.name,
            "crumbs": [("Home", "/"), ("Backtests", "/backtests/"), (row.strategy.name, None)],
            "twin": f"/v1/backtests/{row.ref}",
            "copy": copy.commands("GET", f"/v1/backtests/{row.ref}", cli=script.of(row)),
            **_PARTS[tab](self, row, job),
        }

    def overview(self, row: Backtest, job: Job | None) -> dict[str, Any]:
        """Tiles, curves, months."""
        metrics, equity = row.metrics or {}, row.equity
        final = equity[-1]["value"] if equity else None
        days = curves.span_days(row.start_date, row.end_date)
        fees = [trade.get("commission") for trade in row.trades]
        return {
            "metrics": metrics,
            "final": final,
            "profit": None if final is None else final - row.initial_cash,
            "growth": None if final is None else curves.growth(row.initial_cash, final, days),
            "fees": sum(fee for fee in fees if isinstance(fee, int | float)) if any(fees) else None,
            "line_points": curves.line([point["value"] for point in equity]),
            "years": curves.monthly(equity, row.initial_cash),
            "months": MONTHS,
            "sampled": curves.sampled(equity, row.drawdown),
            "gap_days": sum(one.get("missingDays") or 0 for one in row.provenance.get("coverage") or []),
        }

    def trades(self, row: Backtest, job: Job | None) -> dict[str, Any]:
        """A page of the trades."""
        raw = self.query.get("page", "1")
        last = max(1, -(-len(row.trades) // PAGE))
        number = min(max(int(raw), 1), last) if raw.isascii() and raw.isdigit() and len(raw) < 7 else 1
        start = (number - 1) * PAGE
        places = _places(row)
        shown = [
            (start + n, trade, _chart(trade, places)) for n, trade in enumerate(row.trades[start : start + PAGE], 1)
        ]
        return {"shown": shown, "total": len(row.trades), "number": number, "last": last}

    def logs(self, row: Backtest, job: Job | None) -> dict[str, Any]:
        """The log of its job."""
        if job is None:
            return {"lines": []}
        lines = detail.last_lines(job)
        first = lines[0].n if lines else 0
        return {"lines": lines, "first_n": first, "last_n": job.log_n, "level": "", "before": ""}

    def inputs(self, row: Backtest, job: Job | None) -> dict[str, Any]:
        """What it read, with what settings, by which code."""
        related = ("version__dataset", "publication")
        return {
            "parts": BacktestInput.objects.filter(backtest=row).select_related(*related).order_by("place"),
            "coverage": row.provenance.get("coverage") or [],
            "provenance_text": json.dumps(row.provenance, indent=2, ensure_ascii=False),
            "parameters_text": json.dumps(row.parameters, indent=2, ensure_ascii=False) if row.parameters else "",
        }


_PARTS = {
    "overview": BacktestPage.overview,
    "trades": BacktestPage.trades,
    "logs": BacktestPage.logs,
    "inputs": BacktestPage.inputs,
}


class CurvesPart(ProviderPage):
    """The curves as numbers for the chart in the browser."""

    nav = "backtests"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer {label, initial, t, equity, drawdown, gaps}."""
        row = self.find(Backtest, kwargs["ref"])
        drawn = curves.drawable(row.equity, row.drawdown, row.provenance.get("coverage") or [])
        return JsonResponse({"label": str(row.strategy), "initial": row.initial_cash, **drawn})


class TableFile(ProviderPage):
    """Equity or trades as a CSV file."""

    nav = "backtests"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the file; cells that a spreadsheet would run as a formula are quoted."""
        row, name = self.find(Backtest, kwargs["ref"]), kwargs["name"]
        points = curves.sampled(row.equity, row.drawdown, max(len(row.equity), 1)) if name == "equity" else row.trades
        columns = sorted({key for point in points for key in point})  # PostgreSQL keeps no order of keys
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["provider", *columns])
        writer.writerows([row.provider, *(_cell(point.get(key)) for key in columns)] for point in points)
        response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{row.ref}-{name}.csv"'
        return response


def verdict(row: Backtest) -> str:
    """Say in a sentence how it went."""
    if row.status in LIVE:
        return "Waiting for a worker." if row.status == BacktestStatus.QUEUED else "Running. This page may be closed."
    if row.status != BacktestStatus.COMPLETED:
        return str((row.error or {}).get("message") or f"The backtest {row.status}.")
    metrics, cash = row.metrics or {}, f"{row.initial_cash:,.0f}"
    total, fall, trades = (metrics.get(key) for key in ("totalReturnPct", "maxDrawdownPct", "totalTrades"))
    if trades == 0:
        return "No trade was made: the strategy gave no signal in these days, so the money stayed as it was."
    words = "The provider did not say what came of it" if total is None else _went(total, cash)
    worst = "" if fall is None else f", at worst {fall:.2f} % below its peak"
    many = "" if trades is None else f", in {trades:,.0f} trades"
    return f"{words}{worst}{many}."


def _went(total: float, cash: str) -> str:
    if total == 0:
        return f"Neither won nor lost on {cash}"
    return f"{'Won' if total > 0 else 'Lost'} {abs(total):.2f} % on {cash}"


def _strip(row: Backtest) -> dict[str, Any]:
    """What ran on what, in one line: versions with their digests, symbols, report, policy."""
    kept = row.provenance
    versions = {one["ref"]: one for one in kept.get("datasets", [])}
    return {
        "versions": list(versions.values()),
        "symbols": kept.get("lonaSymbolIds", []) or row.data_ids,
        "report": row.report_id,
        "code": (kept.get("strategy") or {}).get("codeSha256") or row.strategy.code_sha256,
        "snapshot": kept.get("snapshotId"),
        "fills": kept.get("fills"),
    }


def _places(row: Backtest) -> dict[str, tuple[str, str]]:
    """Map the provider's symbol ids to the chart of the version they carry."""
    parts = BacktestInput.objects.filter(backtest=row).select_related("version__dataset", "publication")
    return {
        part.publication.lona_symbol_id: (
            f"/datasets/{part.version.dataset.ref}/v/{part.version.number}/chart/",
            part.instrument,
        )
        for part in parts
        if part.publication
    }


def _chart(trade: dict[str, Any], places: dict[str, tuple[str, str]]) -> dict[str, str] | None:
    place = places.get(str(trade.get("data_id")))
    if place is None:
        return None
    span = {"from": trade.get("entry_date"), "to": trade.get("exit_date")}
    query = urlencode({"symbol": place[1], **{name: value for name, value in span.items() if value}})
    return {"url": f"{place[0]}?{query}", "instrument": place[1]}


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "=+-@\t\r":
        return f"'{value}"
    return json.dumps(value) if isinstance(value, dict | list) else value
