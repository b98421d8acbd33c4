"""Run jobs until told to stop."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tradenexus.jobs.watchdog import Watchdog


class Command(BaseCommand):
    """`manage.py worker`: any number of them may work on one database, on one host or several."""

    help = "Run jobs until SIGTERM or SIGINT."
    requires_system_checks: list[str] = []  # they would load every page and view into each worker process

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the command's options."""
        parser.add_argument("--concurrency", type=int, default=settings.NEXUS_WORKERS, help="jobs run at once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work."""
        Watchdog(max(1, options["concurrency"])).run()
