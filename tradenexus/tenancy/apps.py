"""Tenants, people and keys."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """Django's handle on the app."""

    name = "tradenexus.tenancy"
    label = "tenancy"
