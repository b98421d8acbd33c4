"""Signing in, keys, me."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Django's handle on the app."""

    name = "tradenexus.accounts"
    label = "accounts"
