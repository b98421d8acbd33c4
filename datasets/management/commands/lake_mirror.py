"""`manage.py lake_mirror`: write catalog, quality ledger and list of files of a workspace's lake into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from datasets.exports import mirror
from tradenexus.tenancy.models import Tenant


class Command(BaseCommand):
    """Each file is replaced at once; run it as often as wanted."""

    help = "Write catalog.json, qc/partition_status.parquet, segments.jsonl and views.sql of a workspace's lake."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument("--tenant", required=True, help="name of the workspace")
        parser.add_argument("--to", default="", help="folder; default: lake/ beside the workspace's bundles")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and name the files."""
        tenant = Tenant.objects.filter(name=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"there is no workspace {options['tenant']!r}")
        folder = Path(options["to"]) if options["to"] else mirror.place(tenant.id)
        for path in mirror.write(tenant.id, folder):
            self.stdout.write(str(path))
