"""`manage.py flow`: the nightly cycle by one command: take, ingest, audit, features, export, each waited for."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backfill.management import stages, working
from tradenexus import db
from tradenexus.errors import ProblemError


class Command(BaseCommand):
    """Run it as often as wanted: what is fresh, built or exported as it stands is left alone."""

    help = "Do the nightly cycle in order: " + ", ".join(stages.STAGES)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("--from", dest="first", choices=list(stages.STAGES), help="begin with this stage")
        parser.add_argument("--patience", type=float, default=6 * 3_600, help="seconds that a stage may take")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do stage after stage; print JSON at the end. A stage that fails ends it: exit code 1, `failed` names it."""
        names = list(stages.STAGES)
        done: list[dict[str, Any]] = []
        for name in names[names.index(options["first"] or names[0]) :]:
            done.append(self._stage(name, options["patience"]))
            if not done[-1]["ok"]:
                break
        failed = next((each["stage"] for each in done if not each["ok"]), None)
        told = {"ok": failed is None, "failed": failed, "stages": done}
        self.stdout.write(json.dumps(told, indent=2, default=str))
        if failed:
            self._say(f"{failed} failed: {'; '.join(done[-1]['why'])}")
            sys.exit(1)

    def _stage(self, name: str, patience_s: float) -> dict[str, Any]:
        began, begun = db.now(), time.monotonic()
        self._say(f"{name} begins")
        found: list[dict[str, Any]] = []
        told: dict[str, Any] = {}
        try:
            jobs, told = stages.STAGES[name]()
            found = working.until_done(jobs, patience_s)
            why = [fault for each in found if (fault := stages.fault(each))] or stages.findings(name, found)
        except ProblemError as problem:
            why = [f"{problem.code}: {problem.message}"]
        items = stages.items_of(told)
        seconds = round(time.monotonic() - begun, 1)
        words = ", ".join(f"{count} {state}" for state, count in (items or told).items() if isinstance(count, int))
        self._say(
            f"{name} {'failed' if why else 'done'} in {seconds} s: {len(found)} job(s){'; ' * bool(words)}{words}"
        )
        facts = {"startedAt": began, "seconds": seconds, "ok": not why, "why": why, **told, "items": items}
        return {"stage": name, **facts, "jobs": found}

    def _say(self, words: str) -> None:
        self.stderr.write(f"{db.now():%Y-%m-%d %H:%M:%S}Z {words}")
