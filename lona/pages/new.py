"""A new backtest: strategy, exact versions, days, what to do about missing data; looked at before it is asked for."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict

from datasets import lifecycle, versions
from datasets.models import DatasetVersion
from lona import errors
from lona.backtests import preflight, requests, strategies
from lona.models import Backtest, BacktestInput, MissingData, Strategy, StrategyState
from lona.pages.provider import ProviderPage
from tradenexus import db
from tradenexus.errors import ProblemError
from tradenexus.web import copy

OFFERED = 100
POLICIES = (
    (MissingData.FAIL_FAST, "Stop if anything is missing", "Nothing is sent when a day of the range has no bars."),
    (MissingData.PARTIAL_FILL, "Run with what is there", "Days without bars are left out; the result says how many."),
    (MissingData.AUTO_BACKFILL, "Fetch missing first", "Needs a vendor, and none is configured here yet."),
    (MissingData.SEAMLESS, "Fetch while it runs", "Needs a vendor, and none is configured here yet."),
)
AVAILABLE = (MissingData.FAIL_FAST, MissingData.PARTIAL_FILL)


class BacktestForm(forms.Form):
    """The body of a backtest as a form; same limits as the API's."""

    strategy = forms.CharField(required=False, max_length=80)
    description = forms.CharField(required=False, min_length=10, max_length=20_000)
    name = forms.CharField(required=False, max_length=80)
    dataset = forms.MultipleChoiceField(required=False)
    start = forms.DateField(error_messages={"required": "choose the first day"})
    end = forms.DateField(error_messages={"required": "choose the last day"})
    missing = forms.ChoiceField(choices=MissingData.choices, initial=MissingData.FAIL_FAST)
    cash = forms.FloatField(min_value=0.01, max_value=1e15, initial=100_000)
    commission = forms.FloatField(min_value=0, max_value=0.5, initial=0.001)
    leverage = forms.FloatField(min_value=0.01, max_value=100, initial=1)
    close = forms.BooleanField(required=False, initial=True)
    parameters = forms.CharField(required=False, max_length=10_000)

    def __init__(self, data: Any, offered: list[tuple[str, str]], **options: Any):
        super().__init__(data, **options)
        self.fields["dataset"].choices = offered  # type: ignore[attr-defined]

    def clean_parameters(self) -> dict[str, Any]:
        """Read `name = value` lines; numbers, true and false become such."""
        read: dict[str, Any] = {}
        for line in self.cleaned_data["parameters"].splitlines():
            if not line.strip():
                continue
            name, equals, value = line.partition("=")
            if not equals or not name.strip() or len(name.strip()) > 100:
                raise forms.ValidationError(f"write one `name = value` a line, not {line.strip()[:60]!r}")
            read[name.strip()] = _value(value.strip())
        if len(read) > 100:
            raise forms.ValidationError("at most 100 parameters")
        return read

    def clean(self) -> dict[str, Any]:
        """Refuse what fits each field and not the whole."""
        asked = super().clean() or {}
        if not asked.get("dataset"):
            self.add_error("dataset", "choose at least one dataset")
        if asked.get("start") and asked.get("end"):
            if asked["start"] > asked["end"]:
                self.add_error("end", "must not be before the first day")
            elif asked["start"].year < 1970 or asked["end"].year > 2261:
                self.add_error("start", "must lie between 1970 and 2261")
        return asked

    def asked(self) -> dict[str, Any]:
        """Return the body of the backtest."""
        given = self.cleaned_data
        return {
            "startDate": given["start"],
            "endDate": given["end"],
            "initialCash": given["cash"],
            "datasetIds": given["dataset"],
            "parameters": given["parameters"],
            "commission": given["commission"],
            "leverage": given["leverage"],
            "buyOnClose": given["close"],
            "missingData": given["missing"],
        }


