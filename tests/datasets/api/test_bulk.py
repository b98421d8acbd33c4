"""/v1/bulk-actions: named datasets or filters, a plan before, an outcome for each after."""

import pytest

from datasets.models import BulkAction
from tests.kit import factories
from tests.lona.worker import work
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def post(person, body, expect=202, **headers):
    answer = person.api.post("/v1/bulk-actions", body, format="json", **headers)
    assert answer.status_code == expect, answer.data
    return answer.data


def test_all_that_match_and_what_came_of_each(owner):
    for state in ("ready", "ready", "transforming"):
        factories.version_in(owner, state, name=f"{state}-x")
    body = {"action": "archive", "filter": {"q": "-x"}, "expect": 3}
    started = post(owner, body)
    assert started["job"]["kind"] == "dataset.bulk"
    at = started["bulkAction"]["links"]["self"]
    work()
    row = owner.api.get(at).data["bulkAction"]
    assert (row["state"], row["total"], row["done"], row["refused"], row["pending"]) == ("finished", 3, 2, 1, 0)
    assert row["filter"] == {"q": "-x"}
    refused = owner.api.get(f"{at}/items?state=refused").data["items"]
    assert [(item["name"], item["code"], item["version"]) for item in refused] == [
        ("transforming-x", "STATE_CONFLICT", 1)
    ]
    first = owner.api.get(f"{at}/items?limit=1").data
    assert len(first["items"]) == 1
    assert first["nextCursor"]


def test_named_datasets(owner, stranger):
    mine, other = (factories.version_in(owner, "ready").dataset for _ in range(2))
    assert post(owner, {"action": "archive", "ids": [mine.ref]})["bulkAction"]["total"] == 1
    work()
    other.refresh_from_db()
    assert other.status == "ready"
    post(stranger, {"action": "archive", "ids": [other.ref]}, expect=404)


def test_a_dry_run_says_what_it_would_meet_and_does_nothing(owner):
    factories.version_in(owner, "uploaded")
    factories.version_in(owner, "ready")
    plan = post(owner, {"action": "validate", "filter": {}, "dryRun": True}, expect=200)
    assert (plan["total"], plan["allowed"]) == (2, 1)
    assert {"status": "uploaded", "count": 1, "allowed": True} in plan["states"]
    assert not BulkAction.of(owner.tenant.id).exists()


def test_a_repeated_key_acts_once(owner):
    factories.version_in(owner, "ready")
    body = {"action": "archive", "filter": {}}
    first, again = (post(owner, body, HTTP_IDEMPOTENCY_KEY="the-same-key") for _ in range(2))
    assert first["bulkAction"]["id"] == again["bulkAction"]["id"]
    assert Job.of(owner.tenant.id).filter(kind="dataset.bulk").count() == 1
    factories.version_in(owner, "ready")
    other = post(owner, body | {"expect": 2}, expect=409, HTTP_IDEMPOTENCY_KEY="the-same-key")
    assert other["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT"


@pytest.mark.parametrize(
    ("body", "expect", "code"),
    [
        ({"action": "delete", "filter": {}}, 400, "VALIDATION_ERROR"),
        ({"action": "archive"}, 400, "VALIDATION_ERROR"),
        ({"action": "archive", "filter": {}, "ids": ["ds_x"]}, 400, "VALIDATION_ERROR"),
        ({"action": "archive", "filter": {"colour": "red"}}, 400, "VALIDATION_ERROR"),
        ({"action": "archive", "filter": {"q": "nothing of this name"}}, 422, "BULK_NOTHING_MATCHES"),
        ({"action": "archive", "filter": {}, "expect": 7}, 409, "BULK_SELECTION_CHANGED"),
        ({"action": "archive", "ids": ["ds_x"]}, 404, "NOT_FOUND"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_done(owner, body, expect, code):
    factories.version_in(owner, "ready")
    assert post(owner, body, expect=expect)["error"]["code"] == code
    assert not BulkAction.of(owner.tenant.id).exists()


def test_publishing_needs_its_own_scope(owner, viewer):
    from tests.kit.people import Person
    from tradenexus.tenancy import keys

    _, key = keys.create(owner.tenant, owner.user, "writer", {"read", "write"})
    writer = Person(owner.user, owner.tenant, key, "editor")
    factories.version_in(owner, "ready")
    assert post(writer, {"action": "publish", "filter": {}}, expect=403)["error"]["details"]["needed"] == "publish"
    assert post(viewer, {"action": "archive", "filter": {}}, expect=403)["error"]["code"] == "SCOPE_MISSING"
