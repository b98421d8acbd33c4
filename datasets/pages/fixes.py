"""Fixes as forms: steps chosen from what was found or written as JSON, tried on the rows, then applied."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets.lake import settling
from datasets.models import LakeQuarantine, QualityReport
from datasets.pages.actions import FormPage
from datasets.pages.lake_frame import url_of
from datasets.pages.lake_quarantine import url
from datasets.transforms import fix, held, proposals, recipe
from datasets.transforms.proposals import Proposal
from tradenexus import db
from tradenexus.errors import BadRequest, Conflict, ProblemError, Unprocessable
from tradenexus.jobs.models import LIVE, Job
from tradenexus.web import copy
from tradenexus.web.page import Page

JSON_MOST = 20_000
EXAMPLE = '[{"op": "drop", "where": [{"column": "close", "op": ">", "value": 1000}]}]'


class FixForm(forms.Form):
    """Why a version is fixed."""

    note = forms.CharField(max_length=2000, required=False, label="Why", strip=True)


class FixHeldForm(forms.Form):
    """Why refused rows are fixed, and whether the result is to enter."""

    reason = forms.CharField(max_length=2000, required=False, label="Reason")
    commit = forms.BooleanField(required=False, label="Offer the result to the lake")
    policy = forms.ChoiceField(choices=[(one, one) for one in held.POLICIES], required=False, label="Other values")


def chosen(posted: Any, offered: list[Proposal]) -> list[dict[str, Any]]:
    """Return the steps that a form chose, then those that were written; BadRequest for what is no JSON list."""
    used = set(posted.getlist("use"))
    steps = [step for number, each in enumerate(offered) if str(number) in used for step in each.steps]
    text = posted.get("more", "").strip()
    if len(text) > JSON_MOST:
        raise BadRequest(f"The steps are longer than {JSON_MOST:,} characters.")
    try:
        more = json.loads(text or "[]")
    except ValueError as fault:
        raise BadRequest(f"The steps of your own are no JSON: {str(fault)[:100]}.") from fault
    if not isinstance(more, list):
        raise BadRequest("The steps of your own are a JSON list: [{...}, ...].")
    return steps + more


def shown(offered: list[Proposal], steps: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return the proposals, those that the steps hold (or, without steps, sure ones) ticked, and the other steps."""
    left = list(steps or [])
    told = []
    for number, each in enumerate(offered):
        ticked = each.sure if steps is None else all(step in left for step in each.steps)
        if steps is not None and ticked:
            left = [step for step in left if step not in each.steps]
        words = [recipe.words(step) for step in each.steps]
        told.append({"number": number, "about": each.about, "finding": each.finding, "words": words, "ticked": ticked})
    return {"proposals": told, "more": json.dumps(left, indent=1) if left else "", "example": EXAMPLE}


def tried(actor: Any, kind: str, subject: str, ref: str) -> dict[str, Any]:
    """Return a preview that was asked for: its job, its steps, and its result once there is one."""
    jobs = Job.of(actor.tenant_id).filter(kind=kind, subject=subject).order_by("-created_at")
    job = next((one for one in jobs[:50] if one.ref == ref), None)
    if job is None:
        return {}
    result = job.result or {}
    steps = [{**step, "samples": [_sample(sample) for sample in step["samples"]]} for step in result.get("steps", [])]
    told = {"job": job, "steps": job.params["recipe"]["steps"], "result": result, "did": steps}
    return {"tried": told | {"live": job.state in LIVE, "refused": any(step["refused"] for step in steps)}}


def _sample(sample: dict[str, Any]) -> dict[str, Any]:
    """Return an example as lines: (column, before, after); what was dropped has no after."""
    before, after = sample["before"], sample["after"]
    lines = [(name, value, None if after is None else after.get(name)) for name, value in before.items()]
    return sample | {"lines": [(*line, after is not None and line[1] != line[2]) for line in lines]}


def curl_and_cli(path: str, body: dict[str, Any], cli: str, steps: list[dict[str, Any]]) -> copy.Commands:
    """Return the same thing from a terminal; the steps go to the command line through its standard input."""
    given = steps or json.loads(EXAMPLE)
    echoed = f"echo {shlex.quote(json.dumps(given))} | {cli} --steps -"
    return copy.commands("POST", path, {"steps": given, **body}, cli=echoed)


