"""What can be done with a dataset, as forms: validate (with answers to what is open), make candles, archive."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from datasets import descriptions, lifecycle, listing, validation
from datasets.market import intervals
from datasets.market.kinds import ASSET_CLASSES, COLUMNS, KINDS
from datasets.models import DatasetVersion, QualityReport, Status
from datasets.pages.frame import DatasetPage
from datasets.transforms import run as candles
from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError, Unprocessable
from tradenexus.web import copy

FREQUENCIES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
_UNITS = (
    *(("", "found by itself"), ("s", "seconds"), ("ms", "milliseconds")),
    *(("us", "microseconds"), ("ns", "nanoseconds")),
)
_PRICES = (("", "by the kind of data"), *((price, price) for price in ("trade", "bid", "ask", "mid")))
_ORDERS = (("", "found by itself"), ("dmy", "day before month"), ("mdy", "month before day"))
_SIDES = (("", "found by itself"), ("taker", "side of the taker"), ("maker", "side of the maker"), ("none", "no side"))
_KINDS = (("", "found by itself"), *((kind, kind) for kind in KINDS))
_PROFILES = (("standard", "standard"), ("lenient", "lenient"), ("strict", "strict"))


class ValidateForm(forms.Form):
    """How the raw file is to be read and judged; what stays empty is found out from the file."""

    kind = forms.ChoiceField(choices=_KINDS, required=False, label="Kind of data")
    timezone = forms.CharField(max_length=64, required=False, label="Time zone of times without one")
    timestampUnit = forms.ChoiceField(choices=_UNITS, required=False, label="Unit of numeric times")
    dateOrder = forms.ChoiceField(choices=_ORDERS, required=False, label="Order of day and month")
    sideRule = forms.ChoiceField(choices=_SIDES, required=False, label="What the side column says")
    symbol = forms.CharField(max_length=128, required=False, label="Symbol of all rows")
    venue = forms.CharField(max_length=64, required=False, label="Venue")
    calendar = forms.CharField(max_length=32, required=False, label="Calendar")
    interval = forms.CharField(max_length=8, required=False, label="Interval of bars")
    profile = forms.ChoiceField(choices=_PROFILES, required=False, label="Quality profile")


class CandlesForm(forms.Form):
    """Which bars are wanted."""

    frequency = forms.CharField(max_length=96, label="Frequency, or several")
    price = forms.ChoiceField(choices=_PRICES, required=False, label="Price")
    emptyBars = forms.ChoiceField(
        choices=[("omit", "leave them out"), ("fill", "fill them with the last close, marked as filled")],
        required=False,
        label="Times without trades",
    )
    session = forms.CharField(max_length=32, required=False, label="Exchange calendar of daily bars")

    def clean_frequency(self) -> list[str]:
        """Return the frequencies, at most twelve, each once."""
        words = self.cleaned_data["frequency"].replace(",", " ").split()
        try:
            named = [intervals.parse(each).text for each in words]
        except intervals.FrequencyUnsupported as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        if not named or len(named) > 12 or len(set(named)) < len(named):
            raise forms.ValidationError("Name up to twelve frequencies, each once.")
        return named


class DescribeForm(forms.Form):
    """What is said of a dataset beside its files."""

    vendor = forms.CharField(max_length=descriptions.LONGEST, required=False, label="Vendor")
    assetClass = forms.ChoiceField(
        choices=[("", "not said"), *((one, one) for one in ASSET_CLASSES)], required=False, label="Asset class"
    )


class FormPage(DatasetPage):
    """A form about one version: shown by GET, done by POST, shown again with its errors as 422."""

    live = False
    bare = True
    tab = "overview"
    form: type[forms.Form]

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the empty form."""
        return {"form": self.form(initial=self.initial()), **self.around()}

    def initial(self) -> dict[str, Any]:
        """Return what the fields hold at first."""
        return {}

    def around(self) -> dict[str, Any]:
        """Return what stands around the form."""
        return {}

    def made(self, posted: Any) -> forms.Form:
        """Return the form as it was filled in."""
        return self.form(posted)

    def act(self, said: dict[str, Any]) -> str:
        """Do it, inside a transaction; return the address to go on to."""
        raise Unprocessable("nothing to do")

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Check the form, act, and go on; a refusal of the verb is told above the form."""
        self.require("write")
        self.locate(**kwargs)
        form = self.made(request.POST)
        if form.is_valid():
            try:
                with db.atomic():
                    url = self.act({name: value for name, value in form.cleaned_data.items() if value})
                return self.done(url)
            except (BadRequest, Unprocessable) as refusal:
                form.add_error(None, _words(refusal))
        return self.invalid(self.fragment or self.template, self.framed({"form": form, **self.around()}))


def _words(refusal: ProblemError) -> str:
    named = [
        f"{name}: {', '.join(map(str, words))}" for name, words in (refusal.details or {}).get("fields", {}).items()
    ]
    return " ".join([refusal.message, *named])


class Validate(FormPage):
    """Validate a version, or fix how it is read and validate again."""

    fragment = "datasets/_validate.html"
    form = ValidateForm

    def initial(self) -> dict[str, Any]:
        """Return what was declared before."""
        return {name: value for name, value in self.version.params.items() if isinstance(value, str)}

    def around(self) -> dict[str, Any]:
        """Return the open questions, the mapping rows and the command that does the same."""
        report = QualityReport.of(self.actor.tenant_id).filter(version=self.version).first()
        questions = _questions(report)
        path = f"/v1/datasets/{self.dataset.ref}/validate"
        cli = f"nexus validate {self.dataset.ref}@{self.version.number} --wait"
        return {
            "report": report,
            "questions": questions,
            "asked_fields": {question["field"] for question in questions},
            "mapping": self._mapping(questions),
            "columns_known": self._columns(questions),
            "possible": self.version.status in validation.MAY_VALIDATE,
            "copy": copy.commands("POST", path, {"version": self.version.number}, cli=cli),
        }

    def act(self, said: dict[str, Any]) -> str:
        """Start the validation with what was said."""
        posted = {name: str(value).strip() for name, value in self.request.POST.items() if name.startswith("map_")}
        mapping = {name[4:]: value for name, value in posted.items() if value and "\0" not in value}
        options = said | ({"columnMapping": mapping} if mapping else {})
        validation.request(self.actor, self.dataset, self.version.number, options)
        return self.pinned_base(self.version)

    def _columns(self, questions: list[dict[str, Any]]) -> list[str]:
        found = [
            str(option) for one in questions if one["field"] == "columnMapping" for option in one.get("options", [])
        ]
        known = ((self.version.plan or {}).get("columnMapping") or {}).values()
        return list(dict.fromkeys([*found, *map(str, known)]))

    def _mapping(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        plan = self.version.plan or {}
        kind = self.version.params.get("kind") or plan.get("kind") or self.version.kind
        targets = [*(name for name in COLUMNS.get(kind, COLUMNS["bars"]) if name != "filled"), "symbol"]
        missing = {target for one in questions for target in one.get("targets", [])}
        said = (plan.get("columnMapping") or {}) | (self.version.params.get("columnMapping") or {})
        posted = self.request.POST
        names = list(dict.fromkeys([*sorted(missing), *targets]))
        return [
            {"target": name, "column": posted.get(f"map_{name}", said.get(name, "")), "missing": name in missing}
            for name in names
        ]


def _questions(report: QualityReport | None) -> list[dict[str, Any]]:
    issues = report.body.get("issues", []) if report else []
    return [question for issue in issues for question in (issue.get("details") or {}).get("questions", [])]


class Candles(FormPage):
    """Make candles of a version."""

    fragment = "datasets/_candles.html"
    form = CandlesForm

    def initial(self) -> dict[str, Any]:
        """Return the usual choice: one minute from ticks, a day from bars."""
        return {"frequency": "1d" if self.version.kind == "bars" else "1m", "emptyBars": "omit"}

    def around(self) -> dict[str, Any]:
        """Return the usual frequencies and the command that does the same."""
        path = f"/v1/datasets/{self.dataset.ref}/transform/candles"
        body = {"frequency": self.initial()["frequency"], "version": self.version.number}
        cli = f"nexus transform candles {self.dataset.ref}@{self.version.number} --frequency {body['frequency']} --wait"
        return {
            "frequencies": FREQUENCIES,
            "possible": self.version.status in candles.SOURCES,
            "copy": copy.commands("POST", path, body, cli=cli),
        }

    def act(self, said: dict[str, Any]) -> str:
        """Start making candles; the same request leads to the version that is already there."""
        wanted = said.pop("frequency")
        _, outputs, _ = candles.request_many(self.actor, self.dataset, self.version.number, said, wanted)
        return self.pinned_base(outputs[0]) if len(outputs) == 1 else f"/datasets/{self.dataset.ref}/versions/"


class ArchiveForm(forms.Form):
    """The dataset's name, typed, so that it is meant."""

    name = forms.CharField(max_length=255, strip=False, label="Type the name of the dataset")


