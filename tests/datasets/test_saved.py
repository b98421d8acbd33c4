"""Saved views and chosen columns: whose they are, who sees them, who changes them."""

import pytest

from datasets import saved
from datasets.models import ListColumns, SavedView
from tests.kit import people
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.errors import BadRequest, Conflict, NotFound
from tradenexus.rest.auth import ScopeMissing

pytestmark = pytest.mark.django_db


def save(person, name="ready bars", query="kind=bars&state=ready", shared=False):
    with db.atomic():
        return saved.create(person.actor, name, query, shared)


def test_a_view_keeps_the_filters_in_the_order_of_the_list(owner):
    assert save(owner, query="?q=btc&state=ready&kind=&cursor=abc").query == "state=ready&q=btc"
    assert save(owner, "fine", "resolution=1m&vendor=stooq&assetClass=etf").query == (
        "vendor=stooq&assetClass=etf&resolution=1m"
    )
    assert save(owner, name="  all  of\tthem ", query="").name == "all of them"


def test_a_private_view_is_seen_by_its_owner_alone(owner, teammate, stranger):
    view = save(owner)
    assert list(saved.seen_by(owner.actor)) == [view]
    for person in (teammate, stranger):
        assert list(saved.seen_by(person.actor)) == []
        with pytest.raises(NotFound):
            saved.find(person.actor, view.ref)
    assert Entry.of(owner.tenant.id).filter(subject=view.ref).count() == 0


def test_a_shared_view_is_seen_by_the_workspace_and_changed_by_its_owner_and_admins(owner, teammate, viewer, stranger):
    view = save(teammate, shared=True)
    assert list(saved.seen_by(viewer.actor)) == [view]
    assert list(saved.seen_by(stranger.actor)) == []
    other = people.make("another@example.org", owner.tenant, "editor")
    with pytest.raises(saved.ViewNotYours):
        saved.change(other.actor, view, name="mine now")
    with pytest.raises(saved.ViewNotYours):
        saved.delete(viewer.actor, view)
    with db.atomic():
        saved.change(owner.actor, view, name="renamed by an admin")
    with db.atomic():
        saved.delete(teammate.actor, view)
    told = Entry.of(owner.tenant.id).filter(subject=view.ref).order_by("seq").values_list("action", flat=True)
    assert list(told) == ["view.shared", "view.changed", "view.deleted"]


def test_taking_a_view_back_leaves_it_to_its_owner(owner, teammate):
    view = save(owner, shared=True)
    with db.atomic():
        saved.change(owner.actor, view, shared=False)
    assert list(saved.seen_by(teammate.actor)) == []
    assert list(saved.seen_by(owner.actor)) == [view]


def test_a_viewer_saves_private_views_and_shares_none(viewer):
    assert save(viewer).user_id == viewer.user.id
    with pytest.raises(ScopeMissing):
        save(viewer, name="for all", shared=True)


def test_a_name_is_taken_once_by_one_person(owner, teammate):
    save(owner)
    save(teammate)
    with pytest.raises(saved.ViewNameTaken):
        save(owner)
    second = save(owner, name="second")
    with pytest.raises(saved.ViewNameTaken), db.atomic():
        saved.change(owner.actor, second, name="ready bars")


@pytest.mark.parametrize("query", ["color=red", "state=nonsense", "sort=size", "owner=x"])
def test_filters_that_the_list_does_not_know_are_not_saved(owner, query):
    with pytest.raises(BadRequest):
        save(owner, query=query)
    assert not SavedView.of(owner.tenant.id).exists()


@pytest.mark.parametrize("name", ["", " \t", "x" * 81])
def test_a_name_has_one_to_eighty_characters(owner, name):
    with pytest.raises(BadRequest):
        save(owner, name=name)


def test_a_person_has_at_most_a_hundred_views(owner, monkeypatch):
    monkeypatch.setattr(saved, "MOST", 2)
    save(owner, name="one")
    save(owner, name="two")
    with pytest.raises(Conflict):
        save(owner, name="three")


def test_columns_are_kept_for_the_person_in_the_order_of_the_list(owner, teammate):
    assert saved.columns_of(owner.actor) == saved.DEFAULT
    assert saved.choose_columns(owner.actor, ["size", "state", "size"]) == ["state", "size"]
    assert saved.columns_of(owner.actor) == ["state", "size"]
    assert saved.columns_of(teammate.actor) == saved.DEFAULT
    assert saved.choose_columns(owner.actor, []) == []
    assert saved.columns_of(owner.actor) == []
    saved.forget_columns(owner.actor)
    assert saved.columns_of(owner.actor) == saved.DEFAULT
    with pytest.raises(BadRequest):
        saved.choose_columns(owner.actor, ["colour"])


def test_a_column_that_is_no_longer_there_is_left_out(owner):
    ListColumns.objects.create(user=owner.user, chosen=["rows", "gone"])
    assert saved.columns_of(owner.actor) == ["rows"]
