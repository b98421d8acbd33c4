"""The registry of instruments: what is said of each, since when, and the form that says it."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar
from urllib.parse import quote

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets.lake import instruments
from datasets.market import instruments as names
from datasets.models import Instrument, LakeEntry
from tradenexus import db
from tradenexus.errors import BadRequest, NotFound
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

CALENDARS = ("24/7", "XNYS", "XNAS", "XLON", "XTKS", "XHKG", "CME", "us_futures")


class DescribeForm(forms.Form):
    """What is true of an instrument, from a date on."""

    name = forms.CharField(max_length=97, label="Name")
    type = forms.ChoiceField(choices=[(one, one) for one in names.TYPES], label="Type")
    calendar = forms.CharField(max_length=16, required=False, label="Calendar")
    timezone = forms.CharField(max_length=64, required=False, label="Time zone")
    base = forms.CharField(max_length=32, required=False, label="Base")
    quote = forms.CharField(max_length=32, required=False, label="Quote")
    tick_size = forms.CharField(max_length=32, required=False, label="Tick size")
    lot_size = forms.CharField(max_length=32, required=False, label="Lot size")
    valid_from = forms.DateTimeField(required=False, label="True from")


class Registry(Page):
    """All instruments as they are described now."""

    template = "datasets/lake_instruments.html"
    fragment: ClassVar[str | None] = "datasets/_lake_instruments.html"
    nav = "lakehouse"
    title = "Instruments"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return one page by name, and the form."""
        text = self.query.get("q", "")[:100].replace("\0", "")
        everything = Instrument.of(self.actor.tenant_id).filter(valid_until=None)
        rows = everything.filter(name__icontains=text) if text else everything
        cli = "nexus lake instruments" + (f" --query {shlex.quote(text)}" if text else "")
        return {
            "crumbs": [("Lakehouse", "/lakehouse/"), (self.title, "")],
            "pager": tables.page(self.request, rows, ("name",)),
            "total": everything.count(),
            "text": text,
            "copy": copy.commands("GET", "/v1/lake/instruments", cli=cli, query={"q": text}),
            "twin": "/v1/lake/instruments",
            **around(DescribeForm(initial={"timezone": "UTC", "calendar": "24/7"}), "/lakehouse/instruments/"),
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Describe an instrument; a refusal is told in the form."""
        self.require("write")
        form = DescribeForm(request.POST)
        if form.is_valid():
            said = form.cleaned_data
            facts = {name: said[name] for name in instruments.FIELDS}
            try:
                with db.atomic():
                    made = instruments.describe(self.actor, said["name"], facts, said["valid_from"])
                return self.done(url_of(made.name))
            except BadRequest as refusal:
                form.add_error(None, refusal.message)
        return self.invalid(self.fragment or self.template, self.context(**kwargs) | {"form": form, "opened": True})


class History(Registry):
    """One instrument: every description with the dates between which it was true, and what the lake holds of it."""

    template = "datasets/lake_instrument.html"
    fragment = None

    def context(self, name: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the descriptions, the newest first; NotFound when there is none."""
        parsed = str(names.parse(name))
        told = list(instruments.history(self.actor.tenant_id, parsed)[:100])
        if not told:
            raise NotFound(f"the registry has no instrument {name[:100]!r}")
        entries = LakeEntry.of(self.actor.tenant_id).filter(instrument=parsed, updated_at__isnull=False)
        current = {field: getattr(told[0], field) for field in instruments.FIELDS}
        path = f"/v1/lake/instruments/{parsed}"
        form = DescribeForm(initial=current | {"name": parsed})
        return {
            "title": f"Instrument {parsed}",
            "heading": parsed,
            "crumbs": [("Lakehouse", "/lakehouse/"), ("Instruments", "/lakehouse/instruments/"), (parsed, "")],
            "told": told,
            "entries": entries.order_by("table"),
            "copy": copy.commands("GET", path, cli=f"nexus lake instruments {shlex.quote(parsed)}"),
            "twin": path,
            "fixed": True,
            **around(form, url_of(parsed), current | {"name": parsed}),
        }


def around(form: DescribeForm, action: str, said: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the form with what it leads to and its commands."""
    body = {"name": "BINANCE:ETH-BTC", "type": "spot", "calendar": "24/7"} | {
        name: value for name, value in (said or {}).items() if value and "_" not in name
    }
    told = copy.commands(
        "POST", "/v1/lake/instruments", body, cli=f"nexus api POST /v1/lake/instruments{_fields(body)}"
    )
    return {"form": form, "action": action, "calendars": CALENDARS, "ways": told.tongues[:2]}


def url_of(name: str) -> str:
    """Return the address of an instrument's page."""
    return f"/lakehouse/instruments/{quote(name, safe=':')}/"


def _fields(body: dict[str, str]) -> str:
    return "".join(f" -F {shlex.quote(f'{name}={value}')}" for name, value in body.items())
