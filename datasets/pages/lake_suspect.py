"""One suspected split: where it stands, what other series say of it row by row, and the press that records it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets import splits
from datasets.lake import suspects
from datasets.pages import lake_commands
from datasets.pages.lake_frame import EntryPage
from tradenexus.errors import BadRequest, Conflict, NotFound
from tradenexus.jobs.models import LIVE, Job
from tradenexus.rest import idempotency
from tradenexus.web import copy

_USUAL = 2.0  # of a split of which nobody names the ratio, in the commands
WORDS = {
    suspects.RECORDED: "A split on record explains the prices: adjusted reads cross the session.",
    suspects.REVIEWED: "A reviewer said what it was: adjusted reads cross the session.",
    suspects.CORROBORATED: "Another vendor's series names the split, and none says otherwise. It is not on record yet.",
    suspects.CONTRADICTED: "Not all say the same. Adjusted prices do not cross the session.",
    suspects.UNWITNESSED: "No independent series says what it was. Adjusted prices do not cross the session.",
}


class WordForm(forms.Form):
    """A split on a person's word."""

    ratio = forms.FloatField(
        label="New shares for one old", widget=forms.NumberInput(attrs={"step": "any", "min": "0"})
    )
    reason = forms.CharField(
        min_length=splits.REASON_LEAST, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), label="Reason"
    )


class SuspectPage(EntryPage):
    """A suspected split with its evidence."""

    tab = "suspect"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer the page, or its panel to htmx."""
        session = kwargs.pop("session")
        self.locate(**kwargs)
        return self.render(self.framed(self.context(session=session)))

    def context(self, session: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return where it stands, the evidence, what was recorded, and the forms."""
        entry, one = self.entry, suspects.find(self.entry, _date(session))
        done = splits.records(entry).get(one.session)
        jobs = Job.of(self.actor.tenant_id).filter(kind=splits.JOB, subject=entry.ref, params__session=str(one.session))
        corroborated = one.state == suspects.CORROBORATED
        named = None if corroborated else one.ratio or _USUAL
        path = f"{lake_commands.api_path(entry)}/suspects"
        cli = f"nexus lake suspects {lake_commands.words(entry)} --session {one.session}"
        return {
            "tab": "ledger",
            "title": f"Suspected split of {one.session}, {entry.instrument}",
            "one": one,
            "words": WORDS[one.state],
            "corroborated": corroborated,
            "recorded": splits.recorded(done, one) if done else None,
            "done": done,
            "job": None if one.settled else jobs.order_by("-created_at").first(),
            "live": LIVE,
            "form": WordForm(),
            "least": splits.REASON_LEAST,
            "tongues": lake_commands.record_split(entry, str(one.session), one.digest, named).tongues[:2],
            "copy": copy.commands("GET", path, cli=cli),
            "twin": path,
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Record the split; a refusal is told in words beside the form."""
        self.require("write")
        session = kwargs.pop("session")
        self.locate(**kwargs)
        here = f"{self.base}suspects/{_date(session)}/"
        given = request.POST
        form, asked = WordForm(given), {"evidence": given.get("evidence", "")}
        by_word = given.get("action") == "word"
        if not by_word or form.is_valid():
            asked |= form.cleaned_data if by_word else {}

            def act() -> str:
                splits.request(self.actor, self.entry, _date(session), asked)
                return here

            try:
                return self.done(idempotency.press(self.actor, f"POST {here}", given.get("key", ""), act))
            except (BadRequest, Conflict) as refusal:
                fault = refusal.message
        else:
            fault = ""
        shown = self.framed(self.context(session=session)) | {"fault": fault}
        return self.invalid(self.fragment or self.template, shown | ({"form": form} if by_word else {}))


def _date(raw: str) -> date:
    try:
        return date.fromisoformat(raw)
    except ValueError as error:
        raise NotFound("a session is a date such as 2005-02-28") from error
