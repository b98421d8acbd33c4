"""The first run: sample data by the verbs that every upload uses, and the checklist of Home with its recent uploads."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from datasets.models import Dataset, DatasetVersion, QualityReport, Status, UploadSession
from datasets.models.upload import LIVE_STATES, UploadState
from datasets.pages.uploads import told
from datasets.uploads import local, sessions
from datasets.uploads.wanted import NewUpload
from tradenexus import db
from tradenexus.errors import BadRequest, Unavailable
from tradenexus.jobs.models import Job
from tradenexus.web import copy
from tradenexus.web.page import Page

TAPE_ROWS = 200_000
_BLOCK = 1 << 20
_HIDDEN = "nx_first"
_YEAR_S = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sample would bring in, shown before anything happens."""

    key: str
    name: str
    source: str
    licence: str
    rows: int
    size_bytes: int
    real: bool
    note: str


def stocks() -> Path | None:
    """Return the installed file of real daily stocks, None where it is not; nothing of its package is run."""
    spec = importlib.util.find_spec("bokeh_sampledata")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "_data" / "stocks.csv.gz"
    return path if path.exists() else None


def plans() -> list[Plan]:
    """Return what can be had here, the real data first."""
    tape = Plan(
        "tape", "Sample tape (simulated)", "generated on this server", "none needed: the data is simulated",
        TAPE_ROWS, TAPE_ROWS * 53, False,
        "A simulated tape of trades in four made-up symbols, with a silence, a repeated row and an outlier to find.",
    )  # fmt: skip
    path = stocks()
    if path is None:
        return [tape]
    real = Plan(
        "stocks", "Sample daily stocks", "bokeh-sampledata, installed with the demo", "public domain",
        12_154, path.stat().st_size, True,
        "Real daily prices of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013, not adjusted for splits.",
    )  # fmt: skip
    return [real, tape]


class Sample(Page):
    """The plan of the sample data, and its confirmation."""

    template = "uploads/sample.html"
    nav = "uploads"
    title = "Start with sample data"
    scope = "write"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the plans."""
        return {
            "plans": plans(),
            "crumbs": [("Uploads", "/uploads/"), (self.title, "")],
            "copy": copy.commands("POST", "/v1/datasets/uploads:init", _EXAMPLE, cli="nexus upload sample.csv --wait"),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take the sample in, once per workspace, and lead to its upload."""
        plan = next((each for each in plans() if each.key == request.POST.get("plan")), None)
        if plan is None:
            raise BadRequest("there is no such sample here")
        session = _known(self.actor.tenant_id, plan) or _take_in(self.actor, plan)
        return self.done(f"/uploads/{session.ref}/")


_EXAMPLE = {"filename": "sample.csv", "contentType": "text/csv", "sizeBytes": 1_000_000}


def _known(tenant_id: Any, plan: Plan) -> UploadSession | None:
    rows = UploadSession.of(tenant_id).filter(dataset__name=plan.name)
    return rows.exclude(state__in=[UploadState.TERMINATED, UploadState.EXPIRED]).order_by("-created_at").first()


def _take_in(actor: Any, plan: Plan) -> UploadSession:
    path = stocks() if plan.real else _tape()
    assert path is not None
    then: dict[str, Any] = {"validate": True} if plan.real else {"validate": True, "candles": "1m"}
    new = NewUpload(
        filename=path.name if plan.real else "sample_tape_simulated.csv",
        content_type="application/gzip" if plan.real else "text/csv",
        length=path.stat().st_size,
        name=plan.name,
        venue="US" if plan.real else "SIMULATED",
        timezone="America/New_York" if plan.real else "UTC",
        further={"then": then},
    )
    session = local.fill(sessions.start(actor, new), _blocks(path))
    with db.atomic():
        sessions.complete(actor, session.target.dataset, session.ref)
    return session


def _tape() -> Path:
    """Return the simulated tape, written at its first use by a process of its own (it needs numpy)."""
    path = Path(settings.NEXUS_HOME) / "samples" / f"tape_{TAPE_ROWS}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tradenexus.stack.tape", str(path), str(TAPE_ROWS)]
        try:
            subprocess.run(command, cwd=settings.BASE_DIR, check=True, capture_output=True, timeout=60)  # noqa: S603
        except (subprocess.SubprocessError, OSError) as error:
            raise Unavailable("The simulated tape could not be written.", {"reason": str(error)[:200]}) from error
    return path


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


class HomePart(Page):
    """Home's own part of this app: uploads to go on with, and the checklist of the first run."""

    template = "uploads/_home.html"
    fragment = "uploads/_home.html"
    nav = "home"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the recent uploads and the steps that are done."""
        rows = UploadSession.of(self.actor.tenant_id).select_related("dataset", "version", "user", "provisional")
        live = list(rows.filter(state__in=LIVE_STATES).order_by("-updated_at")[:5])
        recent = list(rows.filter(state=UploadState.FINISHED).order_by("-created_at")[:5])
        done = self._checklist()
        hidden = self.request.COOKIES.get(_HIDDEN) == "off" or all(each["done"] for each in done)
        return {
            "live": [told(each) for each in live],
            "recent": [told(each) for each in recent],
            "watched": "dsv_*",
            "moving": any(told(each)["moving"] for each in live),
            "checklist": None if hidden else done,
            "count": sum(each["done"] for each in done),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Put the checklist away, for this browser."""
        response = self.done("/")
        response.set_cookie(_HIDDEN, "off", max_age=_YEAR_S, samesite="Lax", httponly=True)
        return response

    def _checklist(self) -> list[dict[str, Any]]:
        tenant = self.actor.tenant_id
        newest = Dataset.of(tenant).order_by("-created_at").first()
        place = f"/datasets/{newest.ref}/" if newest else "/datasets/"
        published = DatasetVersion.of(tenant).filter(status=Status.PUBLISHED)
        backtests = Job.of(tenant).filter(kind__startswith="lona.backtest")
        steps = (
            ("Bring data in", newest is not None, "/uploads/sample/", "Start with sample data"),
            ("Read a quality report", QualityReport.of(tenant).exists(), f"{place}quality/", "Open the report"),
            ("Publish to Lona", published.exists(), f"{place}publish/", "Publish"),
            ("Run a backtest", backtests.exists(), "/backtests/new/", "Run one"),
        )
        return [dict(zip(("label", "done", "url", "verb"), step, strict=True)) for step in steps]
