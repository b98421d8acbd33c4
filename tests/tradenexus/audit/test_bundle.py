"""The bundle: what is in it, of which range, for whom; both databases' hashes."""

import io
import json
import tracemalloc
import zipfile
from datetime import timedelta

import pytest

from tests.tradenexus.audit.test_chain import write
from tests.tradenexus.audit.test_proof import make
from tradenexus.audit import bundle, chain, proof
from tradenexus.audit.models import Entry, Head

pytestmark = pytest.mark.django_db


def fetched(person, query=""):
    answer = person.api.get(f"/v1/audit/bundle{query}")
    assert answer.status_code == 200, answer.content
    return answer, zipfile.ZipFile(io.BytesIO(b"".join(answer)))


def test_a_bundle_holds_the_entries_as_they_were_hashed_and_the_head(owner, tmp_path):
    write(owner, 5, score=0.5, name="Zürich")
    answer, archive = fetched(owner)
    assert "attachment" in answer["Content-Disposition"]
    assert answer["Content-Type"] == "application/zip"
    assert archive.namelist() == ["head.json", "README.txt", "verify.py", "entries.jsonl", "manifest.json"]
    head, last = json.loads(archive.read("head.json")), Entry.of(owner.tenant.id).get(seq=5)
    assert (head["seq"], head["hash"], head["workspace"]["name"]) == (5, last.hash, "first")
    assert head["range"]["first"]["prevHash"] == proof.GENESIS
    texts = archive.read("entries.jsonl").decode().splitlines()
    assert [json.loads(text)["hash"] for text in texts] == [
        chain.link(entry) for entry in Entry.of(owner.tenant.id).order_by("seq")
    ]
    digests = json.loads(archive.read("manifest.json"))["files"]
    assert digests["entries.jsonl"]["sizeBytes"] == len(archive.read("entries.jsonl"))
    assert sorted(digests) == ["README.txt", "entries.jsonl", "head.json", "verify.py"]
    assert proof.verify(make(owner, tmp_path / "a.zip")).ok


def test_a_range_carries_the_hash_of_the_entry_before_it(owner, tmp_path):
    write(owner, 6)
    rows = list(Entry.of(owner.tenant.id).order_by("seq"))
    for number, row in enumerate(rows):
        moment = row.at.replace(hour=number, minute=0)
        Entry.of(owner.tenant.id).filter(seq=row.seq).update(at=moment)
    start, end = (rows[0].at.replace(hour=hour, minute=0, second=0, microsecond=0) for hour in (2, 4))
    span = bundle.span(owner.tenant.id, start, end)
    assert (span.first, span.last, span.entries) == (3, 4, 2)
    assert (span.previous, span.last_hash) == (rows[1].hash, rows[3].hash)
    query = f"?from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%S%z}"
    _, archive = fetched(owner, query.replace("+", "%2B"))
    assert archive.read("entries.jsonl").count(b"\n") == 2
    head = json.loads(archive.read("head.json"))
    assert (head["seq"], head["range"]["last"]["seq"]) == (6, 4)


def test_ranges_of_a_day_are_whole_and_one_without_entries_says_so(owner, tmp_path):
    write(owner, 6)
    now = Entry.of(owner.tenant.id).latest("seq").at
    whole = proof.verify(make(owner, tmp_path / "a.zip", now - timedelta(days=1), now + timedelta(days=1)))
    assert (whole.ok, whole.entries) == (True, 6)
    for start, end in ((now + timedelta(days=1), None), (None, now - timedelta(days=1))):
        verdict = proof.verify(make(owner, tmp_path / "b.zip", start, end))
        assert (verdict.ok, verdict.entries, verdict.first) == (True, 0, None)


def test_a_workspace_where_nothing_happened_has_an_empty_bundle(stranger, tmp_path):
    Head.objects.filter(tenant=stranger.tenant).delete()
    assert proof.told(proof.verify(make(stranger, tmp_path / "a.zip"))) == "OK: there are no entries in this range."


@pytest.mark.parametrize("query", ["from=soon", "to=2026-13-01", "from=2026-01-02&to=2026-01-01", "to=%00"])
def test_a_range_that_is_none_is_refused(owner, query):
    assert owner.api.get(f"/v1/audit/bundle?{query}").status_code == 400


def test_what_was_changed_in_the_database_is_found_in_the_bundle(owner, tmp_path):
    write(owner, 5)
    rows = Entry.of(owner.tenant.id)
    rows.filter(seq=3).update(reason="nothing happened")
    assert proof.verify(make(owner, tmp_path / "a.zip")).first_bad == 3
    rows.filter(seq=1).delete()
    assert proof.verify(make(owner, tmp_path / "b.zip")).first_bad == 1
    rows.filter(seq=5).delete()
    assert proof.verify(make(owner, tmp_path / "c.zip")).first_bad == 1


def test_a_tail_that_was_cut_off_in_the_database_is_found_in_the_bundle(owner, tmp_path):
    write(owner, 5)
    Entry.of(owner.tenant.id).filter(seq=5).delete()
    verdict = proof.verify(make(owner, tmp_path / "a.zip"))
    assert (verdict.first_bad, verdict.why) == (5, "the entries from 5 to 5 are missing")


def test_the_head_alone_is_told(owner, stranger):
    write(owner, 3)
    told = owner.api.get("/v1/audit/head").data
    assert (told["seq"], told["hash"]) == (3, Entry.of(owner.tenant.id).get(seq=3).hash)
    assert stranger.api.get("/v1/audit/head").data["seq"] == 0


def test_others_get_their_own_trail_and_viewers_see_what_the_page_shows_them(owner, viewer, stranger, client):
    write(owner, 3)
    assert fetched(stranger)[1].read("entries.jsonl") == b""
    assert fetched(viewer)[1].read("entries.jsonl").count(b"\n") == 3
    client.force_login(viewer.user)
    assert b'href="/v1/audit/bundle"' in client.get("/audit/").content
    assert client.get("/v1/audit/bundle").status_code == 200
    client.logout()
    assert client.get("/v1/audit/bundle").status_code == 401


def test_memory_does_not_grow_with_the_trail(owner, monkeypatch):
    write(owner, 40, text="x" * 2_000)
    monkeypatch.setattr(bundle, "BATCH", 2)
    tracemalloc.start()
    sizes = []
    for _ in bundle.pieces(owner.tenant, bundle.span(owner.tenant.id, None, None)):
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(sizes) > 20
    assert sizes[-1] - sizes[8] < 60_000
