"""Candidates by hand: the form that takes them, the plan before anything is done, and Refresh for entries of the lake.

Other pages lead here by address: `/lakehouse/ingests/refresh/?entry=TABLE/VENUE:SYMBOL` shows what a refresh would do,
`?all=1` with the filters of the list of entries is about all that match.
"""

from __future__ import annotations

import json
import re
import shlex
import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from backfill.ingestion import candidates, planning, requests
from backfill.ingestion.candidates import CandidatesMalformed
from backfill.vendors import registry
from datasets.features.run import VENDOR as FEATURES
from datasets.lake import catalog
from datasets.market import instruments
from datasets.market import tables as lake_tables
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.rest import idempotency
from tradenexus.web import copy
from tradenexus.web.page import Page

HOME = "/lakehouse/ingests/"
SHOWN = 200
SPELLED_OUT = 40  # candidates that a command names one by one; more of them are a file
MOST_BYTES = 2 << 20
FILTERS = {"table": "table", "q": "text", "grade": "grade", "freshness": "freshness", "vendor": "vendor"}
ABOUT = ("table", "venue", "type", "calendar")
FIELDS = ("symbols", "vendor", "freshness", "full", *ABOUT)


class Ask(Page):
    """A form of candidates: filled in, planned, confirmed."""

    template = "backfill/candidates.html"
    nav = "lakehouse"
    title = "Ingest candidates"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the empty form, or with the symbols of the address."""
        return self.form({"symbols": "\n".join(self.query.getlist("symbol"))[:10_000]})

    def form(self, said: dict[str, str]) -> dict[str, Any]:
        """Return what the form shows and offers."""
        listed = registry.listed()
        ready = [each for each in listed if each.vendor]
        fill = sorted({one.table for each in ready for one in each.capabilities})
        body = {"candidates": ["XNAS:AAPL", "XNAS:MSFT"]}
        cli = "nexus ingest refresh candidates.json --plan"
        return {
            "asked": said,
            "hours": f"{settings.NEXUS_INGEST_FRESHNESS_S / 3600:g}",
            "vendors": [each.name for each in ready],
            "unready": [each for each in listed if not each.vendor],
            "offered": [lake_tables.find(name) for name in fill],
            "types": instruments.TYPES,
            "crumbs": [("Lakehouse", "/lakehouse/"), ("Ingests", HOME), (self.title, "")],
            "copy": copy.commands("POST", "/v1/lake/candidates", body, cli=cli, query={"plan": 1}),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show the plan for what the form says, or do what was planned."""
        self.require("write")
        said = {name: request.POST.get(name, "").strip() for name in FIELDS}
        try:
            options = _options(said)
            if request.POST.get("action") == "start":
                handed = _json(request.POST.get("candidates", ""), "the plan")
                return self.done(self.start(handed, options, request.POST.get("key", "")))
            return self.planned(_handed(request, said), options, said)
        except ProblemError as problem:
            refused = problem.details.get("refused", [])
            more = {"problem": problem.message, "refused": refused[:SHOWN]}
            return self.invalid(self.template, self.form(said) | more)

    def start(self, handed: Any, options: planning.Options, key: str) -> str:
        """Hand candidates in, once a form; return where they are followed."""

        def act() -> str:
            run, _, _ = requests.request(self.actor, handed, options)
            return f"{HOME}{run.ref}/"

        return idempotency.press(self.actor, f"POST {HOME}", key, act)

    def planned(self, handed: Any, options: planning.Options, said: dict[str, str], cli: str = "") -> HttpResponse:
        """Show what would be done about candidates, with the button that does it."""
        made = planning.plan(self.actor, handed, options)
        body = _body(handed, options)
        told = _commands(body, options, cli)
        more = {
            "plan": made,
            "shown": {name: getattr(made, name)[:SHOWN] for name in ("queued", "fresh", "refused")},
            "more": {name: max(0, len(getattr(made, name)) - SHOWN) for name in ("queued", "fresh", "refused")},
            "candidates": json.dumps(handed, ensure_ascii=False),
            "key": uuid.uuid4().hex,
            "options": options,
            "copy": told,
            "tongues": told.tongues,
        }
        return self.render(self.form(said) | more)


