"""Rows against files, both ways: each kind of damage is named, and sound data is called sound."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.maintenance import fsck, stored
from datasets.models import DatasetVersion, LakeEntry, LakeQuarantine, LakeSegment, VersionFile
from datasets.storage import blobs, layout
from tests.kit import factories, lake
from tradenexus import ids

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def full(store, owner, tmp_path):
    """A version with raw and canonical file; an entry of two segments and a session in quarantine."""
    made = factories.sealed(owner, tmp_path)
    raw = blobs.put_bytes(layout.raw(made.tenant_id, made.dataset_id, made.id), b"time,price\n1,2\n")
    DatasetVersion.everyone.filter(id=made.id).update(raw_key=raw.key, sha256=raw.sha256, size_bytes=raw.size_bytes)
    closes = 100 + np.arange(400) / 8
    closes[50] = 9_000
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), lake.registered(owner)))
    return owner.tenant.id


def keys_of(tenant_id) -> dict[str, str]:
    return {
        "raw": DatasetVersion.of(tenant_id).get().raw_key,
        "canonical": VersionFile.objects.get().key,
        "segment": LakeSegment.of(tenant_id).first().key,
        "held": LakeQuarantine.of(tenant_id).get().key,
    }


def test_sound_data_is_sound(full):
    found = fsck.check(full, deep=True)
    assert found["ok"]
    assert found["rows"] == 5
    assert [found[name]["count"] for name in ("dangling", "catalog", "orphans", "foreign")] == [0, 0, 0, 0]
    assert found["orphans"]["young"] == 0


@pytest.mark.parametrize("which", ["raw", "canonical", "segment", "held"])
@pytest.mark.parametrize("damage", ["gone", "cut", "flipped"])
def test_each_damage_of_each_file_is_named(full, store, which, damage):
    key = keys_of(full)[which]
    with blobs.open_blob(key) as handle:
        data = handle.read()
    if damage == "gone":
        blobs.delete(key)
    else:
        store.replace(key, data[:-1] if damage == "cut" else data[:9] + bytes([data[9] ^ 1]) + data[10:])
    shallow, deep = fsck.check(full), fsck.check(full, deep=True)
    words = {"gone": "missing", "cut": "bytes in the place of", "flipped": "SHA-256 differs"}[damage]
    [found] = deep["dangling"]["first"]
    assert (found["key"], words in found["fault"], deep["ok"]) == (key, True, False)
    assert shallow["ok"] == (damage == "flipped")


def test_files_without_a_row_are_told_of_by_age_and_form(full, monkeypatch):
    tenant = full.hex
    known = [
        layout.raw(full, ids.uuid7(), ids.uuid7()),
        f"versions/{tenant}/{ids.uuid7().hex}/{ids.uuid7().hex}/00000-{'a' * 16}.parquet",
        layout.segment(full, "b" * 64, ids.uuid7()),
        layout.held(full, ids.uuid7(), "c" * 64),
        f"lake/{tenant}/bb/tmp-{'d' * 32}",
    ]
    for key in [*known, f"lake/{tenant}/readme.txt"]:
        blobs.put_bytes(key, b"123")
    found = fsck.check(full)
    assert (found["ok"], found["orphans"]["count"], found["orphans"]["young"]) == (True, 0, 5)
    assert [each["key"] for each in found["foreign"]["first"]] == [f"lake/{tenant}/readme.txt"]
    monkeypatch.setattr(fsck, "YOUNG_S", -1)
    found = fsck.check(full)
    assert sorted(each["key"] for each in found["orphans"]["first"]) == sorted(known)
    assert found["orphans"]["bytes"] == 18


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": 7}, "says 7 rows"),
        ({"digest": "f" * 64}, "digest"),
        ({"last_ns": 5}, "last row"),
        ({"revision": 0}, "newer"),
    ],
)
def test_an_entry_that_differs_from_its_members_is_named(full, change, words):
    LakeEntry.of(full).update(**change)
    [found] = fsck.check(full)["catalog"]["first"]
    assert words in found["fault"]


def test_rows_without_members_are_named(full):
    LakeEntry.of(full).get().members.all().delete()
    assert fsck.check(full)["catalog"]["first"][0]["fault"] == "has rows and no members"


def test_files_of_unknown_workspaces_are_strangers(full, store):
    stranger = ids.uuid7()
    blobs.put_bytes(layout.segment(stranger, "b" * 64, ids.uuid7()), b"123")
    assert f"lake/{stranger.hex}" in fsck.strangers()
    assert f"lake/{full.hex}" not in fsck.strangers()


def test_another_workspaces_files_are_not_looked_at(full, stranger):
    blobs.put_bytes(layout.segment(stranger.tenant.id, "b" * 64, ids.uuid7()), b"123")
    assert fsck.check(full)["orphans"]["young"] == 0
    assert fsck.check(stranger.tenant.id)["orphans"]["young"] == 1


@pytest.mark.parametrize("key", ["lake/x", "raw/../x", f"raw/{'5f' * 16}", "versions/tmp-1"])
def test_only_forms_of_ours_have_a_kind(key):
    assert stored.form_of(key).kind == ""
