"""Manifests: equal content has an equal digest, damage is found."""

from __future__ import annotations

import pytest

from datasets.storage import blobs, layout, manifests
from tradenexus.ids import uuid7


@pytest.fixture
def keys() -> tuple[str, str]:
    ids = uuid7(), uuid7(), uuid7()
    return layout.manifest(*ids), layout.canonical(*ids, 0, "0" * 64)


def test_order_of_keys_does_not_change_the_digest():
    assert manifests.digest({"a": 1, "b": [2]}) == manifests.digest({"b": [2], "a": 1})


def test_reads_what_was_written_and_checks_its_digest(store, keys):
    blob = manifests.write(keys[0], {"rows": 3})
    assert manifests.read(keys[0], blob.sha256) == {"format": 1, "rows": 3}
    with pytest.raises(manifests.ManifestDamaged):
        manifests.read(keys[0], "0" * 64)


def test_names_the_file_with_a_flipped_bit(store, keys):
    blob = blobs.put_bytes(keys[1], b"rows of data")
    document = {"files": [{"key": blob.key, "sizeBytes": blob.size_bytes, "sha256": blob.sha256}]}
    assert manifests.damaged(document) == []
    store.replace(blob.key, b"rows of dat`")
    assert manifests.damaged(document) == [blob.key]


def test_refuses_what_is_not_a_number():
    with pytest.raises(ValueError):
        manifests.encode({"x": float("nan")})
