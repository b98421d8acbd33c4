"""Browsers of the people."""

from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def browse():
    """Return a function: a browser that a person has signed in with."""

    def signed_in(person: Any) -> Client:
        client = Client()
        client.force_login(person.user)
        return client

    return signed_in
