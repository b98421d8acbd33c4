"""The site of the operations desk: it takes desks only.

Libraries bring admins of their own along (groups, the queue's messages, sign-in attempts) that edit and delete rows
without a reason and without an audit entry; they are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from tradenexus.ops.desk import Desk

GROUPS = {"axes": "Sign-in", "tenancy": "People and workspaces", "lona": "Publishing and backtests"}


class Site(admin.AdminSite):
    """Django's admin site without anything that edits."""

    site_header = site_title = "Trade Nexus operations"
    index_title = "Operations"
    site_url = None  # the frame of its pages leads back to the product
    enable_nav_sidebar = False

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Name the groups of tables as people know them."""
        found = super().get_app_list(request, app_label)
        for app in found:
            app["name"] = GROUPS.get(app["app_label"], app["name"])
        return found

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        """Take a model with its desk; leave out any other admin."""
        if admin_class is not None and issubclass(admin_class, Desk):
            super().register(model_or_iterable, admin_class, **options)