class NewBacktestPage(ProviderPage):
    """The form, and what the run would meet."""

    template = "lona/new.html"
    nav = "backtests"
    title = "New backtest"
    scope = "publish"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the form: filled from a dataset (`?dataset=`), from another backtest (`?from=`) or empty."""
        offered = offers(self.actor.tenant_id, self.query.getlist("dataset"))
        initial = self._initial(offered)
        form = BacktestForm(None, _choices(offered), initial=initial)
        return self._around(form, offered) | {"chosen": initial["dataset"]}

    def post(self, request: HttpRequest) -> HttpResponse:
        """Start the run: make its strategy when one is described, then note the backtest and lead to it."""
        offered = offers(self.actor.tenant_id, request.POST.getlist("dataset"))
        form = BacktestForm(request.POST, _choices(offered))
        if form.is_valid():
            try:
                return self.done(f"/backtests/{self._start(form).ref}/")
            except ProblemError as refused:
                form.add_error(None, f"{refused.message} ({refused.code})")
        context = self._around(form, offered) | {"chosen": request.POST.getlist("dataset")}
        return self.invalid("lona/_new.html", context)

    def _start(self, form: BacktestForm) -> Backtest:
        asked = form.asked()
        strategy = self._strategy(form)
        requests.refuse_empty(self.actor, asked)
        with db.atomic():
            row, _ = requests.create(self.actor, strategy, asked)
        return row

    def _strategy(self, form: BacktestForm) -> Strategy:
        """Find the chosen strategy, or let the provider write the described one; that may take three minutes."""
        if form.cleaned_data["strategy"]:
            return self.find(Strategy, form.cleaned_data["strategy"])
        if not form.cleaned_data["description"]:
            raise errors.StrategyNotReady("choose a strategy, or describe one in at least ten characters")
        with db.atomic():
            noted = strategies.note(self.actor, form.cleaned_data["description"], form.cleaned_data["name"])
        return strategies.make(self.actor, noted)

    def _initial(self, offered: list[DatasetVersion]) -> dict[str, Any]:
        before = self.query.get("from")
        if before:
            return self._as_before(self.find(Backtest, before), offered)
        wanted = [ref for ref in self.query.getlist("dataset") if ref]
        chosen = [_ref(version) for version in offered if _ref(version) in wanted or version.dataset.ref in wanted]
        chosen = chosen or [_ref(version) for version in offered[:1] if not wanted]
        return {"dataset": chosen, **_days(next((one for one in offered if _ref(one) in chosen), None))}

    def _as_before(self, row: Backtest, offered: list[DatasetVersion]) -> dict[str, Any]:
        """Fill the form as a run was: on the same versions, or (`&newest=1`) on the newest of the same datasets."""
        parts = BacktestInput.objects.filter(backtest=row).select_related("version__dataset").order_by("place")
        refs = list(dict.fromkeys(_ref(part.version) for part in parts))
        if self.query.get("newest"):
            names = {ref.partition("@")[0] for ref in refs}
            refs = [_ref(version) for version in offered if version.dataset.ref in names][: len(names)]
        else:
            offered += [part.version for part in parts if _ref(part.version) not in map(_ref, offered)]
        return {
            "dataset": refs,
            "strategy": row.strategy.ref,
            "start": row.start_date,
            "end": row.end_date,
            "missing": row.missing_data,
            "cash": row.initial_cash,
            "commission": row.commission,
            "leverage": row.leverage,
            "close": row.buy_on_close,
            "parameters": "\n".join(f"{name} = {_text(value)}" for name, value in row.parameters.items()),
        }

    def _around(self, form: BacktestForm, offered: list[DatasetVersion]) -> dict[str, Any]:
        ready = Strategy.of(self.actor.tenant_id).filter(state=StrategyState.READY).defer("code", "explanation")
        return {
            "form": form,
            "offered": [(version, _ref(version)) for version in offered],
            "strategies": ready.order_by("-created_at", "-id")[:OFFERED],
            "policies": [(value, words, why, value in AVAILABLE) for value, words, why in POLICIES],
            "crumbs": [("Home", "/"), ("Backtests", "/backtests/"), ("New", None)],
            "copy": copy.commands(
                "POST",
                "/v1/strategies/$STRATEGY/backtests",
                {"datasetIds": ["ds_...@1"], "startDate": "2024-01-08", "endDate": "2024-01-12"},
                "nexus backtest submit --strategy $STRATEGY --dataset ds_...@1 --start 2024-01-08 --end 2024-01-12",
            ),
        }


class PreflightPart(ProviderPage):
    """What the run on the form would meet; asked for at each change."""

    template = fragment = "lona/_preflight.html"
    nav = "backtests"
    scope = "publish"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Look, with the form as it is; nothing is changed."""
        offered = offers(self.actor.tenant_id, request.POST.getlist("dataset"))
        form = BacktestForm(request.POST, _choices(offered))
        if not form.is_valid():
            return self.render({"form": form, "look": None})
        strategy = self._strategy(request.POST)
        return self.render({"form": form, "look": preflight.look(self.actor, form.asked(), strategy)})

    def _strategy(self, given: QueryDict) -> Strategy | None:
        ref = given.get("strategy")
        return self.find(Strategy, str(ref)) if ref else None


def offers(tenant_id: UUID, wanted: list[str]) -> list[DatasetVersion]:
    """Return what can run: the newest runnable version of each dataset, newest first, and the versions asked for."""
    rows = DatasetVersion.of(tenant_id).filter(status__in=lifecycle.RUNNABLE, kind="bars").select_related("dataset")
    found: dict[Any, DatasetVersion] = {}
    for version in rows.order_by("-created_at", "-id")[: 3 * OFFERED]:
        there = found.get(version.dataset_id)
        if there is None or there.number < version.number:
            found[version.dataset_id] = version
    offered = list(found.values())[:OFFERED]
    for ref in wanted[:20]:
        asked = _runnable(tenant_id, ref)
        if asked is not None and asked.id not in {one.id for one in offered}:
            offered.insert(0, asked)
    return offered


def _runnable(tenant_id: UUID, ref: str) -> DatasetVersion | None:
    try:
        version = versions.resolve(tenant_id, ref, lifecycle.RUNNABLE)
    except ProblemError:
        return None
    return version if version.kind == "bars" else None


def _choices(offered: list[DatasetVersion]) -> list[tuple[str, str]]:
    return [(_ref(version), version.dataset.name) for version in offered]


def _ref(version: DatasetVersion) -> str:
    return f"{version.dataset.ref}@{version.number}"


def _days(version: DatasetVersion | None) -> dict[str, Any]:
    if version is None or version.start_ns is None or version.end_ns is None:
        return {}
    first, last = (datetime.fromtimestamp(ns // 10**9, UTC).date() for ns in (version.start_ns, version.end_ns))
    return {"start": first, "end": last}


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    plain = isinstance(value, bool | int | float | str) and not (isinstance(value, float) and not math.isfinite(value))
    return value if plain else text


def _text(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value
