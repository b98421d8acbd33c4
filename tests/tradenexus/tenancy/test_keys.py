"""API keys: one hash, scopes within the role, refusals at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.kit import people
from tradenexus.errors import BadRequest
from tradenexus.tenancy import keys
from tradenexus.tenancy.models import ApiKey, Membership

pytestmark = pytest.mark.django_db


def test_a_key_stands_for_its_owner_in_one_tenant(owner):
    actor = keys.verify(owner.key, "r1")
    assert actor is not None
    assert (actor.tenant_id, actor.user_id, actor.request_id) == (owner.tenant.id, owner.user.id, "r1")
    assert actor.scopes == {"read", "write", "publish", "admin"}


def test_the_secret_is_stored_nowhere(owner):
    secret = owner.key.split("_", 2)[2]
    row = ApiKey.of(owner.tenant.id).get()
    assert all(secret not in str(value) for value in vars(row).values())


@pytest.mark.parametrize("change", ["x", "", "nx_", "nx_aaaaaaaa_" + "b" * 43])
def test_a_wrong_key_is_nobody(owner, change):
    assert keys.verify(change, "r") is None
    assert keys.verify(owner.key + "x", "r") is None


def test_a_revoked_or_expired_key_is_nobody_on_the_next_request(owner):
    row = ApiKey.of(owner.tenant.id)
    row.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert keys.verify(owner.key, "r") is None
    row.update(expires_at=None, revoked_at=timezone.now())
    assert keys.verify(owner.key, "r") is None


def test_a_key_never_exceeds_its_owner(owner, viewer):
    with pytest.raises(BadRequest):
        keys.create(owner.tenant, viewer.user, "too much", ["write"])
    Membership.of(owner.tenant.id).filter(user=owner.user).update(role="viewer")
    actor = keys.verify(owner.key, "r")
    assert actor is not None
    assert actor.scopes == {"read"}


def test_a_key_dies_with_the_membership_and_with_the_person(owner):
    editor = people.make("e@example.org", owner.tenant, "editor")
    Membership.of(owner.tenant.id).filter(user=editor.user).delete()
    assert keys.verify(editor.key, "r") is None
    owner.user.is_active = False
    owner.user.save(update_fields=["is_active"])
    assert keys.verify(owner.key, "r") is None
