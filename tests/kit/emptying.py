"""What a test committed is deleted after it: rows of tables that have some, and nothing else.

Django's own way (`flush`) also takes away the content types and permissions that migrating made and makes them again:
most of the time between two tests that commit.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

KEPT = ("contenttypes.ContentType", "auth.Permission")


def after_test(case: Any) -> None:
    """Stand in for `TransactionTestCase._fixture_teardown`."""
    for alias in case._databases_names(include_mirrors=False):
        empty(connections[alias])


def empty(connection: BaseDatabaseWrapper) -> None:
    """Delete all rows that are not the migrations' own; the foreign keys are looked at when all are gone."""
    kept = {apps.get_model(name)._meta.db_table for name in KEPT}
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - kept
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})" for table in sorted(tables)
    )
    with transaction.atomic(using=connection.alias, durable=True), connection.cursor() as cursor:
        cursor.execute(asked)
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
