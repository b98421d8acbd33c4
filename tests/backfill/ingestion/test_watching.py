"""Files of the watched folder are taken once by their content; bad ones are named once and left alone."""

import json
import os
import time

import pytest

from backfill.ingestion import watching
from backfill.models import IngestRun, TakenFile
from datasets.models import LakeEntry
from tests.kit.answering import page
from tests.kit.lake import MONDAY
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def put(own_home):
    def write(date, content, age_s=60.0):
        path = own_home / "export" / date / "candidates.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    return write


def sweep():
    return watching.sweep("test")


def test_a_file_is_taken_and_its_candidates_enter(owner, answering, put, work):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    path = put("2024-10-07", {"meta": {"venue": "X"}, "data": [{"symbol": "A"}]})
    assert sweep() == {"taken": 1, "refused": 0}
    work()
    assert LakeEntry.of(owner.tenant.id).get().rows == 1
    run = IngestRun.of(owner.tenant.id).get()
    assert (run.source, run.user_id) == ("2024-10-07/candidates.json", None)
    assert path.exists()


def test_the_same_content_is_taken_once_wherever_it_lies(owner, answering, put):
    put("2024-10-07", ["X:A"])
    assert sweep() == {"taken": 1, "refused": 0}
    put("20241008", ["X:A"])
    assert sweep() == {"taken": 0, "refused": 0}
    put("2024-10-07", ["X:A", "X:B"])
    assert sweep() == {"taken": 1, "refused": 0}
    assert IngestRun.of(owner.tenant.id).count() == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "CANDIDATES_MALFORMED"),
        ("", "CANDIDATES_MALFORMED"),
        ("[" * 100_000, "CANDIDATES_MALFORMED"),
        ('{"data": 3}', "CANDIDATES_MALFORMED"),
        ("[]", "INGEST_NOTHING_ACCEPTED"),
        ('["../../x"]', "INGEST_NOTHING_ACCEPTED"),
        ("\xff", "CANDIDATES_MALFORMED"),
    ],
)
def test_a_bad_file_is_named_in_the_audit_once_and_left_alone(owner, answering, put, content, code):
    path = put("2024-10-07", content)
    before = path.read_bytes()
    assert sweep() == {"taken": 0, "refused": 1}
    assert sweep() == {"taken": 0, "refused": 0}
    entry = Entry.of(owner.tenant.id).get(action="ingest.file_refused")
    assert (entry.details["file"], entry.details["code"]) == ("2024-10-07/candidates.json", code)
    assert TakenFile.of(owner.tenant.id).get().code == code
    assert not IngestRun.of(owner.tenant.id).exists()
    assert path.read_bytes() == before


def test_a_bad_file_keeps_no_other_back(owner, answering, put):
    put("2024-10-07", "{")
    put("2024-10-08", ["X:A"])
    assert sweep() == {"taken": 1, "refused": 1}


def test_a_file_that_is_being_written_waits(owner, answering, put):
    path = put("2024-10-07", ["X:A"], age_s=0)
    assert sweep() == {"taken": 0, "refused": 0}
    os.utime(path, (time.time() - 60,) * 2)
    assert sweep() == {"taken": 1, "refused": 0}


def test_links_and_other_names_are_not_followed(owner, answering, put, own_home):
    real = put("2024-10-07", ["X:A"])
    secret = own_home / "secret.json"
    os.replace(real, secret)
    real.symlink_to(secret)
    (own_home / "export" / "2024-10-08").symlink_to(own_home)
    put("yesterday", ["X:A"])
    assert sweep() == {"taken": 0, "refused": 0}


def test_with_two_workspaces_the_setting_says_whose_they_are(owner, stranger, answering, put, settings):
    put("2024-10-07", ["X:A"])
    assert sweep() == {"taken": 0, "refused": 0}
    settings.NEXUS_INGEST_WORKSPACE = stranger.tenant.name
    assert sweep() == {"taken": 1, "refused": 0}
    assert IngestRun.of(stranger.tenant.id).exists()
    assert not IngestRun.of(owner.tenant.id).exists()


def test_without_a_folder_there_is_nothing_to_do(owner):
    assert sweep() == {"taken": 0, "refused": 0}
