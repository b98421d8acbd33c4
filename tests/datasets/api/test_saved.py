"""/v1/views: the same views as on the pages."""

import pytest

from datasets.models import SavedView

pytestmark = pytest.mark.django_db


def create(person, expect=201, **body):
    answer = person.api.post("/v1/views", {"name": "ready", "query": "state=ready&kind=bars"} | body, format="json")
    assert answer.status_code == expect, answer.data
    return answer.data


def test_a_view_is_made_listed_changed_and_deleted(owner):
    made = create(owner)["view"]
    assert made["filters"] == {"state": "ready", "kind": "bars"}
    assert (made["shared"], made["mine"], made["web"]) == (False, True, "/datasets/?state=ready&kind=bars")
    at = f"/v1/views/{made['id']}"
    changed = owner.api.patch(at, {"name": "Bars", "shared": True}, format="json").data["view"]
    assert (changed["name"], changed["shared"], changed["query"]) == ("Bars", True, made["query"])
    assert [view["id"] for view in owner.api.get("/v1/views").data["items"]] == [made["id"]]
    assert owner.api.get(at).data["view"]["name"] == "Bars"
    assert owner.api.delete(at).data["deleted"] == made["id"]
    assert owner.api.get(at).status_code == 404


def test_others_see_shared_views_only_and_change_none(owner, teammate, stranger):
    private, shared = create(owner)["view"], create(owner, name="all", shared=True)["view"]
    assert [view["id"] for view in teammate.api.get("/v1/views").data["items"]] == [shared["id"]]
    assert not teammate.api.get(f"/v1/views/{shared['id']}").data["view"]["mine"]
    assert teammate.api.get(f"/v1/views/{private['id']}").status_code == 404
    answer = teammate.api.delete(f"/v1/views/{shared['id']}")
    assert (answer.status_code, answer.data["error"]["code"]) == (403, "VIEW_NOT_YOURS")
    assert stranger.api.get(f"/v1/views/{shared['id']}").status_code == 404


def test_a_taken_name_and_an_unknown_filter_are_refused(owner):
    create(owner)
    assert create(owner, expect=409)["error"]["code"] == "VIEW_NAME_TAKEN"
    assert create(owner, expect=400, name="other", query="color=red")["error"]["code"] == "VALIDATION_ERROR"
    assert SavedView.of(owner.tenant.id).count() == 1


def test_a_viewer_keeps_views_and_shares_none(viewer):
    create(viewer)
    assert create(viewer, expect=403, name="for all", shared=True)["error"]["code"] == "SCOPE_MISSING"


def test_a_repeated_key_makes_one_view(owner):
    headers = {"HTTP_IDEMPOTENCY_KEY": "the-same-key"}
    first, again = (owner.api.post("/v1/views", {"name": "a"}, format="json", **headers) for _ in range(2))
    assert first.data["view"]["id"] == again.data["view"]["id"]
