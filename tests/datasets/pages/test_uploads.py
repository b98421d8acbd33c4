"""The pages of uploads: list, wizard, one upload, its rejects, the sample."""

import json

import pytest

from datasets.models import Dataset, DatasetVersion, UploadSession
from datasets.uploads import concat, disk, local, sessions
from datasets.uploads.wanted import NewUpload
from tests.kit import raw
from tests.lona.worker import work
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)
NASTY = "<script>alert(1)</script>.csv"
FRAGMENT = {"HTTP_HX_REQUEST": "true"}


def begun(person, data=b"time,price,size\n", sent=None, filename="t.csv", **said) -> UploadSession:
    """Return an open session that has taken `sent` of the data."""
    session = sessions.start(person.actor, NewUpload(filename, "text/csv", len(data), **said))
    return local.fill(session, [data[:sent]])


def through(person, data, **said) -> UploadSession:
    """Return the session of data that went through ingest and what was asked to follow."""
    session = begun(person, data, **said)
    with db.atomic():
        sessions.complete(person.actor, session.dataset, session.ref)
    work()
    return UploadSession.of(person.tenant.id).get(id=session.id)


def text(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_an_empty_list_says_what_it_is_for(owner, browse):
    page = text(browse(owner).get("/uploads/"))
    assert "Upload data" in page
    assert "nexus upload btc.csv" in page
    assert "/uploads/sample/" in page


def test_unfinished_uploads_are_listed_with_resume_for_all_of_the_workspace(owner, teammate, stranger, browse):
    session = begun(owner, b"a" * 100, 42)
    for person in (owner, teammate):
        page = text(browse(person).get("/uploads/"))
        assert f"/uploads/{session.ref}/" in page
        assert "Resume" in page
        assert "42 %" in page
    assert session.ref not in text(browse(stranger).get("/uploads/"))
    assert browse(stranger).get(f"/uploads/{session.ref}/").status_code == 404


def test_an_upload_of_unknown_length_counts_bytes_and_draws_no_bar(owner, browse):
    session = local.fill(sessions.start(owner.actor, NewUpload("t.csv", "text/csv", None)), [b"a" * 4200])
    for page in (text(browse(owner).get("/uploads/")), text(browse(owner).get(f"/uploads/{session.ref}/"))):
        assert "4.20 kB, of how many is not known yet" in page
        assert "<progress" not in page
    sessions.terminate(owner.actor, session)
    assert f"/uploads/{session.ref}/" in text(browse(owner).get("/uploads/"))


def test_a_part_of_a_file_is_shown_as_one_and_can_only_be_cancelled(owner, viewer, stranger, browse):
    part = local.fill(sessions.start(owner.actor, NewUpload.part({"filename": "part-1"}, 100, "")), [b"a" * 42])
    page = text(browse(owner).get("/uploads/"))
    assert "one of several parts" in page
    assert "Resume" not in page
    for asked in ({}, FRAGMENT):
        page = text(browse(owner).get(f"/uploads/{part.ref}/", **asked))
        assert "One of several parts of a file" in page
        assert "42 %" in page
        assert "data-cancel" in page
        assert "data-choose" not in page
    assert "data-cancel" not in text(browse(viewer).get(f"/uploads/{part.ref}/"))
    assert browse(stranger).get(f"/uploads/{part.ref}/").status_code == 404
    assert browse(owner).get(f"/uploads/{part.ref}/rejects.csv").status_code == 404
    for address in ("/", "/uploads/_home/"):
        assert text(browse(owner).get(address))
    sessions.terminate(owner.actor, part)
    assert part.ref not in text(browse(owner).get("/uploads/"))
    assert "cancelled" in text(browse(owner).get(f"/uploads/{part.ref}/"))


def test_a_final_upload_is_watched_while_it_is_joined_and_says_why_it_was_not(owner, browse):
    part = local.fill(sessions.start(owner.actor, NewUpload.part({}, 10, "")), [b"0123456789"])
    new = NewUpload("whole.csv", "text/csv", None)
    new.concat = f"final;/v1/uploads/{part.ref}"
    final = concat.start(owner.actor, new, [part.id])
    assert "being put together" in text(browse(owner).get("/uploads/"))
    assert "putting the parts together" in text(browse(owner).get(f"/uploads/{final.ref}/"))
    assert "It went into" in text(browse(owner).get(f"/uploads/{part.ref}/"))
    disk.remove(part.id)
    work()
    assert "The received file is gone. The parts are kept." in text(browse(owner).get(f"/uploads/{final.ref}/"))


def test_the_list_is_also_a_fragment(owner, browse):
    page = text(browse(owner).get("/uploads/", **FRAGMENT))
    assert "<html" not in page
    assert 'id="uploads"' in page


def test_the_wizard_knows_what_columns_may_be(owner, browse):
    page = text(browse(owner).get("/uploads/new/"))
    facts = json.loads(page.split('id="upload-facts" type="application/json">')[1].split("</script>")[0])
    assert [each["name"] for each in facts["targets"]["bars"] if each["required"]] == [
        "ts_event", "open", "high", "low", "close",
    ]  # fmt: skip
    assert facts["maxBytes"] > 0


def test_the_wizard_offers_the_dataset_it_was_asked_for(owner, browse):
    version = raw.uploaded(owner, raw.trades())
    page = text(browse(owner).get(f"/uploads/new/?dataset={version.dataset.ref}"))
    assert "t.csv, version 2" in page
    assert browse(owner).get("/uploads/new/?dataset=ds_" + "0" * 32).status_code == 404


def test_a_viewer_watches_and_sends_nothing(owner, viewer, browse):
    session = begun(owner, b"a" * 100, 42)
    client = browse(viewer)
    assert client.get("/uploads/new/").status_code == 403
    assert client.get("/uploads/sample/").status_code == 403
    page = text(client.get(f"/uploads/{session.ref}/"))
    assert "data-choose" not in page
    assert "42 %" in page


def test_an_open_upload_tells_how_to_go_on(owner, browse):
    session = begun(owner, b"a" * 100, 42, filename="btc.csv")
    page = text(browse(owner).get(f"/uploads/{session.ref}/"))
    assert f"nexus upload --resume {session.ref} btc.csv" in page
    assert "Choose the same file" in page
    whole = begun(owner, b"a" * 100)
    assert "data-finish" in text(browse(owner).get(f"/uploads/{whole.ref}/"))


def test_the_names_of_a_file_are_only_ever_text(owner, browse):
    session = begun(owner, b"a" * 100, 42, filename=NASTY)
    for path in ("/uploads/", f"/uploads/{session.ref}/", "/uploads/_home/", "/uploads/new/"):
        page = text(browse(owner).get(path))
        assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in text(browse(owner).get("/uploads/"))


def test_what_came_out_is_shown_with_the_first_rejects(owner, browse):
    lines = raw.trades().splitlines(keepends=True)
    lines[5] = b"1700000028,<b>bad</b>,1,4\n"
    lines[9] = b"1700000056,=1+1,1,8\n"
    session = through(owner, b"".join(lines), symbol="BTC-USD", kind="trades", further={"then": {"validate": True}})
    page = text(browse(owner).get(f"/uploads/{session.ref}/", **FRAGMENT))
    assert "&lt;b&gt;bad&lt;/b&gt;" in page
    assert ">598<" in page
    assert "Open dataset" in page
    sheet = b"".join(browse(owner).get(f"/uploads/{session.ref}/rejects.csv").streaming_content).decode()
    assert sheet.splitlines()[0] == "line,row,column,value,reason"
    assert "'=1+1" in sheet
    assert "\n6,4,price,<b>bad</b>," in sheet.replace("\r", "")


def test_a_failed_reading_can_be_mended_from_the_stored_bytes(owner, stranger, browse):
    data = b"time,price,size\n2024-01-02 10:00:00,1,1\n2024-01-02 10:00:01,1,1\n"
    session = through(owner, data, symbol="A", further={"then": {"validate": True}})
    assert session.version.status == "validation_failed"
    client = browse(owner)
    assert "data-fix" in text(client.get(f"/uploads/{session.ref}/"))
    path = f"/uploads/{session.ref}/sniff/"
    asked = client.post(path, json.dumps({}), content_type="application/json").json()["sniff"]
    assert [each["id"] for each in asked["questions"] if each["required"]] == ["timezone"]
    found = client.post(path, json.dumps({"timezone": "UTC"}), content_type="application/json").json()["sniff"]
    assert found["preview"]["first"] == "2024-01-02 10:00:00Z"
    assert client.post(path, "nonsense", content_type="application/json").status_code == 400
    assert browse(stranger).post(path, "{}", content_type="application/json").status_code == 404


def test_identical_bytes_say_which_version_they_are(owner, browse):
    data = raw.trades()
    first = through(owner, data)
    again = through(owner, data, dataset=first.dataset.ref)
    page = text(browse(owner).get(f"/uploads/{again.ref}/"))
    assert "identical to a version that is here already" in page


def test_the_sample_is_taken_in_once_by_the_usual_verbs(owner, browse):
    client = browse(owner)
    page = text(client.get("/uploads/sample/"))
    assert "Simulated" in page
    plan = "stocks" if "public domain" in page else "tape"
    answers = [client.post("/uploads/sample/", {"plan": plan}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    work()
    version = DatasetVersion.of(owner.tenant.id).order_by("number").first()
    assert version.status in ("validated", "ready")
    assert Dataset.of(owner.tenant.id).count() == 1
    assert client.post("/uploads/sample/", {"plan": "gold"}).status_code == 400


def test_home_shows_the_first_steps_until_they_are_put_away(owner, browse):
    client = browse(owner)
    page = text(client.get("/uploads/_home/"))
    assert "First steps" in page
    assert "Start with sample data" in page
    session = begun(owner, b"a" * 100, 42)
    assert session.ref in text(client.get("/uploads/_home/"))
    assert client.post("/uploads/_home/").status_code == 303
    assert "First steps" not in text(client.get("/uploads/_home/"))


def test_an_address_is_answered_with_why_a_terminal_fetches_it(owner, browse):
    page = browse(owner).get("/uploads/new/").content.decode()
    assert "Or paste the address of a file" in page
    assert "fetches nothing from the net by itself" in page
