"""/v1/me and /v1/keys."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus import ids
from tradenexus.accounts import keyring
from tradenexus.rest import pagination, shapes
from tradenexus.rest.views import TenantView, respond
from tradenexus.tenancy.models import ApiKey, Membership, Tenant, User


class MeSerializer(shapes.Answer):
    """Who the credential stands for."""

    tenantId = serializers.CharField()
    tenant = serializers.CharField()
    userId = serializers.CharField()
    email = serializers.CharField()
    role = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    via = serializers.CharField()


class Me(TenantView):
    """The caller."""

    @extend_schema(operation_id="me", responses={200: MeSerializer})
    def get(self, request: Request) -> Response:
        """Say who is calling, in which workspace, with which scopes."""
        actor = self.actor
        user = User.objects.get(id=actor.person_id)
        tenant = Tenant.objects.get(id=actor.tenant_id)
        role = Membership.of(actor.tenant_id).get(user=user).role
        payload = {"tenantId": ids.encode("tnt", tenant.id), "tenant": tenant.name}
        payload |= {"userId": ids.encode("usr", user.id), "email": user.email, "role": role}
        return respond(request, payload | {"scopes": sorted(actor.scopes), "via": actor.via.split(":")[0]})


class KeySerializer(serializers.Serializer):
    """A key, without its secret."""

    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True)
    revokedAt = serializers.DateTimeField(allow_null=True)
    lastUsedAt = serializers.DateTimeField(allow_null=True)


class KeyRequest(serializers.Serializer):
    """What a new key is to be."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=serializers.ChoiceField(keyring.SCOPES), min_length=1, max_length=4)
    expiresAt = serializers.DateTimeField(required=False, allow_null=True)


class KeyMadeSerializer(shapes.Answer):
    """A new key with its secret, shown this once."""

    key = KeySerializer()
    secret = serializers.CharField(help_text="nx_<prefix>_<secret>; it cannot be shown again")


def render(key: ApiKey) -> dict[str, Any]:
    """Return a key as the API shows it."""
    return {
        "id": key.ref,
        "name": key.name,
        "prefix": f"nx_{key.lookup}",
        "scopes": key.scopes,
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "revokedAt": key.revoked_at,
        "lastUsedAt": key.last_used_at,
    }


class Keys(TenantView):
    """The caller's keys; an admin sees all of the workspace."""

    scopes = {"POST": "read"}  # a key for oneself never exceeds what one holds

    @extend_schema(operation_id="keys_list", parameters=shapes.PAGING, responses={200: shapes.page_of(KeySerializer)})
    def get(self, request: Request) -> Response:
        """List API keys."""
        rows = ApiKey.of(self.actor.tenant_id)
        if not self.actor.may("admin"):
            rows = rows.filter(user_id=self.actor.person_id)
        return pagination.page(request, rows, render)

    @extend_schema(operation_id="keys_create", request=KeyRequest, responses={201: KeyMadeSerializer})
    def post(self, request: Request) -> Response:
        """Create a key and show its secret once (no replay: a secret is never kept, so it cannot be answered again)."""
        wanted = self.parsed(KeyRequest)
        key, text = keyring.make(self.actor, wanted["name"], wanted["scopes"], wanted.get("expiresAt"))
        return respond(request, {"key": render(key), "secret": text}, status=201)


class KeyDetail(TenantView):
    """One key."""

    scopes = {"DELETE": "read"}  # own keys; others' need admin, checked below

    @extend_schema(operation_id="keys_revoke", responses={200: shapes.answer_of("KeyRevoked", key=KeySerializer())})
    def delete(self, request: Request, ref: str) -> Response:
        """Revoke a key: its next request is refused."""
        key = keyring.revoke(self.actor, self.find(ApiKey, ref))
        return respond(request, {"key": render(key)})
