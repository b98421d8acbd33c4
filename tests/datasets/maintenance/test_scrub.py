"""Stored bytes against the digests written down: intact, missing, cut, changed, and a list that was tampered with."""

import pytest

from datasets.maintenance import scrub
from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs, layout
from tests.kit import desk, factories
from tradenexus import db
from tradenexus.errors import Conflict
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(store, owner, tmp_path):
    """A sealed version with a raw file."""
    made = factories.sealed(owner, tmp_path)
    raw = blobs.put_bytes(layout.raw(made.tenant_id, made.dataset_id, made.id), b"time,price\n1,2\n")
    DatasetVersion.everyone.filter(id=made.id).update(raw_key=raw.key, sha256=raw.sha256, size_bytes=raw.size_bytes)
    made.refresh_from_db()
    return made


def check(owner, version) -> Job:
    with db.atomic():
        job = scrub.request(owner.actor, version, "a test of the check")
    runner.wake()
    return Job.everyone.get(pk=job.pk)


def test_a_version_as_it_was_written_is_intact(owner, version):
    job = check(owner, version)
    assert job.state == "succeeded"
    file = VersionFile.objects.get(version=version)
    assert job.result == {"files": 2, "bytes": file.size_bytes + version.size_bytes, "damaged": []}
    entry = desk.newest(owner, "version.verified")
    assert (entry.subject, entry.new) == (version.ref, "intact")


def cut(data: bytes) -> bytes:
    return data[:-1]


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "words"), [(None, "missing"), (cut, "bytes in the place of"), (flip, "SHA-256 differs")]
)
@pytest.mark.parametrize("which", ["raw", "canonical"])
def test_damage_is_found_named_and_recorded(owner, store, version, damage, words, which):
    key = version.raw_key if which == "raw" else VersionFile.objects.get(version=version).key
    with blobs.open_blob(key) as handle:
        stored = handle.read()
    if damage:
        store.replace(key, damage(stored))
    else:
        blobs.delete(key)
    job = check(owner, version)
    assert (job.state, job.error["code"], job.attempts) == ("failed", "VERSION_DAMAGED", 1)
    [found] = job.error["details"]["damaged"]
    assert found["key"] == key
    assert words in found["fault"]
    assert desk.newest(owner, "version.verified").new == "damaged"
    version.refresh_from_db()
    assert version.status == "ready"


def test_a_list_of_files_that_was_changed_is_found(owner, version):
    VersionFile.objects.filter(version=version).update(rows=9)
    job = check(owner, version)
    assert "content digest" in job.error["details"]["damaged"][0]["fault"]


def test_a_second_request_joins_the_first(owner, version):
    with db.atomic():
        first, second = (scrub.request(owner.actor, version, "a test of the check") for _ in range(2))
    assert first.pk == second.pk


def test_a_version_of_which_nothing_is_stored_cannot_be_checked(owner):
    empty = factories.version_in(owner, "uploading")
    with pytest.raises(Conflict, match="nothing of it is stored"), db.atomic():
        scrub.request(owner.actor, empty, "a test of the check")
