"""The pages of uploads: the list with Resume, the wizard, and one upload from its first byte to its published version.

The wizard's script calls /v1 itself; the pages give it the facts and show what the server knows.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from datasets import listing
from datasets.market.kinds import ASSET_CLASSES, REQUIRED
from datasets.models import Dataset, QualityReport, UploadSession
from datasets.models.upload import LIVE_STATES, PARTIAL, UploadState
from datasets.pages import upload_view as view
from datasets.storage import blobs
from datasets.uploads import peek
from tradenexus import db
from tradenexus.errors import BadRequest, Conflict, NotFound, ProblemError
from tradenexus.web import copy, figures, tables
from tradenexus.web.page import Page

STEPS = ("File", "Map columns", "Options", "Transfer", "Done")
FREQUENCIES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
CALENDARS = ("24/7", "XNYS", "XLON", "XETR", "XTKS", "XHKG", "CMES")
DESTINATIONS = 100
MOVING = timedelta(seconds=30)  # a session that took bytes this lately is being sent by somebody
_LABELS = {
    "ts_event": "Time", "price": "Price", "size": "Size", "side": "Side", "sequence": "Sequence",
    "trade_id": "Trade id",
    "bid": "Bid", "bid_size": "Bid size", "ask": "Ask", "ask_size": "Ask size", "open": "Open", "high": "High",
    "low": "Low", "close": "Close", "volume": "Volume", "trades": "Trades", "symbol": "Symbol",
    "time_of_day": "Time of day (with a date)", "buyer_is_maker": "Buyer is maker",
}  # fmt: skip
_FIELDS = {
    "trades": ("ts_event", "price", "size", "side", "symbol", "trade_id", "sequence", "time_of_day", "buyer_is_maker"),
    "quotes": ("ts_event", "bid", "bid_size", "ask", "ask_size", "symbol", "sequence", "time_of_day"),
    "bars": ("ts_event", "open", "high", "low", "close", "volume", "trades", "symbol", "time_of_day"),
}


def targets() -> dict[str, list[dict[str, Any]]]:
    """Return for each kind what a column may be used as, in the order people think of it."""
    return {
        kind: [{"name": name, "label": _LABELS[name], "required": name in REQUIRED[kind]} for name in names]
        for kind, names in _FIELDS.items()
    }


class Uploads(Page):
    """The sessions of the workspace: unfinished ones first, with Resume."""

    template = "uploads/list.html"
    fragment = "uploads/_list.html"
    nav = "uploads"
    title = "Uploads"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the unfinished sessions and one page of all."""
        rows = UploadSession.of(self.actor.tenant_id).select_related("dataset", "version", "user", "provisional")
        live = list(rows.filter(state__in=LIVE_STATES).order_by("-updated_at")[:50])
        pager = tables.page(self.request, rows.exclude(state__in=LIVE_STATES).exclude(concat=PARTIAL))
        return {
            "live": [told(each) for each in live],
            "pager": pager,
            "past": [told(each) for each in pager.items],
            "moving": any(_moving(each) for each in live),
            "watched": "dsv_*",  # a new upload of a teammate is news too
            "primary": {"label": "Upload data", "url": "/uploads/new/"} if self.actor.may("write") else None,
            "twin": "/v1/uploads",
            "copy": copy.commands("GET", "/v1/uploads", cli="nexus session list"),
        }


def told(session: UploadSession) -> dict[str, Any]:
    """Return a session as the lists show it."""
    return {
        "session": session,
        "percent": view.percent(session),
        "moving": _moving(session),
        "whole": session.is_whole,
        "amount": _amount(session),
        "early": getattr(session, "provisional", None),
        "line": f"nexus upload --resume {session.ref} {session.filename}",
    }


def _amount(session: UploadSession) -> str:
    here = figures.size(session.offset)
    if session.length is None:
        return f"{here}, of how many is not known yet"
    return f"{here} of {figures.size(session.length)}"


def _moving(session: UploadSession) -> bool:
    # Also before its first part is noted: a teammate who looks now is to see it move.
    lately = session.state == UploadState.OPEN and session.updated_at > db.now() - MOVING
    return lately or session.state in (UploadState.INGESTING, UploadState.JOINING)