class Fix(FormPage):
    """Fix a version by a recipe, after a look at what it would do."""

    fragment = "datasets/_fix.html"
    tab = "quality"
    form = FixForm

    def offered(self) -> list[Proposal]:
        """Return what the report proposes."""
        report = QualityReport.of(self.actor.tenant_id).filter(version=self.version).first()
        kind = self.version.kind or (self.version.plan or {}).get("kind")
        return proposals.for_report(report.body, kind) if report and kind else []

    def around(self) -> dict[str, Any]:
        """Return proposals, the preview, and the command that does the same."""
        told = tried(self.actor, fix.PREVIEW, self.version.ref, self.query.get("preview", ""))
        steps = told["tried"]["steps"] if told else None
        if self.request.method == "POST":
            steps = _written(self.request.POST, self.offered())
        form = shown(self.offered(), steps)
        path = f"/v1/datasets/{self.dataset.ref}/transform/fix"
        cli = f"nexus transform fix {self.dataset.ref}@{self.version.number}"
        return {
            "possible": self.version.status in fix.SOURCES,
            "form_url": f"{self.pinned_base(self.version)}fix/",
            "copy": curl_and_cli(path, {"version": self.version.number}, cli, steps or []),
            "apply_label": f"Make version {self.dataset.version + 1}",
            **form,
            **told,
        }

    def act(self, said: dict[str, Any]) -> str:
        """Try the steps or apply them; lead to the preview or to the version."""
        steps = chosen(self.request.POST, self.offered())
        number = self.version.number
        if self.request.POST.get("action") != "apply":
            _, job = fix.preview(self.actor, self.dataset, number, steps)
            return f"{self.pinned_base(self.version)}fix/?preview={job.ref}#preview"
        _, output, _ = fix.request(self.actor, self.dataset, number, steps, said.get("note", ""))
        return f"{self.pinned_base(output)}quality/"


def _written(posted: Any, offered: list[Proposal]) -> list[dict[str, Any]] | None:
    try:
        return chosen(posted, offered)
    except BadRequest:
        return None


class FixHeld(Page):
    """Fix refused rows of the lake by a recipe, after a look at what it would do."""

    template, fragment = "datasets/lake_fix.html", "datasets/_lake_fix.html"
    nav = "lakehouse"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the form with what the verdict proposes, the preview, and what earlier fixes made."""
        rows = self.find(LakeQuarantine, ref)
        offered = self._offered(rows)
        told = tried(self.actor, held.PREVIEW, rows.ref, self.query.get("preview", ""))
        steps = told["tried"]["steps"] if told else None
        if self.request.method == "POST":
            steps = _written(self.request.POST, offered)
        cli = f"nexus lake fix {rows.ref} --reason {shlex.quote('checked at the venue')} --commit"
        body = {"reason": "checked at the venue", "commit": True}
        return {
            "held": rows,
            "title": f"Fix refused rows of {rows.session}",
            "heading": f"Fix {rows.session}",
            "state": rows.state,
            "crumbs": [
                ("Lakehouse", "/lakehouse/"),
                (str(rows.entry), url_of(rows.entry)),
                (f"{rows.session} refused", url(rows)),
                ("Fix", ""),
            ],
            "possible": rows.state == "held",
            "form": FixHeldForm(initial={"commit": True, "policy": held.POLICIES[0]}),
            "form_url": f"{url(rows)}fix/",
            "least": settling.REASON_LEAST,
            "policies": held.POLICIES,
            "copy": curl_and_cli(f"/v1/lake/quarantine/{rows.ref}:fix", body, cli, steps or []),
            "apply_label": "Make a version of them",
            "twin": f"/v1/lake/quarantine/{rows.ref}",
            **shown(offered, steps),
            **told,
        }

    def _offered(self, rows: LakeQuarantine) -> list[Proposal]:
        try:
            return proposals.for_refused(rows.code, rows.notes, held.kind_of(rows))
        except ProblemError:
            return []

    def post(self, request: HttpRequest, ref: str) -> HttpResponse:
        """Try the steps or apply them; a refusal is told above the form."""
        self.require("write")
        rows = self.find(LakeQuarantine, ref)
        form = FixHeldForm(request.POST)
        if form.is_valid():
            try:
                with db.atomic():
                    return self.done(self._act(rows, form.cleaned_data))
            except (BadRequest, Conflict, Unprocessable) as refusal:
                form.add_error(None, refusal.message)
        return self.invalid(self.fragment or self.template, self.context(ref) | {"form": form})

    def _act(self, rows: LakeQuarantine, said: dict[str, Any]) -> str:
        steps = chosen(self.request.POST, self._offered(rows))
        if self.request.POST.get("action") != "apply":
            job = held.preview(self.actor, rows, steps)
            return f"{url(rows)}fix/?preview={job.ref}#preview"
        _, job = held.request(self.actor, rows, {**said, "steps": steps})
        return f"/jobs/{job.ref}/"
