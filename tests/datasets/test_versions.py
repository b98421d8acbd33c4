"""Versions: numbered, sealed once, found by reference."""

import pytest

from datasets import lifecycle, versions
from datasets.models import Dataset, VersionFile
from datasets.storage import blobs
from tests.kit import factories
from tradenexus import db
from tradenexus.errors import BadRequest, NotFound

pytestmark = pytest.mark.django_db


def test_sealing_writes_rows_range_symbols_and_digest(store, owner, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=10)
    file = VersionFile.objects.get(version=version)
    assert (version.row_count, version.symbols) == (10, ["BTC-USD"])
    assert (version.start_ns, version.end_ns) == (file.t0_ns, file.t1_ns)
    assert version.content_digest == version.sha256
    assert blobs.verify(blobs.Blob(file.key, file.size_bytes, file.sha256))


def test_sealed_content_is_never_written_again(owner, tmp_path):
    version = factories.sealed(owner, tmp_path)
    with pytest.raises(versions.AlreadySealed), db.atomic():
        versions.seal(version, [])


def test_the_same_content_has_the_same_digest_wherever_it_lies(store, owner, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = factories.sealed(owner, tmp_path / "a")
    second = factories.sealed(owner, tmp_path / "b")
    assert first.content_digest == second.content_digest


def test_a_derived_version_is_the_next_of_the_same_dataset_and_leaves_its_parent(store, owner, tmp_path):
    parent = factories.sealed(owner, tmp_path, kind="trades", status="validated")
    with db.atomic():
        child = versions.open_derived(owner.actor, parent, "candles", {"frequency": "1m"})
    parent.refresh_from_db()
    assert (child.number, child.parent_id, child.status) == (2, parent.id, "transforming")
    assert parent.status == "validated"
    assert Dataset.of(owner.tenant.id).get().status == "transforming"


def test_references_find_the_version_they_mean(owner, tmp_path):
    version = factories.sealed(owner, tmp_path)
    ref = version.dataset.ref
    with db.atomic():
        versions.open_derived(owner.actor, version, "candles", {"frequency": "5m"})
    tenant = owner.tenant.id
    assert versions.resolve(tenant, ref).number == 2
    assert versions.resolve(tenant, f"{ref}@1").number == 1
    assert versions.resolve(tenant, version.ref).number == 1
    assert versions.resolve(tenant, ref, lifecycle.RUNNABLE).number == 1
    for unknown in (f"{ref}@3", f"{ref}@published", "ds_" + "0" * 32, "nonsense", "dsv_x"):
        with pytest.raises(NotFound):
            versions.resolve(tenant, unknown)
    for odd in (f"{ref}@0", f"{ref}@x", f"{ref}@99999999999999999999"):
        with pytest.raises((NotFound, BadRequest)):
            versions.resolve(tenant, odd)


def test_a_version_in_no_legal_state_is_a_conflict_that_says_so(owner):
    version = factories.version_in(owner, "uploading")
    with pytest.raises(lifecycle.StateConflict) as refused:
        versions.resolve(owner.tenant.id, version.dataset.ref, lifecycle.RUNNABLE)
    assert refused.value.details["status"] == "uploading"
    assert "ready" in refused.value.details["allowed"]


def test_a_stranger_finds_nothing(owner, stranger, tmp_path):
    version = factories.sealed(owner, tmp_path)
    for ref in (version.ref, version.dataset.ref, f"{version.dataset.ref}@1"):
        with pytest.raises(NotFound):
            versions.resolve(stranger.tenant.id, ref)