class Refresh(Ask):
    """Entries of the lake as candidates: a plan for those of the address, or at once for those that were posted."""

    title = "Refresh entries"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show what a refresh of the chosen entries would do."""
        handed = self.entries(self.query)
        if not handed:
            return self.done("/lakehouse/")
        said = dict.fromkeys(FIELDS, "")
        return self.planned(handed, _options(said), said, self.command(handed))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Refresh at once, and lead to what becomes of it."""
        self.require("write")
        handed = self.entries(request.POST)
        said = dict.fromkeys(FIELDS, "") | {"symbols": "\n".join(each["instrument"] for each in handed[:SHOWN])}
        try:
            if not handed:
                raise BadRequest("no entry was chosen")
            return self.done(self.start(handed, _options({}), request.POST.get("key") or uuid.uuid4().hex))
        except ProblemError as problem:
            refused = problem.details.get("refused", [])
            return self.invalid(self.template, self.form(said) | {"problem": problem.message, "refused": refused})

    def entries(self, said: Any) -> list[dict[str, str]]:
        """Return the entries that were chosen, or all that match the filters, as candidates; TableUnknown."""
        if said.get("all"):
            asked = {FILTERS[name]: said.get(name, "") for name in FILTERS}
            found = catalog.entries(self.actor.tenant_id, **asked).exclude(vendor=FEATURES)
            listed = found.order_by("table", "instrument").values_list("table", "instrument")
            pairs = list(listed[: candidates.MOST + 1])
        else:
            split = (text[:160].partition("/") for text in said.getlist("entry")[: candidates.MOST + 1])
            pairs = [(table, instrument) for table, slash, instrument in split if slash]
        return [{"instrument": instrument, "table": table} for table, instrument in pairs]

    def command(self, handed: list[dict[str, str]]) -> str:
        """Return what the command line says for the same entries."""
        if self.query.get("all"):
            named = {"query" if name == "q" else name: self.query.get(name, "") for name in FILTERS}
            options = "".join(f" --{name} {shlex.quote(text)}" for name, text in named.items() if text)
            return f"nexus lake refresh{options or ' --stale'} --plan"
        names = " ".join(shlex.quote(f"{each['table']}/{each['instrument']}") for each in handed[:SPELLED_OUT])
        return f"nexus lake refresh {names} --plan"


def _options(said: dict[str, str]) -> planning.Options:
    text = said.get("freshness", "")
    try:
        hours = float(text) if text else None
    except ValueError as error:
        words = "freshness is a number of hours"
        raise BadRequest(words, {"fields": {"freshness": [words]}}) from error
    return planning.options({"freshnessHours": hours, "vendor": said.get("vendor"), "full": said.get("full")})


def _handed(request: HttpRequest, said: dict[str, str]) -> Any:
    """Return what was pasted or dropped, with what the form says of all that say nothing themselves."""
    file: Any = request.FILES.get("file")
    if bool(file) == bool(said["symbols"]):
        raise CandidatesMalformed("paste symbols or choose a file: one of the two")
    about = {name: said[name] for name in ABOUT if said[name]}
    if file:
        if file.size > MOST_BYTES:
            raise CandidatesMalformed(f"{file.name} is larger than {MOST_BYTES >> 20} MiB")
        handed = _json(file.read(), file.name)
    elif said["symbols"][0] in "[{":
        handed = _json(said["symbols"], "what was pasted")
    else:
        handed = [word for word in re.split(r"[\s,;]+", said["symbols"]) if word]
    if not about:
        return handed
    if isinstance(handed, dict):
        meta = handed.get("meta")
        return handed | {"meta": about | (meta if isinstance(meta, dict) else {})}
    return {"meta": about, "data": [{"symbol": each} if isinstance(each, str) else each for each in handed]}


def _json(data: str | bytes, name: str) -> Any:
    try:
        handed = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise CandidatesMalformed(f"{name} is not JSON: {str(fault)[:200]}") from fault
    if not isinstance(handed, list | dict):
        raise CandidatesMalformed('candidates are a list, or {"meta": {...}, "data": [...]}')
    return handed


def _body(handed: Any, options: planning.Options) -> dict[str, Any]:
    body = {"data": handed.get("data"), "meta": handed.get("meta")} if isinstance(handed, dict) else {}
    body = body or {"candidates": handed}
    body |= {"vendor": options.vendor} if options.vendor else {}
    body |= {"freshnessHours": options.freshness_s / 3600}
    return body | ({"full": True} if options.full else {})


def _commands(body: dict[str, Any], options: planning.Options, cli: str) -> copy.Commands:
    """Return the commands that do the same; a long list of candidates is the file that it came from."""
    listed = body.get("candidates", body.get("data")) or []
    plain = all(isinstance(each, str) for each in listed) and "candidates" in body and len(listed) <= SPELLED_OUT
    given = f" --vendor {shlex.quote(options.vendor)}" if options.vendor else ""
    given += f" --freshness {options.freshness_s / 3600:g}" + " --full" * options.full
    names = " ".join(shlex.quote(each) for each in listed) if plain else "candidates.json"
    told = copy.commands("POST", "/v1/lake/candidates", body, cli=cli or f"nexus ingest refresh {names}{given}")
    if len(listed) <= SPELLED_OUT:
        return told
    curl = copy.commands("POST", "/v1/lake/candidates", {}).curl.replace("-d '{}'", "-d @candidates.json")
    return copy.Commands(curl, told.cli, "")
