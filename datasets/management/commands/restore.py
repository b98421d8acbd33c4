"""`manage.py restore BACKUP`: fill an empty installation (NEXUS_HOME, DATABASE_URL, NEXUS_STORAGE) from a backup."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.maintenance import restore
from tradenexus.errors import ProblemError


class Command(BaseCommand):
    """Checks every digest, then writes; refuses an installation that holds anything."""

    help = "Restore a backup into an empty installation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("backup", type=Path, help="the folder of one backup")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore and say what to do next."""
        try:
            result = restore.restore(options["backup"].resolve())
        except ProblemError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps(result, indent=2))
        self.stderr.write(restore.SECRETS)
        self.stderr.write("Next: manage.py migrate; manage.py maintenance fsck --deep; then start it.")
