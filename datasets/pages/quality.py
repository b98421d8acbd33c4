"""The quality report on pages: verdict with its formula, checks by section, offenders with links, export."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from datasets.models import DatasetVersion, QualityReport
from datasets.pages import pictures
from datasets.pages.frame import DatasetPage
from datasets.quality import acceptance
from tradenexus import db
from tradenexus.errors import NotFound
from tradenexus.web import figures

SECTIONS = (
    ("File and schema", ("schema",)),
    ("Temporal", ("time", "order", "interval", "gaps", "sessions", "duplicates")),
    ("Values", ("values", "ohlc", "outliers", "moves", "bbo")),
    ("Volume", ("volume",)),
)
_ORDER = {"RED": 0, "AMBER": 1, "GREEN": 2}
_WORDS = {"GREEN": "Pass", "AMBER": "Pass with warnings", "RED": "Fail"}


class Summary(DatasetPage):
    """The verdict in short and the way to the report."""

    tab = "quality"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the verdict of the newest judged version."""
        judged = DatasetVersion.of(self.actor.tenant_id).filter(dataset=self.dataset, report__isnull=False)
        version = judged.order_by("-number").first()
        report = version and QualityReport.of(self.actor.tenant_id).get(version=version)
        if not version or not report:
            return {"report": None}
        url = f"{self.pinned_base(version)}quality/"
        return {"judged": version, "report_url": url, **self.fixing(version), **_verdict(report)}


class Report(DatasetPage):
    """The whole report of one version."""

    tab = "quality"
    fragment = "datasets/_report.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the checks asked for by ?show=failed, ?section= and ?q=, worst first inside each section."""
        report = QualityReport.of(self.actor.tenant_id).filter(version=self.version).first()
        if report is None:
            return {"report": None}
        before = self._before()
        known = {check["id"]: check for check in before.body["checks"]} if before else {}
        accepted = acceptance.of_version(self.version)
        checks = [self._check(check, known, accepted) for check in report.body["checks"]]
        shown = [check for check in checks if self._asked(check)]
        return {
            **_verdict(report),
            "sections": _sections(shown, shown == checks),
            "shown": len(shown),
            "total": len(checks),
            "failed": sum(check["grade"] != "GREEN" for check in checks),
            "before": before,
            "score_delta": f"{report.score - before.score:+g}" if before else "",
            "section_names": [name for name, _ in SECTIONS],
            "asked": {name: self.query.get(name, "") for name in ("show", "section", "q", "check")},
            "thresholds": sorted((report.body.get("thresholds") or {}).items()),
            **self.fixing(self.version),
            "accept_url": f"{self.pinned_base(self.version)}quality/accept/",
            "export_url": f"{self.pinned_base(self.version)}quality/export/",
            "rejects_url": f"/v1/datasets/{self.dataset.ref}/rejects?version={self.version.number}",
        }

    def _before(self) -> QualityReport | None:
        mine = QualityReport.of(self.actor.tenant_id).filter(version__dataset=self.dataset)
        older = mine.filter(version__number__lt=self.version.number).select_related("version")
        return older.order_by("-version__number").first()

    def _asked(self, check: dict[str, Any]) -> bool:
        show, section, text = (self.query.get(name, "") for name in ("show", "section", "q"))
        if self.query.get("check") and check["id"] != self.query["check"]:
            return False
        if show == "failed" and check["grade"] == "GREEN":
            return False
        if section and check["family"] not in dict(SECTIONS).get(section, ()):
            return False
        return text.lower() in f"{check['id']} {check['title']} {check['explanation']}".lower()

    def _check(self, check: dict[str, Any], known: dict[str, Any], accepted: dict[str, Any]) -> dict[str, Any]:
        base = self.pinned_base(self.version)
        days = 60 if self.version.interval.endswith(("d", "w", "M")) else 1
        samples = [
            sample
            | {
                "preview": pictures.row_link(base, "preview", sample),
                "chart": pictures.row_link(base, "chart", sample, days),
            }
            for sample in check["samples"]
        ]
        return check | {
            "anchor": f"check-{check['id'].replace('.', '-')}",
            "samples": samples if self.version.sealed_at else check["samples"],
            "observed": _measure(check["measured"], check["unit"]),
            "expected": _limits(check),
            "before": known[check["id"]]["count"] if check["id"] in known else None,
            "parts": _parts(check["explanation"]),
            "accepted": accepted.get(check["id"]),
        }


class Accept(Report):
    """Accepting a finding with a reason: it is audited and shown beside the finding; verdict and state stay."""

    scope = "write"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Note who accepted which finding, and why."""
        self.locate(**kwargs)
        wanted, reason = request.POST.get("check", ""), request.POST.get("reason", "").strip()
        if not acceptance.REASON_LEAST <= len(reason) <= acceptance.REASON_MOST or "\0" in reason:
            wrong = {"check": wanted, "words": "Say why in 5 to 1,000 characters.", "reason": reason}
            return self.invalid("datasets/_report.html", self.framed(self.context()) | {"accept_error": wrong})
        acceptance.accept(self.actor, self.version, wanted, reason)
        return self.done(f"{self.pinned_base(self.version)}quality/#check-{wanted.replace('.', '-')}")


class Export(Report):
    """The report as one HTML file that needs nothing else."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the file."""
        self.locate(**kwargs)
        context = self.context()
        if context["report"] is None:
            raise NotFound("this version was not validated yet: it has no report")
        own = {"dataset": self.dataset, "version": self.version, "made_at": db.now()}
        response = render(request, "datasets/report_file.html", context | own)
        name = f"quality-{self.dataset.ref}-v{self.version.number}.html"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _verdict(report: QualityReport) -> dict[str, Any]:
    body = report.body
    issues = body.get("issues") or []
    return {
        "report": report,
        "body": body,
        "verdict_word": _WORDS.get(report.grade, report.grade),
        "worst": issues[:3],
        "duration_s": (body.get("durationMs") or 0) / 1000,
    }


def _sections(checks: list[dict[str, Any]], whole: bool) -> list[dict[str, Any]]:
    named = {family for _, families in SECTIONS for family in families}
    found = []
    for name, families in (*SECTIONS, ("Other", None)):
        mine = [c for c in checks if (c["family"] in families if families else c["family"] not in named)]
        mine.sort(key=lambda check: _ORDER[check["grade"]])
        bad = [check for check in mine if check["grade"] != "GREEN"]
        if mine:
            grade = mine[0]["grade"]
            passed = mine[len(bad) :]
            found.append({"name": name, "grade": grade, "bad": bad, "passed": passed, "fold": whole or bool(bad)})
    return found


def _measure(value: Any, unit: str) -> str:
    if value is None:
        return figures.NOTHING
    return f"{value * 100:.3g} %" if unit == "share" else figures.number(value)


def _limits(check: dict[str, Any]) -> str:
    amber, red, unit = check.get("limit"), check.get("redLimit"), check["unit"]
    parts = [
        f"{word} above {_measure(value, unit)}" for word, value in (("AMBER", amber), ("RED", red)) if value is not None
    ]
    return ", ".join(parts) or "reported only"


def _parts(text: str) -> list[tuple[str, str]]:
    """Cut "What it means: ... Why it matters: ... Fix: ..." into its parts; another text is one part."""
    heads = ("What it means: ", "Why it matters: ", "Fix: ")
    marks = [text.find(head) for head in heads]
    if -1 in marks or marks != sorted(marks):
        return [("", text)]
    edges = [*marks, len(text)]
    return [
        (head.strip(": "), text[start + len(head) : end].strip())
        for head, start, end in zip(heads, edges, edges[1:], strict=False)
    ]
