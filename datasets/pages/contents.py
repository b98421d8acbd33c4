"""What a version holds, on pages: overview, rows, chart, days covered."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from datasets import charts, promotion, reads
from datasets.models import DatasetVersion, QualityReport, VersionFile
from datasets.pages import lake_links, pictures, sparks
from datasets.pages.frame import DatasetPage
from tradenexus.errors import BadRequest
from tradenexus.web import copy, tables

ROWS = 100
CHART_BARS = 1_500
SYMBOLS_LISTED = 500


class ContentPage(DatasetPage):
    """A tab that reads canonical rows; without any it says which step makes them."""

    live = False

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the tab shows of the version with rows, or why there are none."""
        version = self.filled
        shared = {"shown": version, "symbol": self.symbol, "symbols": version.symbols[:SYMBOLS_LISTED]}
        try:
            return shared | self.content(version)
        except reads.NothingToRead as reason:
            return shared | {"nothing": reason.message if version.symbols else ""}

    def content(self, version: DatasetVersion) -> dict[str, Any]:
        """Return what the tab shows of a version."""
        raise reads.NothingToRead("no rows")

    @property
    def symbol(self) -> str | None:
        """The symbol asked for."""
        text = self.query.get("symbol") or None
        if text and "\0" in text:
            raise BadRequest("a symbol cannot hold a NUL character")
        return text

    def number(self, name: str) -> int | None:
        """Return a whole number from the query, None without it; BadRequest for anything else."""
        raw = self.query.get(name, "")
        if not raw:
            return None
        if not (raw.isascii() and raw.isdigit() and len(raw) < 16):
            raise BadRequest(f"{name} must be a whole number", {"fields": {name: [raw[:32]]}})
        return int(raw)

    def moment(self, name: str) -> int | None:
        """Return a time from the query as UTC nanoseconds; a time without a zone is UTC here, as the page shows it."""
        raw = self.query.get(name, "").strip().replace(" ", "T")
        if not raw:
            return None
        try:
            parsed = datetime.fromisoformat(raw)
        except ValueError as error:
            words = f"{name} must be a time such as 2024-08-08 23:55:00"
            raise BadRequest(words, {"fields": {name: [raw[:40]]}}) from error
        aware = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
        delta = aware - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1_000

    def api_query(self, **more: Any) -> dict[str, Any]:
        """Return the query of the JSON twin: the version shown, the symbol, and what is given."""
        asked = {"version": self.filled.number, "symbol": self.symbol, **more}
        return {name: value for name, value in asked.items() if value is not None}


