"""Local copies: bounded, and gone after their block, also when the process was killed in it."""

from __future__ import annotations

import os
import time

import pytest

from datasets.storage import faults, spool


@pytest.fixture
def folder(settings, tmp_path):
    settings.NEXUS_HOME = tmp_path
    return tmp_path / "work" / "spool"


def test_a_copy_has_its_room_from_the_start_and_goes(folder):
    with spool.room(5000) as path:
        assert path.stat().st_size == 5000
        assert path.parent == folder
    assert list(folder.iterdir()) == []


def test_copies_together_stay_below_the_limit(folder, settings):
    settings.NEXUS_SPOOL_BYTES = 10_000
    with spool.room(6_000):
        with pytest.raises(faults.StorageFull, match="NEXUS_SPOOL_BYTES"), spool.room(6_000):
            pass
        with spool.room(4_000):
            pass


def test_a_full_disk_is_named_and_leaves_nothing(folder):
    with pytest.raises(faults.StorageFull), spool.room(1 << 45):
        pass
    assert list(folder.iterdir()) == []


def test_the_sweep_takes_what_nobody_holds_any_more(folder):
    with spool.room(10) as held:
        left = folder / "left"
        left.write_bytes(b"of a killed process")
        young = folder / "young"
        young.write_bytes(b"")
        for path in (held, left):
            os.utime(path, (time.time() - 3_600,) * 2)
        assert spool.sweep() == 1
        assert sorted(folder.iterdir()) == sorted([held, young])
