"""`manage.py repair`: find the gaps of every workspace's lake, or of one's, and have them filled; waits for it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backfill.management import working
from backfill.models import RepairRun
from backfill.repair import requests, settling
from datasets.models import LakeEntry
from tradenexus import actor as actors
from tradenexus import db
from tradenexus.errors import ProblemError
from tradenexus.tenancy.models import Tenant


class Command(BaseCommand):
    """The same work as the weekly job's; run it as often as wanted."""

    help = "Fill the gaps of the lake: what its calendars expect and vendors have."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("entries", nargs="*", help="TABLE/VENUE:SYMBOL or VENUE:SYMBOL, with * and ?; default: all")
        parser.add_argument("--workspace", default="", help="only this one, by name")
        parser.add_argument("--from", dest="start", default="", help="first moment or date (UTC)")
        parser.add_argument("--to", dest="end", default="", help="moment after the last")
        parser.add_argument("--plan", action="store_true", help="only look for gaps, fetch nothing")
        parser.add_argument("--patience", type=float, default=6 * 3_600, help="seconds after which it waits no longer")

    def handle(self, *args: Any, **options: Any) -> None:
        """Repair, print what came of it as JSON; exit code 1 when a job or range failed or an entry cannot be read."""
        said = {"entries": options["entries"], "from": options["start"], "to": options["end"], "plan": options["plan"]}
        tenants = Tenant.objects.order_by("name")
        if options["workspace"]:
            tenants = tenants.filter(name=options["workspace"])
            if not tenants:
                raise CommandError(f"there is no workspace {options['workspace']!r}")
        asked = []
        for tenant in tenants:
            if LakeEntry.of(tenant.id).exists():
                asked.append((tenant.name, _asked(tenant, said)))
        jobs = [repair.job for _, repair in asked if repair.job]
        told = working.until_done(jobs, options["patience"])
        shown = [_shown(name, repair, job) for (name, repair), job in zip(asked, told, strict=True)]
        faulty = any(each["counts"]["failed"] or each["found"].get("unreadable") for each in shown)
        ok = working.succeeded(told) and not faulty
        self.stdout.write(json.dumps({"ok": ok, "workspaces": shown}, indent=2, default=str))
        if not ok:
            sys.exit(1)


def _asked(tenant: Tenant, said: dict[str, Any]) -> RepairRun:
    try:
        with db.atomic():
            return requests.request(actors.system(tenant.id, "manage-repair"), said)
    except ProblemError as refused:
        raise CommandError(f"{refused.code}: {refused.message}") from refused


def _shown(name: str, repair: RepairRun, job: dict[str, Any]) -> dict[str, Any]:
    repair.refresh_from_db()
    return {
        "workspace": name,
        "repairId": repair.ref,
        "job": {"id": job["id"], "state": job["state"], "error": job["error"]},
        "found": repair.found,
        "counts": settling.counts(repair),
        "filled": settling.filled(repair),
        "spent": repair.spent,
    }
