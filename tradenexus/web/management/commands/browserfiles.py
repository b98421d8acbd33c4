"""`manage.py browserfiles`: collectstatic, but only when a browser file changed since the last time."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from tradenexus.web import browserfiles


class Command(BaseCommand):
    """Collects the browser files that templates name; quick when nothing changed."""

    help = "Collect the browser files under hashed names, unless nothing changed since the last time."

    def add_arguments(self, parser: Any) -> None:
        """Take --force."""
        parser.add_argument("--force", action="store_true", help="collect although nothing changed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect, then write down of what."""
        if browserfiles.is_collected() and not options["force"]:
            return
        value = browserfiles.stamp()
        call_command("collectstatic", interactive=False, verbosity=0)
        browserfiles.note(value)
