"""The lineage around a node: a few steps of it, how much is left out, and the way from the version to it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets import neighbourhood, versions
from datasets.models import DatasetVersion, UploadSession
from tests.kit import factories
from tradenexus import db

pytestmark = pytest.mark.django_db


def derived(person, parent, number=1):
    with db.atomic():
        return [versions.open_derived(person.actor, parent, "candles", {"n": one}) for one in range(number)]


@pytest.fixture
def family(owner):
    """An upload, its version, two versions made of it, and one made of the first of these."""
    root = factories.version_in(owner, "validated")
    upload = UploadSession.everyone.create(
        tenant=owner.tenant, dataset=root.dataset, version=root, user=owner.user, state="finished",
        filename="a.csv", length=1, offset=1, expires_at=db.now() + timedelta(days=1),
    )  # fmt: skip
    left, right = derived(owner, root, 2)
    return {"upload": upload, "root": root, "left": left, "right": right, "leaf": derived(owner, left)[0]}


def told(graph):
    return {node["id"]: node["hidden"] for node in graph["nodes"]}


def test_one_step_each_way_and_how_much_is_left_out(family):
    graph = neighbourhood.of(family["left"])
    assert told(graph) == {
        family["left"].ref: {"up": 0, "down": 0},
        family["root"].ref: {"up": 1, "down": 1},  # its upload and the other version
        family["leaf"].ref: {"up": 0, "down": 0},
    }
    assert {(edge["from"], edge["to"]) for edge in graph["edges"]} == {
        (family["root"].ref, family["left"].ref),
        (family["left"].ref, family["leaf"].ref),
    }


def test_a_direction_and_a_depth_bound_what_is_told(family):
    up = neighbourhood.of(family["leaf"], depth=2, direction="up")
    assert set(told(up)) == {family[name].ref for name in ("leaf", "left", "root")}
    down = neighbourhood.of(family["root"], depth=20, direction="down")
    assert set(told(down)) == {family[name].ref for name in ("root", "left", "right", "leaf")}
    assert told(down)[family["root"].ref] == {"up": 1, "down": 0}


@pytest.mark.parametrize("name", ["upload", "root", "left", "right", "leaf"])
def test_the_way_to_the_focus_is_always_told(family, name):
    ways = {
        "leaf": ["leaf"], "left": ["leaf", "left"], "root": ["leaf", "left", "root"],
        "upload": ["leaf", "left", "root", "upload"], "right": ["leaf", "left", "root", "right"],
    }  # fmt: skip
    graph = neighbourhood.of(family["leaf"], focus=family[name].ref)
    assert graph["path"] == [family[one].ref for one in ways[name]]
    assert graph["focus"] == family[name].ref
    assert set(graph["path"]) <= set(told(graph))
    assert len(graph["edges"]) >= len(graph["path"]) - 1


def test_what_is_not_of_this_lineage_is_refused_by_name(owner, stranger, family):
    other = factories.version_in(owner, "validated", name="other")
    with db.atomic():
        second = versions.open_upload(
            owner.actor, name="", filename="b", content_type="", dataset=family["root"].dataset
        )
    theirs = factories.version_in(stranger, "validated")
    nobody = "dsv_" + "0" * 32
    for focus in (other.ref, second.ref, theirs.ref, nobody, "dsv_x", "up_", "lona:", "report:", "lona:x", "x"):
        answer = owner.api.get(f"/v1/datasets/{family['root'].dataset.ref}/lineage?version=1&focus={focus}")
        assert (answer.status_code, answer.data["error"]["code"]) == (404, "NOT_IN_LINEAGE"), focus


BAD = [
    "depth=0",
    "depth=21",
    "depth=x",
    "depth=-1",
    "fan=0",
    "fan=501",
    "dir=sideways",
    "focus=%00",
    "focus=" + "a" * 301,
]


@pytest.mark.parametrize("query", BAD)
def test_a_bad_parameter_is_refused_by_name(owner, client, family, query):
    path = f"datasets/{family['root'].dataset.ref}/lineage"
    answer = owner.api.get(f"/v1/{path}?{query}")
    assert (answer.status_code, answer.data["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert query.split("=")[0] in answer.data["error"]["details"]["fields"]
    client.force_login(owner.user)
    page = client.get(f"/{path}/?{query}")
    assert page.status_code == 400
    assert f"{query.split('=')[0]} must be" in page.content.decode().lower()


def test_a_stranger_finds_no_lineage(stranger, family):
    path = f"/v1/datasets/{family['root'].dataset.ref}/lineage?depth=1"
    assert stranger.api.get(path).status_code == 404


def test_without_parameters_the_whole_graph_is_told_as_before(owner, family):
    answer = owner.api.get(f"/v1/datasets/{family['root'].dataset.ref}/lineage?version=1").data
    assert {node["id"] for node in answer["nodes"]} == {one.ref for one in family.values()}
    assert "hidden" not in answer["nodes"][0]


def test_a_version_with_a_thousand_siblings_costs_few_queries(owner, family):
    root = family["root"]
    DatasetVersion.everyone.bulk_create(
        DatasetVersion(
            tenant=owner.tenant, dataset=root.dataset, number=100 + one, status="ready", operation="copy", parent=root
        )
        for one in range(1_000)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as few:
        neighbourhood.of(family["right"], focus=family["left"].ref)
    with CaptureQueriesContext(connection) as asked:
        graph = neighbourhood.of(family["right"], focus=root.ref)
    assert len(graph["nodes"]) == 25 + 3
    assert told(graph)[root.ref] == {"up": 0, "down": 1_002 - 26}
    newest = {f"trades@{1_099 - one}" for one in range(25)}
    assert newest <= {node["label"] for node in graph["nodes"]}
    assert len(asked) <= len(few) + 3 < 40
    wide = neighbourhood.of(root, fan=500, depth=20)
    assert len(wide["nodes"]) <= neighbourhood.MOST + 500


def test_the_page_offers_each_hidden_neighbour_as_a_plain_link(owner, client, family):
    client.force_login(owner.user)
    base = f"/datasets/{family['root'].dataset.ref}/v/{family['left'].number}/lineage/"
    page = client.get(base)
    more = {node["id"]: node["more"] for node in page.context["nodes"]}
    link = more[family["root"].ref]["up"]
    assert link == {"hidden": 1, "url": f"{base}?focus={family['root'].ref}&depth=1"}
    assert link["url"].replace("&", "&amp;") in page.content.decode()
    around = client.get(link["url"])
    assert around.context["focus"]["id"] == family["root"].ref
    assert f'id="{family["upload"].ref}"' in around.content.decode()
    assert client.get(base + "?focus=dsv_" + "0" * 32).status_code == 404


def test_the_page_tells_more_of_a_crowded_focus_once(owner, client, family):
    derived(owner, family["right"], 120)
    client.force_login(owner.user)
    base = f"/datasets/{family['root'].dataset.ref}/v/{family['right'].number}/lineage/"
    first = client.get(base).context["nodes"][0]["more"]["down"]
    assert first["hidden"] == 95
    second = client.get(first["url"]).context["nodes"][0]["more"]["down"]
    assert second == {"hidden": 20, "url": ""}
