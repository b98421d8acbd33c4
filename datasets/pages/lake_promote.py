"""From a dataset's page into the lake: the form that promotes a version, and what of it is there already."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms

from datasets import promotion
from datasets.lake import rules
from datasets.market import instruments as names
from datasets.pages import lake_instruments, lake_links
from datasets.pages.actions import FormPage
from tradenexus.errors import ProblemError
from tradenexus.web import copy

FIELDS = 60  # symbols with a field of their own; the others are named by the venue
_TYPES = (("", "not said"), *((one, one) for one in names.TYPES))
_POLICIES = (
    (rules.REFUSE, "refuse: other values under the same key stop it"),
    (rules.NEWER, "newer: what comes now replaces what stands"),
    (rules.RANK, "rank: the vendor of higher rank wins"),
)


class PromoteForm(forms.Form):
    """Where a version's rows go, and what is true of instruments that nobody described yet."""

    table = forms.ChoiceField(label="Table")
    policy = forms.ChoiceField(choices=_POLICIES, label="Where rows differ")
    type = forms.ChoiceField(choices=_TYPES, required=False, label="Type")
    calendar = forms.CharField(max_length=16, required=False, label="Calendar")
    timezone = forms.CharField(max_length=64, required=False, label="Time zone")
    venue = forms.CharField(max_length=32, required=False, label="Venue")


class Promote(FormPage):
    """Take a version's rows into the lake."""

    fragment = "datasets/_lake_promote.html"
    form = PromoteForm

    def initial(self) -> dict[str, Any]:
        """Return the usual choice for the kind of data."""
        fitting = promotion.tables_for(self.version)
        crypto = self.dataset.asset_class == "crypto"
        chosen = next((one.name for one in fitting if one.name.startswith("crypto") == crypto), None)
        venue = self.version.venue.upper()
        return {
            "table": chosen or (fitting[0].name if fitting else ""),
            "policy": rules.REFUSE,
            "calendar": "24/7" if crypto else "",
            "type": "spot" if crypto else "",
            "venue": venue if _valid(venue, "A") else "",
        }

    def around(self) -> dict[str, Any]:
        """Return the tables that fit, a name for each symbol, and the command that does the same."""
        fitting = promotion.tables_for(self.version)
        symbols = self.version.symbols
        table = fitting[0].name if fitting else ""
        path = f"/v1/datasets/{self.dataset.ref}/promote"
        named = {symbols[0]: self._prefilled(symbols[0]) or f"VENUE:{symbols[0]}"} if symbols else {}
        body = {"version": self.version.number, "table": table, "policy": "refuse", "instruments": named}
        given = "".join(f" --as {shlex.quote(f'{symbol}={name}')}" for symbol, name in named.items())
        cli = f"nexus lake promote {self.dataset.ref}@{self.version.number} --table {table}{given} --wait"
        return {
            "fitting": fitting,
            "symbols": [
                {"field": f"symbol_{at}", "symbol": symbol, "name": self._said(at, symbol)}
                for at, symbol in enumerate(symbols[:FIELDS])
            ],
            "more_symbols": max(0, len(symbols) - FIELDS),
            "calendars": lake_instruments.CALENDARS,
            "possible": self.version.status in promotion.STATES,
            "copy": copy.commands("POST", path, body, cli=cli),
            "in_lake": lake_links.of(self.version),
        }

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the form with the tables that fit."""
        context = super().context(**kwargs)
        self._offer(context["form"])
        return context

    def made(self, posted: Any) -> forms.Form:
        """Return the form as it was filled in."""
        form = super().made(posted)
        self._offer(form)
        return form

    def _offer(self, form: Any) -> None:
        fitting = promotion.tables_for(self.version)
        form.fields["table"].choices = [(one.name, f"{one.name}: {one.about}") for one in fitting]

    def act(self, said: dict[str, Any]) -> str:
        """Start the promotion; lead to its job."""
        venue = said.pop("venue", "").strip().upper()
        mapped = {}
        for at, symbol in enumerate(self.version.symbols):
            given = self._said(at, symbol) if at < FIELDS else ""
            mapped[symbol] = given or f"{venue}:{symbol}"
        options = said | {"instruments": mapped}
        _, job = promotion.request(self.actor, self.dataset, self.version.number, options)
        return f"/jobs/{job.ref}/"

    def _said(self, at: int, symbol: str) -> str:
        posted = self.request.POST
        return str(posted[f"symbol_{at}"]).strip() if f"symbol_{at}" in posted else self._prefilled(symbol)

    def _prefilled(self, symbol: str) -> str:
        venue = self.version.venue.upper()
        return f"{venue}:{symbol}" if _valid(venue, symbol) else ""


def _valid(venue: str, symbol: str) -> bool:
    try:
        names.name(venue, symbol)
    except ProblemError:
        return False
    return True