class Overview(ContentPage):
    """Facts of a version, its columns, the verdict in short, where it is used, how to get it."""

    tab = "overview"
    live = True

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the facts; column shapes come by a request of their own."""
        report = QualityReport.of(self.actor.tenant_id).filter(version=self.version).first()
        files = VersionFile.objects.filter(version=self.filled)
        return {
            "shown": self.filled,
            "symbols": self.version.symbols[:24],
            "more_symbols": max(0, len(self.version.symbols) - 24),
            "report": report,
            "worst": (report.body.get("issues") or [])[:3] if report else [],
            "files": list(files.order_by("number")[:20]),
            "file_count": files.count(),
            "children": self.version.children.order_by("number")[:20],
            "asked": self._asked(),
            "in_lake": lake_links.of(self.version),
            "may_promote": self.version.status in promotion.STATES,
            "snippets": self._snippets(files),
        }

    def _asked(self) -> list[tuple[str, Any]]:
        """What was said when the version was made, in words, without what the facts tell anyway."""
        told = {"venue", "frequency", "kind", "symbol", "filename"}
        params = self.version.params.items()
        said = [(name, value) for name, value in params if isinstance(value, str) and value and name not in told]
        return [(re.sub("([A-Z])", r" \1", name).capitalize(), value) for name, value in said]

    def _snippets(self, files: QuerySet[VersionFile]) -> copy.Commands | None:
        """How to fetch the first file; the others go by their symbols, and the command line takes all."""
        path, first = f"/v1/datasets/{self.dataset.ref}/download", files.order_by("number").first()
        number, cli = self.filled.number, f"nexus dataset download {self.ref}"
        if first is not None:
            query = {"version": number, "what": "canonical", "symbol": first.instrument, "file": first.number}
            return copy.download(path, query, f"v{number}-{first.number}.parquet", f"{cli} --canonical")
        if not self.filled.raw_key:
            return None
        return copy.download(path, {"version": number, "what": "raw"}, f"v{number}-raw", f"{cli} --raw")


class Columns(ContentPage):
    """Shapes of the columns alone, asked for by the overview and the preview once they are on screen."""

    template = fragment = "datasets/_columns.html"

    def framed(self, context: dict[str, Any]) -> dict[str, Any]:
        """Leave the head and the tabs out."""
        return context

    def content(self, version: DatasetVersion) -> dict[str, Any]:
        """Return type, nulls, least, greatest and histogram of each column."""
        shapes = charts.columns(version, self.symbol)
        columns = [column | {"bars": pictures.histogram(column)} for column in shapes["columns"]]
        return {"columns": columns, "rows": shapes["rows"], "shape_symbol": shapes["symbol"]}


class Preview(ContentPage):
    """Rows of a version, a hundred at a time from any row on, with exact numbers."""

    tab = "preview"

    def content(self, version: DatasetVersion) -> dict[str, Any]:
        """Return the rows from `?row=` or `?at=` on; `row` is marked."""
        files = reads.files_of(version, self.symbol)
        total = sum(file.rows for file in files)
        marked = self._marked(version, files, total)
        offset = marked // ROWS * ROWS if marked is not None else min(self.number("from") or 0, max(0, total - 1))
        columns, rows, following = reads.rows_page(version, offset, ROWS, self.symbol)
        path = f"/v1/datasets/{self.dataset.ref}/versions/{version.number}/preview"
        query = {"symbol": self.symbol, "cursor": offset, "limit": ROWS}
        return {
            "columns": columns,
            "rows": [(offset + index, [row[name] for name in columns]) for index, row in enumerate(rows)],
            "marked": marked,
            "total": total,
            "offset": offset,
            "last_row": offset + len(rows) - 1,
            "previous": self._url(max(0, offset - ROWS)) if offset else None,
            "following": self._url(following) if following is not None else None,
            "ends": (self._url(0), self._url(max(0, (total - 1) // ROWS * ROWS))),
            "columns_url": f"{self.base}_columns/?" + urlencode({"symbol": self.symbol or ""}),
            "copy": copy.commands("GET", path, cli=f"nexus dataset head {self.ref}", query=query),
            "twin": f"{path}?" + urlencode({name: value for name, value in query.items() if value is not None}),
        }

    def _marked(self, version: DatasetVersion, files: list[VersionFile], total: int) -> int | None:
        at = self.moment("at")
        if at is None:
            asked = self.number("row")
            return None if asked is None else min(asked, total - 1)
        # Times run through one symbol's rows; without a symbol those of the first.
        return reads.row_at(version, at, self.symbol or files[0].instrument)

    def _url(self, offset: int) -> str:
        return tables.changed(self.request.GET, **{"from": offset, "row": None, "at": None})


class Chart(ContentPage):
    """Candles and volume of one symbol, down-sampled by the server."""

    tab = "chart"

    def content(self, version: DatasetVersion) -> dict[str, Any]:
        """Return the bars for the table and the sentence; the picture asks the API for the same bars."""
        start, end = self.moment("start"), self.moment("end")
        drawn = charts.chart(version, self.symbol, start, end, CHART_BARS)
        asked = {"start": drawn["start"] if start else None, "end": drawn["end"] if end else None}
        query = self.api_query(**asked, limit=CHART_BARS)
        path = f"/v1/datasets/{self.dataset.ref}/chart"
        return {
            "drawn": drawn,
            "summary": pictures.sentence(drawn),
            "chart_url": f"{path}?{urlencode(query)}",
            "reload_url": f"{path}?{urlencode(self.api_query())}",
            "table_rows": drawn["bars"][:500],
            "markers": pictures.markers(version, drawn, self.pinned_base(version)),
            "bars_kind": version.kind == "bars",
            "prices": "bid" if version.kind == "quotes" else "",
            "copy": copy.commands("GET", path, cli="nexus api GET " + path, query=query),
            "twin": f"{path}?{urlencode(query)}",
        }


class Coverage(ContentPage):
    """The days of one symbol as a calendar."""

    tab = "coverage"

    def content(self, version: DatasetVersion) -> dict[str, Any]:
        """Return the days, the totals by month (for the phone and without JavaScript), and the day that is open."""
        covered = charts.coverage(version, self.symbol)
        path = f"/v1/datasets/{self.dataset.ref}/coverage"
        query = self.api_query()
        found = pictures.calendar(covered["days"])
        return {
            "covered": covered,
            "calendar": found,
            "months": pictures.months(found),
            "percent": 100 * len(covered["days"]) / found["expected"],
            "day": self._day(covered, found),
            "copy": copy.commands("GET", path, cli=f"nexus dataset coverage {self.ref}", query=query),
            "twin": f"{path}?{urlencode(query)}",
        }

    def _day(self, covered: dict[str, Any], found: dict[str, Any]) -> dict[str, Any] | None:
        raw = self.query.get("day", "")
        if not raw:
            return None
        try:
            day = date.fromisoformat(raw)
        except ValueError as error:
            raise BadRequest("day must be a date such as 2024-08-08", {"fields": {"day": [raw[:32]]}}) from error
        rows = next((one["rows"] for one in covered["days"] if one["date"] == day.isoformat()), 0)
        shared = QueryDict(mutable=True)
        shared["symbol"] = covered["symbol"]
        after = day + timedelta(days=1)
        return {
            "date": day,
            "weekday": day.strftime("%A"),
            "rows": rows,
            "typical": found["typical"],
            "preview": f"{self.base}preview/" + tables.changed(shared, at=f"{day}T00:00:00Z"),
            "chart": f"{self.base}chart/" + tables.changed(shared, start=f"{day}T00:00:00Z", end=f"{after}T00:00:00Z"),
        }


class Spark(DatasetPage):
    """The coverage bar of one row of the list, for a row whose bar is not drawn yet."""

    template = fragment = "datasets/_spark.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the bar of the version the list shows; None when it has no rows that can be read."""
        try:
            return {"spark": sparks.drawn(self.version)}
        except reads.NothingToRead:
            return {"spark": None}

    def framed(self, context: dict[str, Any]) -> dict[str, Any]:
        """Add nothing: it is a part of a table's cell."""
        return context | {"dataset": self.dataset, "drawn": True}
