"""The registration command against the sandbox."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lona.client import connect
from tests.lona.sandbox.process import SECRET


def register(**options):
    out = StringIO()
    call_command("lona_register", stdout=out, stderr=StringIO(), **options)
    return out.getvalue().strip()


@pytest.mark.parametrize("secret", ["", SECRET])
def test_an_agent_is_registered_by_invite_or_secret_and_its_token_works(provider, settings, secret):
    settings.LONA_AGENT_ID, settings.LONA_AGENT_TOKEN = f"new-{bool(secret)}", ""
    settings.LONA_AGENT_REGISTRATION_SECRET = secret
    settings.LONA_AGENT_TOKEN = register()
    assert list(connect("r").symbols()) == []


def test_a_refusal_is_told_with_its_code(provider, settings):
    settings.LONA_AGENT_ID = "new-agent"
    with pytest.raises(CommandError, match="LONA_CREDENTIALS_REFUSED"):
        register(invite_code="wrong")


def test_without_a_name_nothing_is_asked(provider, settings):
    settings.LONA_AGENT_ID = ""
    with pytest.raises(CommandError, match="LONA_AGENT_ID"):
        register()
