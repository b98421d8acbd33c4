"""`manage.py maintenance CHORE`: upkeep over all workspaces, in this process; ends with 1 when something is wrong."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from datasets.maintenance import chores


class Command(BaseCommand):
    """Does a chore now; the same work as the scheduled job's, and its result is kept like that one's."""

    help = "Do upkeep over all workspaces: " + ", ".join(chores.ASKED)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("chore", choices=list(chores.ASKED))
        parser.add_argument("--deep", action="store_true", help="fsck: read every byte and compare digests")
        parser.add_argument(
            "--whole", action="store_true", help="scrub: not this hour's share only; audit: all history"
        )
        parser.add_argument("--dry-run", action="store_true", help="gc: only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and print the result as JSON."""
        wishes = {"deep": options["deep"], "whole": options["whole"], "dryRun": options["dry_run"]}
        params = {name: True for name, wished in wishes.items() if wished}
        result = chores.everywhere(options["chore"], params, request_id=f"manage-{options['chore']}")
        self.stdout.write(json.dumps(result, indent=2, default=str))
        if not result["ok"]:
            sys.exit(1)
