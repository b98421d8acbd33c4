"""The ledger of an entry, session by session, and a reviewer's verdict on one of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets.lake import ledger, rules
from datasets.models import Grade, LakePartition, LakeQuarantine
from datasets.pages import lake_commands
from datasets.pages.lake_frame import EntryPage
from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.web import copy, tables

ROWS = 100
USUAL_DAYS = 30  # for which an override stands unless somebody says otherwise
LEAST_REASON = 3


class OverrideForm(forms.Form):
    """A reviewer's verdict, why, and until when."""

    status = forms.ChoiceField(choices=[(grade, grade) for grade in Grade.values], label="Verdict")
    reason = forms.CharField(
        min_length=LEAST_REASON, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), label="Reason"
    )
    until = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), label="Until")


class TakeBackForm(forms.Form):
    """Why an override is taken back."""

    reason = forms.CharField(min_length=LEAST_REASON, max_length=2000, label="Reason")


class Ledger(EntryPage):
    """The verdicts in force, by status and code; one session stands open beside them."""

    tab = "ledger"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page of sessions, the newest first, and the session that is open."""
        asked = {name: self.query.get(name, "") for name in ("status", "code")}
        rows = ledger.in_force(LakePartition.objects.filter(entry=self.entry))
        if asked["status"]:
            if asked["status"] not in Grade.values:
                raise BadRequest("status is GREEN, AMBER or RED", {"fields": {"status": [asked["status"][:16]]}})
            rows = rows.filter(verdict=asked["status"])
        if asked["code"]:
            if asked["code"] not in rules.ABOUT:
                raise BadRequest("no code of this name", {"fields": {"code": [asked["code"][:24]]}})
            rows = rows.filter(code=asked["code"])
        pager = tables.page(self.request, rows, ("-session",), ROWS)
        entry, query = self.entry, {name: value for name, value in asked.items() if value}
        options = "".join(f" --{name} {value}" for name, value in query.items())
        path = lake_commands.api_path(entry) + "/partitions"
        cli = f"nexus lake partitions {lake_commands.words(entry)}{options}"
        return {
            "pager": pager,
            "sessions": [{"row": row, "about": rules.ABOUT.get(row.code, "")} for row in pager.items],
            "asked": asked,
            "narrowed": bool(query),
            "codes": list(rules.ABOUT),
            "counts": [("GREEN", entry.green), ("AMBER", entry.amber), ("RED", entry.red)],
            "copy": copy.commands("GET", path, cli=cli, query=query),
            "twin": path + tables.changed(self.query, cursor=None, day=None).rstrip("?"),
            **self._open(),
        }

    def _open(self) -> dict[str, Any]:
        raw = self.query.get("day", "")
        if not raw:
            return {"day": None}
        row = ledger.in_force(LakePartition.objects.filter(entry=self.entry, session=_date(raw))).first()
        if row is None:
            return {"day": {"session": _date(raw), "row": None}}
        until = (db.now() + timedelta(days=USUAL_DAYS)).date()
        held = LakeQuarantine.of(self.actor.tenant_id).filter(entry=self.entry, session=row.session)
        holds = bool(row.override_status) and row.override_until > db.now()
        return {
            "day": {
                "session": row.session,
                "row": row,
                "codes": [(code, rules.STATUS.get(code, ""), rules.ABOUT.get(code, "")) for code in row.codes],
                "held": list(held.order_by("-created_at")[:5]),
                "holds": holds,
                "form": OverrideForm(initial={"status": "GREEN", "until": until}),
                "commands": lake_commands.override(self.entry, str(row.session), f"{until}T00:00:00Z").tongues[:2],
            }
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Let a verdict stand, or take one back; refusals are told in the form."""
        self.require("write")
        self.locate(**kwargs)
        takes_back = request.POST.get("action") == "back"
        form = TakeBackForm(request.POST) if takes_back else OverrideForm(request.POST)
        if form.is_valid():
            said = form.cleaned_data
            until = db.now() if takes_back else datetime.combine(said["until"], time(), UTC)
            status = "" if takes_back else said["status"]
            try:
                with db.atomic():
                    ledger.override(
                        self.actor, self.entry, _date(self.query.get("day", "")), status, said["reason"], until
                    )
                return self.done(f"{self.base}ledger/{tables.changed(self.query)}")
            except BadRequest as refusal:
                fields = (refusal.details or {}).get("fields", {})
                form.add_error(None, " ".join([refusal.message, *(f"{k}: {v[0]}" for k, v in fields.items())]))
        context = self.framed(self.context())
        if context["day"] and context["day"]["row"]:
            context["day"] |= {"form": form if not takes_back else context["day"]["form"], "refused": form}
        return self.invalid(self.fragment or self.template, context)


def _date(raw: str) -> date:
    try:
        return date.fromisoformat(raw)
    except ValueError as error:
        raise BadRequest("day must be a date such as 2024-08-08", {"fields": {"day": [raw[:32]]}}) from error
