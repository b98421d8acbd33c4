"""`manage.py bootstrap`: make a workspace, a person, a membership, a key and a sign-in link; print them once."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from tradenexus import db, ids
from tradenexus.accounts import links
from tradenexus.actor import ALL_SCOPES, system
from tradenexus.events import outbox
from tradenexus.tenancy import keys
from tradenexus.tenancy.models import ApiKey, Membership, Role, Tenant, User


class Command(BaseCommand):
    """Idempotent but for the key and the link, which are new each time (secrets are not kept)."""

    help = "Make a workspace, its first person, an API key and a one-time sign-in link."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument("--tenant", required=True, help="name of the workspace")
        parser.add_argument("--user", required=True, help="e-mail address of the person")
        parser.add_argument("--role", default="admin", choices=Role.values)
        parser.add_argument("--scopes", default="", help="comma-separated scopes of the key; default: all of the role")
        parser.add_argument("--key-name", default="bootstrap")
        parser.add_argument("--staff", action="store_true", help="also let the person into the operations admin")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it in one transaction and print the secrets once."""
        try:
            validate_email(options["user"])
        except ValidationError as error:
            raise CommandError(f"--user must be an e-mail address, not {options['user']!r}") from error
        scopes = {part.strip() for part in options["scopes"].split(",") if part.strip()}
        if scopes - ALL_SCOPES:
            raise CommandError(f"--scopes knows read, write, publish, admin, not {', '.join(scopes - ALL_SCOPES)}")
        with db.atomic():
            made = self._make(options, scopes)
        self._show(made, options["json"])

    def _make(self, options: dict[str, Any], scopes: set[str]) -> dict[str, Any]:
        tenant, _ = Tenant.objects.get_or_create(name=options["tenant"])
        user = User.objects.filter(email=options["user"].lower()).first() or User.objects.create_user(options["user"])
        if options["staff"]:
            User.objects.filter(id=user.id).update(is_staff=True, is_superuser=True)
        membership, _ = Membership.everyone.get_or_create(tenant=tenant, user=user, defaults={"role": options["role"]})
        key, text = keys.create(tenant, user, options["key_name"], scopes or membership.scopes)
        # A key of this name made by an earlier run is replaced: its secret was shown then and may be lost.
        ApiKey.of(tenant.id).filter(user=user, name=options["key_name"], revoked_at=None).exclude(id=key.id).update(
            revoked_at=db.now()
        )
        link = links.create(user)
        actor = system(tenant.id, f"bootstrap-{ids.uuid7().hex}")
        outbox.record(actor, "tenant.bootstrapped", key.ref, new="active", details={"user": user.email})
        return {
            "tenantId": ids.encode("tnt", tenant.id),
            "tenant": tenant.name,
            "userId": ids.encode("usr", user.id),
            "user": user.email,
            "role": membership.role,
            "keyId": key.ref,
            "key": text,
            "scopes": key.scopes,
            "loginPath": link,
        }

    def _show(self, made: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(made))
            return
        width = max(map(len, made))
        for name, value in made.items():
            self.stdout.write(f"{name:<{width}}  {', '.join(value) if isinstance(value, list) else value}")
        self.stdout.write("The key and the link are shown this once.")
