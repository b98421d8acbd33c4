"""Pages of commits: who changed what, where it came from, what each entry became; another workspace."""

from __future__ import annotations

import pytest

from datasets.models import LakeCommit
from tests.kit import factories, lake

pytestmark = pytest.mark.django_db
URL, ENTRY = "/lakehouse/commits/", "/lakehouse/crypto_bars_1d/BINANCE:ETH-BTC/"


def text_of(answer, status=200):
    assert answer.status_code == status, answer.content[:400]
    return answer.content.decode()


def test_each_commit_says_who_what_and_leads_to_the_diff(viewer, owner, browse, golden, tmp_path):
    version = factories.version_in(owner, "ready", name="origin")
    rows = lake.daily([105.0], first_day=lake.MONDAY + 40)
    made = lake.put(
        owner, tmp_path, lake.offer(tmp_path, rows, golden.instrument), operation="promote", source=version.ref
    )
    text = text_of(browse(viewer).get(URL))
    assert f'href="{ENTRY}diff/2...3/"' in text
    assert f'href="{ENTRY}diff/1...2/"' in text
    assert f'href="/datasets/{version.dataset.ref}/v/1/">origin v1</a>' in text
    assert owner.user.email in text
    assert '<b class="text-warn">1</b>' in text  # the toxic session
    narrowed = text_of(browse(viewer).get(f"{URL}?operation=promote"))
    assert f'href="{ENTRY}diff/2...3/"' in narrowed
    assert f'href="{ENTRY}diff/1...2/"' not in narrowed
    assert "No commit matches" in text_of(browse(viewer).get(f"{URL}?source=dsv_other"))
    one = text_of(browse(viewer).get(f"{URL}{made.ref}/"))
    assert f'href="{ENTRY}diff/2...3/"' in one
    assert "<b>1</b> rows added" in one


def test_the_first_revision_has_no_diff(viewer, browse, golden):
    first = LakeCommit.everyone.order_by("created_at")[0]
    text = text_of(browse(viewer).get(f"{URL}{first.ref}/"))
    assert ">new<" in text
    assert "diff/" not in text.split("Entries that it changed")[1]


def test_an_empty_lake_and_another_workspace(owner, stranger, browse, golden):
    assert "Nothing has changed the lake yet" in text_of(browse(stranger).get(URL))
    assert browse(stranger).get(f"{URL}{LakeCommit.everyone.first().ref}/").status_code == 404


def test_the_api_lists_what_a_commit_changed(owner, stranger, golden):
    second, first = owner.api.get("/v1/lake/commits").data["items"]
    assert second["createdBy"].startswith("usr_")
    (told,) = owner.api.get(f"/v1/lake/commits/{second['id']}/entries").data["items"]
    assert (told["revision"], told["changes"]["added"]) == (2, 28)
    assert told["diff"] == "/v1/lake/crypto_bars_1d/BINANCE:ETH-BTC/diff/1...2"
    assert owner.api.get(f"/v1/lake/commits/{first['id']}/entries").data["items"][0]["diff"] is None
    assert owner.api.get("/v1/lake/commits?operation=nothing").data["items"] == []
    assert stranger.api.get(f"/v1/lake/commits/{first['id']}/entries").status_code == 404
