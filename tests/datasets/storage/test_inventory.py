"""Walks over what is stored: every key once, with its size, on a folder and in a bucket."""

import os
import time
from pathlib import Path

from django.core.files.storage import storages

from datasets.storage import blobs, inventory


def test_every_key_is_found_once_with_its_size(store):
    home = f"raw/{os.urandom(16).hex()}"
    sizes = {f"{home}/{number:02d}/file": number for number in range(1, 30)}
    for key, size in sizes.items():
        blobs.put_bytes(key, b"x" * size)
    found = list(inventory.walk(home))
    assert {each.key: each.size_bytes for each in found} == sizes
    assert len(found) == len(sizes)
    assert all(abs(time.time() - each.at_s) < 3_600 for each in found)
    assert inventory.folders(home) == [f"{number:02d}" for number in range(1, 30)]


def test_nothing_there_is_nothing_found(store):
    assert list(inventory.walk("lake/none")) == []
    assert inventory.folders("lake/none") == []


def test_a_linked_file_is_as_old_as_its_name(tmp_path):
    source = tmp_path / "old"
    source.write_bytes(b"x")
    os.utime(source, (1_000_000, 1_000_000))
    key = f"raw/{os.urandom(16).hex()}/file"
    blobs.put_file(key, source)
    [found] = inventory.walk(str(Path(key).parent))
    assert time.time() - found.at_s < 60


def test_a_storage_of_another_kind_is_walked_by_its_own_listing(settings):
    other = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "data": other}
    from django.core.files.base import ContentFile

    storages["data"].save("lake/a/b/c", ContentFile(b"123"))
    assert [(each.key, each.size_bytes) for each in inventory.walk("lake")] == [("lake/a/b/c", 3)]
    assert inventory.folders("lake") == ["a"]
    assert list(inventory.walk("lake/none")) == []
