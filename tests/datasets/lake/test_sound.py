"""A file that is not the one the catalog names gives an error, never other rows."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest

from datasets.engine import canonical
from datasets.lake import scan, sound
from datasets.lake.offers import SegmentDamaged
from datasets.models import LakeSegment
from datasets.storage import blobs
from tests.kit import lake
from tests.kit.stores import Folder

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "crypto_bars_1d"


@pytest.fixture
def two(owner, tmp_path):
    """The segments of two revisions of the same 300 days: as many rows, the same times, one other price."""
    name = lake.registered(owner)
    closes = 100 + np.arange(300) / 7
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes, first_day=20_089), name))
    closes[150] += 0.25
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes, first_day=20_089), name, policy="newer"))
    return list(LakeSegment.of(owner.tenant.id).order_by("created_at"))


def read(owner):
    entry = scan.entry_of(owner.tenant.id, TABLE, "BINANCE:ETH-BTC")
    return pa.concat_tables(scan.tables_of(scan.locate(entry)))


def bytes_of(segment):
    with blobs.open_blob(segment.key) as handle:
        return handle.read()


def test_another_revisions_file_under_the_key_is_refused(owner, two):
    old, new = two
    assert (old.rows, old.t0_ns, old.t1_ns) == (new.rows, new.t0_ns, new.t1_ns)
    assert read(owner).num_rows == 300
    Folder().replace(new.key, bytes_of(old))
    with pytest.raises(SegmentDamaged):
        read(owner)
    with pytest.raises(SegmentDamaged), sound.local(new):
        pass


@pytest.mark.parametrize("cut", [0, 1, 8, 500, 5000])
def test_a_file_cut_short_is_refused(owner, two, cut):
    whole = bytes_of(two[1])
    Folder().replace(two[1].key, whole[: len(whole) - cut] if cut else b"")
    with pytest.raises(SegmentDamaged):
        read(owner)


def test_a_segment_of_before_footers_is_read(owner, two):
    LakeSegment.everyone.update(footer="")
    assert read(owner).num_rows == 300


def test_the_footer_of_what_has_none_is_empty(two):
    whole = bytes_of(two[1])
    size, footer = canonical.footer_of(io.BytesIO(whole))
    assert (size, footer) == (len(whole), two[1].footer)
    for other in (b"", b"PAR1", b"no parquet at all", whole[:-1], b"\xff\xff\xff\x7fPAR1"):
        assert canonical.footer_of(io.BytesIO(other)) == (len(other), "")