class Archive(FormPage):
    """Archive a version: it takes no further part; nothing is deleted."""

    fragment = "datasets/_archive.html"
    form = ArchiveForm

    def around(self) -> dict[str, Any]:
        """Return what was made of the version and goes on to exist."""
        ref = f"{self.dataset.ref}@{self.version.number}"
        path = f"/v1/datasets/{self.dataset.ref}?version={self.version.number}"
        children = DatasetVersion.of(self.actor.tenant_id).filter(parent=self.version).order_by("number")[:50]
        return {
            "children": children,
            "possible": Status.ARCHIVED in lifecycle.EDGES[self.version.status],
            "copy": copy.commands("DELETE", path, cli=f"nexus dataset archive {ref}"),
        }

    def act(self, said: dict[str, Any]) -> str:
        """Archive it when the name is right."""
        if said["name"] != self.dataset.name:
            raise Unprocessable("That is not the name of this dataset.")
        lifecycle.advance(self.version, Status.ARCHIVED, self.actor, reason="archived by request")
        return f"/datasets/{self.dataset.ref}/"


class Describe(FormPage):
    """Say where a dataset was got and what is traded in it."""

    fragment = "datasets/_describe.html"
    form = DescribeForm

    def initial(self) -> dict[str, Any]:
        """Return what was said before."""
        return {"vendor": self.dataset.vendor, "assetClass": self.dataset.asset_class}

    def around(self) -> dict[str, Any]:
        """Return the vendors named so far and the same thing as commands."""
        said = {"vendor": self.dataset.vendor or "binance", "assetClass": self.dataset.asset_class or "crypto"}
        flags = f"--vendor {shlex.quote(said['vendor'])} --asset-class {said['assetClass']}"
        cli = f"nexus dataset describe {self.dataset.ref} {flags}"
        return {
            "vendors": listing.said(self.actor.tenant_id, "vendor"),
            "copy": copy.commands("PATCH", f"/v1/datasets/{self.dataset.ref}", said, cli=cli),
        }

    def act(self, said: dict[str, Any]) -> str:
        """Write it down."""
        told = {"vendor": said.get("vendor", ""), "asset_class": said.get("assetClass", "")}
        descriptions.change(self.actor, self.dataset, **told)
        return f"/datasets/{self.dataset.ref}/"
