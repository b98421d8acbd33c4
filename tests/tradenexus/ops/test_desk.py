"""Every desk: read-only, open to staff by permission, quick, and strict about what a browser may run."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.kit import desk, factories, people
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.events import outbox
from tradenexus.jobs.models import Job
from tradenexus.ops import counting
from tradenexus.tenancy.models import ApiKey, Tenant, User

pytestmark = pytest.mark.django_db
admin.autodiscover()  # as the addresses do
DESKS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NAMES = [model._meta.label for model in DESKS]
EXPECTED = {"audit.Entry", "jobs.Job", "jobs.Worker", "tenancy.ApiKey", "datasets.DatasetVersion", "lona.Publication"}


@pytest.fixture
def op(owner):
    return desk.operator(owner)


@pytest.fixture
def row(owner):
    """A row of any model that the fixtures make, or None."""
    factories.version_in(owner)
    with db.atomic():
        Job.everyone.create(tenant=owner.tenant, kind="test.plain", run_at=db.now())
    return lambda model: model._default_manager.first()


def place(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_that_ops_needs_has_a_desk_and_libraries_bring_none():
    assert set(NAMES) >= EXPECTED
    assert {model._meta.app_label for model in DESKS} == {
        *("audit", "axes", "backfill", "datasets", "jobs", "lona", "tenancy")
    }


@pytest.mark.parametrize("model", DESKS, ids=NAMES)
def test_a_desk_shows_its_list_and_its_rows(op, row, model):
    shown = op.list(model)
    assert shown.status_code == 200
    assert op.list(model, q="nothing like it").status_code == 200
    one = row(model)
    if one is not None:
        assert op.look(one).status_code == 200


@pytest.mark.parametrize("model", DESKS, ids=NAMES)
def test_no_form_adds_changes_or_deletes(op, row, model):
    assert op.client.get(place(model, "add")).status_code == 403
    assert op.client.post(place(model, "add"), {"name": "x"}).status_code == 403
    one = row(model)
    if one is None:
        return
    before = model._default_manager.filter(pk=one.pk).values().get()
    for page in ("change", "delete"):
        assert op.client.post(place(model, page, one.pk), {"post": "yes", "name": "x"}).status_code == 403
    assert op.client.get(place(model, "delete", one.pk)).status_code == 403
    many = {"action": "delete_selected", "_selected_action": str(one.pk), "post": "yes", "index": "0"}
    op.client.post(place(model, "changelist"), many)
    assert model._default_manager.filter(pk=one.pk).values().get() == before


@pytest.mark.parametrize("model", DESKS, ids=NAMES)
def test_who_is_no_staff_is_sent_away(teammate, row, model):
    signed_in, nobody = desk.Operator(teammate.user), Client()
    assert signed_in.list(model).status_code == 302
    assert nobody.get(place(model, "changelist")).status_code == 302
    one = row(model)
    if one is not None and admin.site._registry[model].deeds:
        deed = admin.site._registry[model].deeds[0].name
        assert signed_in.answer(deed, one, reason=desk.REASON).status_code == 302


def test_staff_without_permission_sees_nothing_and_with_view_may_only_look(teammate, row):
    User.objects.filter(id=teammate.user.id).update(is_staff=True)
    clerk = desk.Operator(teammate.user)
    assert clerk.list(Job).status_code == 403
    teammate.user.user_permissions.add(Permission.objects.get(codename="view_job"))
    clerk = desk.Operator(User.objects.get(id=teammate.user.id))
    job = row(Job)
    assert clerk.list(Job).status_code == 200
    assert b"Deeds" not in clerk.look(job).content
    clerk.answer("cancel", job, reason=desk.REASON)
    job.refresh_from_db()
    assert job.state == "queued"


def test_staff_with_change_may_do_the_deeds(teammate, row):
    User.objects.filter(id=teammate.user.id).update(is_staff=True)
    teammate.user.user_permissions.add(Permission.objects.get(codename="change_job"))
    clerk = desk.Operator(User.objects.get(id=teammate.user.id))
    assert clerk.do("cancel", row(Job))[0]["done"]
    assert desk.newest(teammate, "job.state").user_id == teammate.user.id


def test_a_secret_hash_is_nowhere_on_the_desk(op, owner):
    key = ApiKey.everyone.get(user=owner.user)
    for answer in (op.list(ApiKey), op.look(key), op.look(owner.user)):
        assert key.secret_hash not in answer.content.decode()
        assert owner.user.password not in answer.content.decode()


def test_a_row_leads_into_the_product_for_its_members_only(op, row, owner, stranger):
    job = row(Job)
    assert f"/jobs/{job.ref}/" in op.look(job).content.decode()
    assert op.client.get(f"/jobs/{job.ref}/").status_code == 200
    page = desk.operator(stranger).look(job)
    assert page.status_code == 200
    assert "View in product" not in page.content.decode()


def test_the_history_of_a_row_is_its_audit_trail(op, owner):
    version = factories.version_in(owner)
    answer = op.client.get(place(type(version), "history", version.pk))
    page = op.client.get(answer["Location"])
    assert [entry.action for entry in page.context["cl"].result_list] == ["version.opened"]


def test_entries_are_found_by_object_and_by_person(op, owner, stranger):
    version = factories.version_in(owner)
    factories.version_in(stranger)

    def found(term):
        return {entry.subject for entry in op.list(Entry, q=term).context["cl"].result_list}

    assert found(version.ref) == {version.ref}
    assert found("owner@example.org") == {version.ref}
    assert len(found("")) == 2


@pytest.mark.parametrize("model", DESKS, ids=NAMES)
def test_pages_carry_nothing_that_the_strict_policy_would_stop(op, row, model):
    one = row(model)
    for answer in (op.list(model), *([op.look(one)] if one is not None else [])):
        html = answer.content.decode()
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert re.findall(r"<script(?![^>]*(?: src=|application/json))[^>]*>", html) == []
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=", html) == []


def _fill(owner, rows):
    with db.atomic():
        for number in range(rows):
            tenant = Tenant.objects.create(name=f"workspace {number} of {rows}")
            Job.everyone.create(tenant=tenant, kind="test.plain", run_at=db.now(), user=owner.user)
            person = people.make(f"{number}-{rows}@example.org", tenant)
            outbox.record(person.actor, "test.done", f"x{number}")
    for number in range(min(rows, 5)):
        factories.version_in(owner, name=f"{number}-{rows}")


@pytest.mark.parametrize("model", DESKS, ids=NAMES)
def test_a_longer_list_asks_no_more_questions(op, owner, model):
    _fill(owner, 2)
    with CaptureQueriesContext(connection) as few:
        op.list(model)
    _fill(owner, 12)
    with CaptureQueriesContext(connection) as many:
        op.list(model)
    assert len(many) == len(few) <= 14


def test_a_long_table_is_not_counted_to_its_end(op, owner, monkeypatch):
    monkeypatch.setattr(counting, "CAP", 5)
    _fill(owner, 8)
    page = op.list(Entry)
    assert page.context["cl"].result_count == 5
    assert "More than 5 entries" in desk.words(page)


def test_groups_have_no_form_either():
    assert not admin.site.is_registered(Group)
