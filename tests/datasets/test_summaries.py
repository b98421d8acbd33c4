"""Summaries that are kept give the same bars, days and shapes as the rows themselves."""

import numpy as np
import pytest

from datasets import charts, summaries
from datasets.models import VersionFile
from tests.kit import factories

pytestmark = pytest.mark.django_db
MINUTE = 60 * 10**9


@pytest.fixture
def file(owner, tmp_path, settings, monkeypatch):
    settings.NEXUS_HOME = tmp_path / "home"
    version = factories.sealed(owner, tmp_path, rows=25_000)
    monkeypatch.setattr(summaries, "KEEP_FROM_ROWS", 10)
    return VersionFile.objects.get(version=version)


def test_kept_bars_equal_bars_read_again_at_every_edge(file, monkeypatch):
    start, end = file.t0_ns + 7 * MINUTE + 1, file.t1_ns - 11 * MINUTE
    span = 15 * MINUTE
    kept = charts._bars(summaries.bars_between(file, "bars", start, end, span), span, 5_000, True)
    again = charts._bars(summaries.bars_between(file, "bars", start, end, span), span, 5_000, True)
    monkeypatch.setattr(summaries, "KEEP_FROM_ROWS", 10**9)
    assert kept == again == charts._bars(summaries.bars_between(file, "bars", start, end, span), span, 5_000, True)
    assert len(kept) > 1_600


def test_what_is_kept_is_found_by_digest_and_may_be_deleted(file, settings):
    first = summaries.days(file)
    kept = list((settings.NEXUS_HOME / "cache").rglob("*days.json"))
    assert [path.name.startswith(file.sha256) for path in kept] == [True]
    assert summaries.days(file) == first
    kept[0].unlink()
    assert summaries.days(file) == first
    assert sum(first.values()) == 25_000


def test_shapes_count_nulls_of_every_column_and_bound_times(file):
    shapes = {shape["name"]: shape for shape in summaries.shapes(file)}
    assert shapes["trades"]["nulls"] == 25_000
    assert shapes["ts_event"]["min"] == "2023-11-14T22:13:00Z"
    assert sum(shapes["open"]["histogram"]) == 25_000
    assert list(shapes.values()) == summaries.shapes(file)


def test_only_row_groups_that_overlap_are_read(file):
    start = file.t0_ns + 10_080 * MINUTE
    rows = sum(len(times) for times, _ in summaries.batches(file, [], start, start + MINUTE))
    assert rows == 10_080


@pytest.mark.parametrize(
    ("volumes", "total"), [([1.0, float("nan"), 2.0], 3.0), ([float("nan")] * 3, None), ([0.0, float("nan"), 0.0], 0.0)]
)
def test_a_volume_is_what_is_known_of_it_and_unknown_when_nothing_is(volumes, total):
    ones = np.ones(3)
    prices = dict.fromkeys(("open", "high", "low", "close", "filled"), ones)
    whole = summaries.reduce(iter([{"bucket": np.zeros(3, np.int64), "volume": np.array(volumes), **prices}]))
    [bar] = charts._bars(whole, MINUTE, 10, True)
    assert bar["volume"] == (None if total is None else str(int(total)))
