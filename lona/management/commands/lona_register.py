"""`manage.py lona_register`: register this installation's agent at the provider and print its token, once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lona import errors
from lona.client import connect


class Command(BaseCommand):
    """Asks for an invite (3 an hour) or shows the registration secret, then registers; nothing is stored here."""

    help = "Register LONA_AGENT_ID at LONA_GATEWAY_URL and print the token to put into LONA_AGENT_TOKEN_FILE."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take an invite code that somebody gave us."""
        parser.add_argument("--invite-code", default="", help="an invite code; without one, one is asked for")

    def handle(self, *args: Any, **options: Any) -> None:
        """Register and print."""
        if not settings.LONA_AGENT_ID:
            raise CommandError("set LONA_AGENT_ID first: the name of this installation at the provider")
        client, secret = connect("lona-register"), settings.LONA_AGENT_REGISTRATION_SECRET
        try:
            code = options["invite_code"]
            if not code and not secret:
                code = str(client.request_invite(settings.LONA_AGENT_NAME).get("invite_code", ""))
            made = client.register(settings.LONA_AGENT_NAME, code, secret)
        except errors.LonaError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from refused
        self.stderr.write(f"registered {settings.LONA_AGENT_ID}; the token ends at {made.get('expires_at')}")
        self.stdout.write(str(made.get("token", "")))
