"""A bundle appears at one moment under its night's name, takes another's place so, and goes as a whole."""

from __future__ import annotations

import os
import time
from datetime import date
from uuid import UUID

import pytest

from datasets.exports import places

TENANT, NIGHT = UUID(int=7), date(2024, 1, 2)


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.NEXUS_HOME = tmp_path
    return tmp_path


def built(text: str, job: str = "job_1") -> str:
    room = places.room(TENANT, job, 1)
    places.write(room, "a/file", text.encode())
    folder = places.name_of(NIGHT, text * 64)
    places.settle(TENANT, room, folder)
    return folder


def test_the_nights_name_leads_to_the_newest_build():
    first, second = built("a"), built("b")
    link = places.night_link(TENANT, NIGHT)
    places.show(TENANT, NIGHT, first)
    assert (link / "a/file").read_text() == "a"
    places.show(TENANT, NIGHT, second)
    assert (link / "a/file").read_text() == "b"
    assert sorted(each.name for each in link.parent.iterdir()) == ["2024-01-02"]


def test_the_same_bundle_again_is_the_one_that_is_there():
    folder = built("a")
    inode = (places.bundle(TENANT, folder) / "a/file").stat().st_ino
    assert built("a", "job_2") == folder
    assert (places.bundle(TENANT, folder) / "a/file").stat().st_ino == inode
    assert os.listdir(places.root(TENANT) / "bundles") == [folder]


def test_what_an_earlier_attempt_left_is_removed_and_no_other_jobs_room():
    mine, other = places.room(TENANT, "job_1", 1), places.room(TENANT, "job_2", 1)
    again = places.room(TENANT, "job_1", 2)
    assert (mine.exists(), other.exists(), again.exists()) == (False, True, True)


def test_a_removed_bundle_takes_only_its_own_name_with_it():
    first, second = built("a"), built("b")
    places.show(TENANT, NIGHT, second)
    places.remove(TENANT, first)
    assert os.path.lexists(places.night_link(TENANT, NIGHT))
    places.remove(TENANT, second)
    assert not os.path.lexists(places.night_link(TENANT, NIGHT))
    assert os.listdir(places.root(TENANT) / "bundles") == []
    places.remove(TENANT, second)


def test_strays_are_old_folders_that_nobody_names():
    first, second = built("a"), built("b")
    assert places.strays(TENANT, [second], time.time() + 60) == [places.bundle(TENANT, first)]
    assert places.strays(TENANT, [], time.time() - 60) == []
    assert places.strays(UUID(int=8), [], time.time()) == []


@pytest.mark.parametrize("name", ["../x", "", "2024-01-02", "2024-01-02-" + "g" * 24, ".building-1"])
def test_a_folder_of_another_form_is_no_bundle(name):
    with pytest.raises(ValueError, match="not a bundle"):
        places.bundle(TENANT, name)
