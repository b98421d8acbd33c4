"""One job: steps, facts, attempts and log; cancel and retry; its line for other pages; its log as plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.jobs import finding, queue, registry, subjects
from tradenexus.jobs.errors import KindUnknown
from tradenexus.jobs.models import Attempt, Job, LogLine, State
from tradenexus.jobs.pages import rows, steps
from tradenexus.web import copy, figures
from tradenexus.web.page import Page

LINES = 1_000
LEVELS = ("debug", "info", "warning", "error")
# What terminals take as orders: CSI and OSC sequences, other escapes, then every other control character.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
REUSES = "It starts again from its beginning with the same parameters; what is stored already is found by its digest."
UNKNOWN_KIND = registry.Kind("", "", lambda run: None, False, 1, None, None, 0)


def plain(text: str) -> str:
    """Return a log line without the control sequences of terminals."""
    return _ANSI.sub("", text)


class JobPage(Page):
    """One job."""

    template = "jobs/job.html"
    fragment = "jobs/_job.html"  # what changes while it runs: all but the log
    nav = "jobs"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the job with all that is around it."""
        job = self.find(Job, kwargs["ref"])
        shown = _state(self, job)
        if self.partial:
            return shown
        level, before = self.query.get("level", ""), self.query.get("before", "")
        upto = int(before) if before.isascii() and before.isdigit() and len(before) < 9 else None
        lines = last_lines(job, level, upto)
        return shown | {
            "lines": lines,
            "first_n": lines[0].n if lines else 0,
            "last_n": job.log_n,
            "level": level if level in LEVELS else "",
            "levels": LEVELS,
            "before": before,
            "twin": f"/v1/jobs/{job.ref}",
            "menu": [("OpenLineage JSON", f"/v1/jobs/{job.ref}/openlineage")] if _moves(job) else [],
            "copy": copy.commands("GET", f"/v1/jobs/{job.ref}", cli=f"nexus job watch {job.ref}"),
        }

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Cancel or retry the job."""
        self.require("write")
        job = self.find(Job, ref)
        action = request.POST.get("action")
        if action not in ("cancel", "retry"):
            raise BadRequest("action is cancel or retry")
        queue.cancel(self.actor, job) if action == "cancel" else queue.retry(self.actor, job)
        return self.done(f"/jobs/{job.ref}/")


def _moves(job: Job) -> bool:
    return job.kind in settings.NEXUS_OPENLINEAGE


class JobRow(Page):
    """One job as a line, for tables and other pages; refreshes itself while the job lives."""

    template = fragment = "jobs/_row.html"
    nav = "jobs"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the row; `?as=tr` for a table's."""
        job = self.find(Job, kwargs["ref"])
        return {
            "row": rows.of(self.actor.tenant_id, [job])[0],
            "form": "tr" if self.query.get("as") == "tr" else "line",
        }


class JobLogText(Page):
    """The whole log as text."""

    nav = "jobs"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Stream the log's lines: time, level, phase, text."""
        job = self.find(Job, kwargs["ref"])
        response = StreamingHttpResponse(_text(job), content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{job.ref}.log"'
        return response  # type: ignore[return-value]


def last_lines(job: Job, level: str = "", before: int | None = None) -> list[LogLine]:
    """Return the last 1,000 lines (of a level and more serious; before a number), in order, control characters out."""
    found = LogLine.objects.filter(job_id=job.id)
    if level in LEVELS:
        found = found.filter(level__in=LEVELS[LEVELS.index(level) :])
    if before is not None:
        found = found.filter(n__lt=before)
    lines = list(found.order_by("-n")[:LINES])[::-1]
    for line in lines:
        line.text = plain(line.text)
    return lines


def _state(page: Page, job: Job) -> dict[str, Any]:
    now = db.now()
    row = rows.of(page.actor.tenant_id, [job])[0]
    kind = _kind(job.kind)
    given, made = subjects.named_in([job.subject, job.params]), subjects.named_in(job.result)
    about = subjects.described(page.actor.tenant_id, {*given, *made})
    attempts = list(Attempt.objects.filter(job_id=job.id).order_by("token"))
    return {
        "job": job,
        "row": row,
        "steps": steps.of(job.state, job.progress or {}, kind.phases),
        "inputs": [about[ref] for ref in given if ref in about and ref not in made],
        "outputs": [about[ref] for ref in made if ref in about],
        "attempts": [(one, ((one.ended_at or now) - one.started_at).total_seconds()) for one in attempts],
        "children": rows.of(page.actor.tenant_id, _children(job)),
        "params_text": _json(job.params),
        "result_text": _json(job.result),
        "reuses": kind.reuses or REUSES,
        "queued_silent": job.state == State.QUEUED and rows.workers_silent(now),
        "waited_s": (now - job.created_at).total_seconds(),
        "title": f"{registry.label(job.kind)} {job.ref[:12]}",
        "heading": registry.label(job.kind),
        "crumbs": [("Home", "/"), ("Jobs", "/jobs/"), (job.ref, None)],
    }


def _children(job: Job) -> list[Job]:
    return list(Job.of(job.tenant_id).filter(parent=job).order_by("created_at").defer(*finding.HEAVY)[:50])  # type: ignore[arg-type]


def _kind(name: str) -> registry.Kind:
    try:
        return registry.find(name)
    except KindUnknown:
        return UNKNOWN_KIND


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)[:20_000]


def _text(job: Job) -> Iterator[str]:
    for line in LogLine.objects.filter(job_id=job.id).order_by("n").iterator(2_000):
        stage = f" [{line.stage}]" if line.stage else ""
        yield f"{figures.iso(line.at)} {line.level:<7}{stage} {plain(line.text)}\n"
