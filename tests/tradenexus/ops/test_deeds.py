"""Deeds: asked for with a reason, done one by one, told one by one, and written down with what they changed."""

import pytest
from django.contrib import admin
from django.db import DatabaseError

from tests.kit import desk
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job, Worker
from tradenexus.ops import deeds
from tradenexus.tenancy.models import Membership, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def op(owner):
    return desk.operator(owner)


def job(person, state="queued"):
    return Job.everyone.create(tenant=person.tenant, kind="test.plain", state=state, run_at=db.now())


def test_a_deed_is_written_down_with_operator_workspace_request_and_reason(op, owner, stranger):
    theirs = job(stranger)
    outcome = op.do("cancel", theirs)
    assert [one["done"] for one in outcome] == [True]
    entry = desk.newest(stranger)
    assert (entry.action, entry.subject) == ("job.state", theirs.ref)
    assert (entry.old, entry.new, entry.reason) == ("queued", "cancelled", desk.REASON)
    assert (entry.user_id, entry.via) == (owner.user.id, "admin")
    assert len(entry.request_id) == 32
    assert not Entry.of(owner.tenant.id).filter(subject=theirs.ref).exists()


def test_the_page_names_the_objects_and_says_what_will_happen(op, owner):
    mine = job(owner)
    page = op.ask("cancel", mine)
    assert page.status_code == 200
    assert "Ends a waiting job at once" in desk.words(page)
    assert str(mine.pk) in page.content.decode()
    assert owner.tenant.name in desk.words(page)
    mine.refresh_from_db()
    assert mine.state == "queued"


@pytest.mark.parametrize("reason", ["", "too short", "         a         ", "x" * 501])
def test_without_a_good_reason_nothing_is_done(op, owner, reason):
    mine = job(owner)
    page = op.answer("cancel", mine, reason=reason)
    assert page.status_code == 422
    mine.refresh_from_db()
    assert mine.state == "queued"
    assert not Entry.of(owner.tenant.id).exists()


def test_one_refusal_hides_none_of_the_others(op, owner, stranger):
    things = [job(owner), job(owner, "succeeded"), job(stranger)]
    outcomes = {one["url"].split("/")[-3]: one for one in op.do("cancel", *things)}
    assert [outcomes[str(thing.pk)]["done"] for thing in things] == [True, False, True]
    refused = outcomes[str(things[1].pk)]
    assert refused["code"] == "STATE_CONFLICT"
    assert "already ended: succeeded" in refused["said"]


def test_a_reload_of_the_outcome_does_nothing_again(op, owner):
    answer = op.answer("cancel", job(owner), reason=desk.REASON)
    pages = [op.client.get(answer["Location"]) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert Entry.of(owner.tenant.id).count() == 1


def test_another_sessions_outcome_is_not_shown(op, owner, stranger):
    answer = op.answer("cancel", job(owner), reason=desk.REASON)
    assert desk.operator(stranger).client.get(answer["Location"]).status_code == 404


def test_effect_and_entry_stand_or_fall_together(op, owner, monkeypatch):
    from tradenexus.audit import chain

    mine = job(owner)

    def broken(*args, **options):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(chain, "draft", broken)
    assert [one["done"] for one in op.do("cancel", mine)] == [False]
    mine.refresh_from_db()
    assert mine.state == "queued"


def test_too_many_at_once_are_refused_as_a_whole(op, owner, monkeypatch):
    monkeypatch.setattr(deeds, "MOST", 2)
    page = op.ask("cancel", *(job(owner) for _ in range(3)))
    assert "At most 2 at a time" in desk.words(op.client.get(page["Location"]))
    assert Job.everyone.filter(state="queued").count() == 3


def test_who_belongs_to_no_workspace_may_not_touch_what_belongs_to_none(op, owner):
    worker = Worker.objects.create(place="p", host="h", pid=1, concurrency=1)
    Membership.everyone.filter(user=owner.user).delete()
    outcome = op.do("drain", worker)[0]
    assert (outcome["done"], outcome["code"]) == (False, "OPERATOR_WITHOUT_WORKSPACE")
    worker.refresh_from_db()
    assert worker.drain_asked_at is None


def test_a_deed_of_superusers_is_not_offered_to_others(op, teammate):
    from django.contrib.auth.models import Permission

    User.objects.filter(id=teammate.user.id).update(is_staff=True)
    teammate.user.user_permissions.add(Permission.objects.get(codename="change_user"))
    clerk = desk.Operator(User.objects.get(id=teammate.user.id))
    page = clerk.look(op.user).content.decode()
    assert "Close account" in page
    assert "Set operations access" not in page
    clerk.answer("let_in", teammate.user, reason=desk.REASON, access="act")
    assert not User.objects.get(id=teammate.user.id).groups.exists()


def test_every_deed_says_what_it_does_and_when_to_use_it():
    offered = [deed for one in admin.site._registry.values() for deed in one.deeds]
    assert len({deed.label for deed in offered}) == len(offered) >= 12
    assert [deed.name for deed in offered if len(deed.told) < 25] == []
