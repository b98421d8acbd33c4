"""GET /v1/doctor: the installation examined in words, for those who may change it."""

import pytest

pytestmark = pytest.mark.django_db


def test_the_doctor_tells_protections_provider_database_and_disk(owner, settings):
    settings.LONA_GATEWAY_URL, settings.LONA_ALLOW_PRIVATE = "http://127.0.0.1:9", True
    items = {one["check"]: one for one in owner.api.get("/v1/doctor").data["items"]}
    looked_at = {"database", "redis", "disk", "provider", "storage", "reader network off", "reader cleared environment"}
    assert looked_at <= set(items)
    assert items["reader cleared environment"]["state"] == "ok"
    assert (items["provider"]["state"], items["provider"]["found"][:16]) == ("warn", "LONA_UNAVAILABLE")
    assert all(one["fix"] for one in items.values() if one["state"] != "ok")
