"""`manage.py backup DIR`: copy the database and every stored file it names, while everything goes on."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.maintenance import backup, restore
from tradenexus.errors import ProblemError


class Command(BaseCommand):
    """Makes one, or verifies one with `--verify`."""

    help = "Make a backup in a folder of backups; files that the one before has are linked, not copied."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("folder", type=Path, help="folder of backups; with --verify: one backup")
        parser.add_argument("--keep", type=int, default=0, help="afterwards remove all but the newest so many")
        parser.add_argument("--verify", action="store_true", help="check every digest of a backup, make none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or verify; exit code 1 when a stored file is damaged and no earlier backup has it."""
        try:
            if options["verify"]:
                self.stdout.write(json.dumps(restore.verify(options["folder"].resolve()), indent=2))
                return
            path, result = backup.make(options["folder"].resolve(), keep=options["keep"])
        except ProblemError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(json.dumps({"path": str(path), **result}, indent=2))
        self.stderr.write(restore.SECRETS)
        if not result["ok"]:
            sys.exit(1)
