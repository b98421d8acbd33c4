"""Deeds on workspaces, people, keys and lockouts."""

import pytest
from axes.models import AccessAttempt
from django.test import Client

from tests.kit import desk, people
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job
from tradenexus.tenancy.models import ApiKey, Membership, Tenant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def op(owner):
    return desk.operator(owner)


def test_a_revoked_key_is_refused_at_once_and_the_reason_is_kept(op, owner, stranger):
    key = ApiKey.everyone.get(user=stranger.user)
    assert stranger.api.get("/v1/me").status_code == 200
    assert op.do("revoke", key)[0]["done"]
    assert stranger.api.get("/v1/me").status_code == 401
    entry = desk.newest(stranger, "key.revoked")
    assert (entry.subject, entry.old, entry.new, entry.reason) == (key.ref, "active", "revoked", desk.REASON)
    assert (entry.user_id, entry.via) == (owner.user.id, "admin")
    assert "revoked already" in op.do("revoke", key)[0]["said"]


def test_a_quota_is_set_and_taken_back(op, stranger):
    tenant = stranger.tenant
    assert op.do("set_quota", tenant, quota_bytes="5000")[0]["done"]
    assert Tenant.objects.get(id=tenant.id).quota_bytes == 5000
    entry = desk.newest(stranger, "tenant.quota")
    assert (entry.old, entry.new, entry.reason) == ("default", "5000", desk.REASON)
    op.do("set_quota", tenant, quota_bytes="")
    assert Tenant.objects.get(id=tenant.id).quota_bytes is None


@pytest.mark.parametrize("wrong", ["0", "-1", "many", str(2**63)])
def test_a_quota_that_is_no_number_of_bytes_is_refused(op, stranger, wrong):
    assert op.answer("set_quota", stranger.tenant, reason=desk.REASON, quota_bytes=wrong).status_code == 422
    assert Tenant.objects.get(id=stranger.tenant.id).quota_bytes is None


def test_a_closed_account_is_out_until_it_is_reopened(op, stranger):
    assert op.do("close", stranger.user)[0]["done"]
    assert stranger.api.get("/v1/me").status_code == 401
    entry = desk.newest(stranger, "person.account")
    assert (entry.old, entry.new, entry.reason) == ("open", "closed", desk.REASON)
    assert "closed already" in op.do("close", stranger.user)[0]["said"]
    assert op.do("reopen", stranger.user)[0]["done"]
    assert stranger.api.get("/v1/me").status_code == 200


def test_each_workspace_of_a_person_is_told(op, owner, stranger):
    Membership.everyone.create(tenant=owner.tenant, user=stranger.user, role="viewer")
    op.do("close", stranger.user)
    told = Entry.everyone.filter(action="person.account").values_list("tenant_id", flat=True)
    assert set(told) == {owner.tenant.id, stranger.tenant.id}


def test_nobody_closes_their_own_account(op, owner):
    assert "your own account" in op.do("close", op.user)[0]["said"]
    assert User.objects.get(id=owner.user.id).is_active


def test_people_are_let_in_to_look_then_to_act_then_out_again(op, owner, teammate):
    job = Job.everyone.create(tenant=owner.tenant, kind="test.plain", run_at=owner.tenant.created_at)

    def clerk():
        return desk.Operator(User.objects.get(id=teammate.user.id))

    op.do("let_in", teammate.user, access="look")
    assert clerk().list(Job).status_code == 200
    clerk().answer("cancel", job, reason=desk.REASON)
    assert Job.everyone.get(pk=job.pk).state == "queued"
    op.do("let_in", teammate.user, access="act")
    assert clerk().do("cancel", job)[0]["done"]
    entry = desk.newest(teammate, "person.operations")
    assert (entry.old, entry.new, entry.reason) == ("look", "act", desk.REASON)
    op.do("let_in", teammate.user, access="none")
    assert clerk().list(Job).status_code == 302
    assert not User.objects.get(id=teammate.user.id).has_perm("jobs.change_job")


def test_a_superuser_is_not_made_less_here(op, stranger):
    User.objects.filter(id=stranger.user.id).update(is_staff=True, is_superuser=True)
    assert not op.do("let_in", stranger.user, access="none")[0]["done"]
    assert User.objects.get(id=stranger.user.id).is_superuser


def test_who_locked_themselves_out_may_sign_in_again(op, stranger, settings):
    browser = Client()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        browser.post("/login/", {"username": stranger.user.email, "password": "wrong"})
    right = {"username": stranger.user.email, "password": "correct horse battery"}
    assert browser.post("/login/", right).status_code == 429
    assert op.do("unlock", AccessAttempt.objects.get())[0]["done"]
    assert browser.post("/login/", right).status_code == 302
    entry = desk.newest(stranger, "person.unlocked")
    assert (entry.details, entry.reason) == ({"name": stranger.user.email}, desk.REASON)


def test_an_operator_of_no_workspace_can_still_close_a_members_account(stranger):
    alone = people.make("alone@example.org", Tenant.objects.create(name="third"))
    Membership.everyone.filter(user=alone.user).delete()
    assert desk.operator(alone).do("close", stranger.user)[0]["done"]
