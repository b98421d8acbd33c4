"""Pages of snapshots: an empty list says how, a refusal names all that is unfit, one page shows and does everything."""

import re

import pytest

from datasets.models import Snapshot
from tests.kit.stocked import NAMES, TABLE
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"name": "run-1", "instruments": "\n".join(NAMES), "tables": [TABLE], "start": "2024-10-07", "end": "2025-11-11"}


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_empty_list_says_how_one_is_made(owner, viewer, browse):
    told = text_of(browse(owner).get("/lakehouse/snapshots/"))
    assert "nexus snapshot create run-1" in told
    assert "Create a snapshot" in told
    assert "Create a snapshot" not in text_of(browse(viewer).get("/lakehouse/snapshots/"))


def test_the_form_freezes_and_leads_to_the_snapshot(stocked, owner, browse):
    browser = browse(owner)
    answer = browser.post("/lakehouse/snapshots/", FORM)
    snapshot = Snapshot.of(owner.tenant.id).get()
    assert (answer.status_code, answer["Location"]) == (303, f"/lakehouse/snapshots/{snapshot.ref}/")
    told = text_of(browser.get(answer["Location"]))
    for member in snapshot.members.select_related("segment"):
        assert member.segment.sha256 in told
    assert snapshot.digest in told
    assert "nexus snapshot verify run-1 --wait" in told
    assert "run-1" in text_of(browser.get("/lakehouse/snapshots/?state=frozen"))
    assert snapshot.ref not in text_of(browser.get("/lakehouse/snapshots/?state=expired"))
    assert "Nothing was made of it yet" in told
    assert "No snapshot had been made by then" in text_of(browser.get("/lakehouse/snapshots/?as_of=2024-01-01"))
    assert browser.get("/lakehouse/snapshots/?as_of=soon").status_code == 400


def test_a_refusal_names_every_fault_and_keeps_what_was_typed(stocked, owner, browse):
    more = {"instruments": f"{NAMES[0]} X:A X:B", "maxStalenessSeconds": "5"}
    answer = browse(owner).post("/lakehouse/snapshots/", FORM | more)
    told = text_of(answer)
    assert answer.status_code == 422
    assert "3 unfit members" in told
    assert told.count("<code>MISSING</code>") == 2
    assert "<code>STALE</code> fetched too long ago" in told
    assert f"{NAMES[0]} X:A X:B</textarea>" in told
    assert not Snapshot.everyone.exists()
    for wrong in ({"start": "soon"}, {"maxStalenessSeconds": "many"}, {"instruments": "none"}, {"tables": []}):
        assert browse(owner).post("/lakehouse/snapshots/", FORM | wrong).status_code == 422


def test_its_buttons_verify_put_down_pin_and_expire(stocked, owner, viewer, browse, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path / "home"
    snapshot = stocked.freeze()
    at, browser = f"/lakehouse/snapshots/{snapshot.ref}/", browse(owner)

    def press(action, **more):
        return browser.post(at, {"action": action, **more})

    assert press("verify").status_code == 303
    assert "waits for a worker" in text_of(browser.get(at))
    assert press("materialise", layout="segments").status_code == 303
    work()
    told = text_of(browser.get(at))
    assert "Every member was as it was frozen" in told
    assert "6 files, 6 of them hard links" in told
    press("pin")
    assert "is pinned" in text_of(press("expire"))
    press("unpin")
    assert press("nothing").status_code == 400
    assert browse(viewer).post(at, {"action": "expire"}).status_code == 403
    press("expire")
    told = text_of(browser.get(at))
    assert "It has expired: name and digest are kept" in told
    assert 'value="verify"' not in told


def test_a_damaged_one_says_so(stocked, owner, browse):
    snapshot = stocked.freeze()
    Snapshot.everyone.update(damaged=2, verified_at=snapshot.created_at)
    assert "2 members differed" in text_of(browse(owner).get(f"/lakehouse/snapshots/{snapshot.ref}/"))


def test_another_workspace_sees_nothing_of_it(stocked, stranger, browse):
    snapshot = stocked.freeze()
    assert browse(stranger).get(f"/lakehouse/snapshots/{snapshot.ref}/").status_code == 404
    assert snapshot.ref not in text_of(browse(stranger).get("/lakehouse/snapshots/"))