class NewUpload(Page):
    """The wizard: file, map, options, transfer."""

    template = "uploads/new.html"
    nav = "uploads"
    title = "Upload data"
    scope = "write"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the script has to know, and where the file may go."""
        chosen = self.query.get("dataset", "")
        known = Dataset.of(self.actor.tenant_id).order_by("-created_at")
        rows = list(known[:DESTINATIONS])
        if chosen and chosen not in {row.ref for row in rows}:
            rows.insert(0, self.find(Dataset, chosen))
        into = next((row for row in rows if row.ref == chosen), None)
        return {
            "facts": _facts(),
            "steps": STEPS,
            "chosen": chosen,
            "destination": f"{into.name}, version {into.version + 1}" if into else "a new dataset, version 1",
            "destinations": [("", "A new dataset"), *((row.ref, f"{row.name}, v{row.version + 1}") for row in rows)],
            "frequencies": FREQUENCIES,
            "calendars": CALENDARS,
            "vendors": listing.said(self.actor.tenant_id, "vendor"),
            "asset_classes": ASSET_CLASSES,
            "keep": figures.span(settings.NEXUS_UPLOAD_EXPIRY_S),
            "crumbs": [("Uploads", "/uploads/"), ("Upload data", "")],
            "copy": copy.commands("POST", "/v1/datasets/uploads:init", _EXAMPLE, cli="nexus upload btc.csv --wait"),
        }


_EXAMPLE = {"filename": "btc.csv", "contentType": "text/csv", "sizeBytes": 1_000_000, "then": {"validate": True}}


def _facts() -> dict[str, Any]:
    free = shutil.disk_usage(settings.NEXUS_HOME).free
    return {"targets": targets(), "freeBytes": free, "maxBytes": settings.NEXUS_MAX_UPLOAD_BYTES}


class OneUpload(Page):
    """One upload: how far it is, going on with it, and what became of it."""

    template = "uploads/show.html"
    fragment = "uploads/_outcome.html"
    nav = "uploads"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the session, its steps and what came out."""
        session = self.find(UploadSession, kwargs["ref"])
        if session.version is None:
            return _partial(session)
        version = session.version
        made = view.derived(version)
        last = made or version
        return {
            **told(session),
            "title": session.filename,
            "heading": session.filename,
            "version": version,
            "made": made,
            "last": last,
            "steps": view.steps(session, made),
            "stages": STEPS,
            "outcome": view.outcome(session),
            "busy": view.working(session, version, made) or _moving(session),
            "watched": f"{version.ref} {last.ref}",
            "may_mend": view.may_mend(version),
            "may_publish": view.to_publish(last) and self.actor.may("publish"),
            "publish_asked": (version.params.get("then") or {}).get("publish") == "explicit",
            "facts": _facts() | {"said": version.params, "datasetId": version.dataset.ref, "version": version.number},
            "crumbs": [("Uploads", "/uploads/"), (session.filename, "")],
            "twin": f"/v1/uploads/{session.ref}",
            "copy": copy.commands("GET", f"/v1/uploads/{session.ref}", cli=told(session)["line"]),
        }


def _partial(session: UploadSession) -> dict[str, Any]:
    """A part of a file that is sent in several: nothing but its bytes, until a final upload takes it."""
    return {
        **told(session),
        "title": session.filename,
        "heading": session.filename,
        "final": session.final,
        "facts": {},
        "busy": _moving(session),
        "crumbs": [("Uploads", "/uploads/"), (session.filename, "")],
        "twin": f"/v1/uploads/{session.ref}",
        "copy": copy.commands("GET", f"/v1/uploads/{session.ref}", cli="nexus session list"),
    }


class Early(Page):
    """What the first bytes of an upload say while the others come in; the wizard shows it below the bar."""

    template = fragment = "uploads/_early.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the provisional report, if there is one."""
        session = self.find(UploadSession, kwargs["ref"])
        return {
            "session": session,
            "early": getattr(session, "provisional", None),
            "coming": session.state == UploadState.OPEN,
        }

    def _sign_in(self) -> HttpResponse:
        """Say nothing: the page around it holds a file, and waits for a new sign-in by itself."""
        return HttpResponse(status=204) if self.partial else super()._sign_in()


class Resniff(Page):
    """Looks at the stored bytes again, with what is said of them: "Fix mapping" asks here."""

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Answer as /v1/datasets/uploads:sniff does, for the first and last bytes that are stored."""
        version = self.find(UploadSession, ref).version
        try:
            if version is None or not version.raw_key:
                status = version.status if version else PARTIAL
                raise Conflict("The bytes of this upload are not here yet.", {"status": status})
            said = _json(request)
            return JsonResponse({"sniff": view.sniffed(version, said)})
        except ProblemError as error:
            return JsonResponse(error.envelope(self.actor.request_id), status=error.status)


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        said = json.loads(request.body[: 1 << 20])
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BadRequest("a JSON object is wanted")
    return {name: value for name, value in said.items() if name in peek.OVERRIDES}


class RejectsCsv(Page):
    """The refused rows as CSV."""

    def get(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Stream line, column, value and reason of every refused row that was kept."""
        session = self.find(UploadSession, kwargs["ref"])
        report = QualityReport.of(self.actor.tenant_id).filter(version=session.version).exclude(rejects_key="").first()
        if report is None or not blobs.exists(report.rejects_key):
            raise NotFound("this upload has no refused rows")
        answer = StreamingHttpResponse(_csv(view.rejects(report)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="rejects.csv"'
        return answer


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield "line,row,column,value,reason\r\n"
    for row in rows:
        line = io.StringIO()
        values = [row["line"], row["row"], row["column"], row["value"], row["reason"]]
        csv.writer(line).writerow([_harmless(value) for value in values])
        yield line.getvalue()


def _harmless(value: Any) -> Any:
    """A spreadsheet must not take a stranger's text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
