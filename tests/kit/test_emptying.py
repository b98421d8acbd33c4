"""After a test that commits, the database is as the migrations left it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from datasets.models import DatasetVersion
from tests.kit import emptying, factories
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)


def filled() -> set[str]:
    return {model._meta.label for model in apps.get_models() if model._base_manager.exists()}


def test_every_row_goes_whatever_refers_to_it_and_what_migrating_made_stays(owner, stranger, tmp_path):
    factories.sealed(owner, tmp_path, rows=10)
    assert filled() > {DatasetVersion._meta.label, Entry._meta.label, "tenancy.Tenant", "tenancy.Membership"}
    made = set(ContentType.objects.values_list("pk")), set(Permission.objects.values_list("pk"))
    emptying.empty(connection)
    assert filled() == set(emptying.KEPT)
    assert made == (set(ContentType.objects.values_list("pk")), set(Permission.objects.values_list("pk")))


def test_it_refuses_to_run_in_a_transaction_that_may_be_undone(owner):
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        emptying.empty(connection)
