"""Sessions judged and segments built at a Dask cluster have the verdicts, bytes and digests of those made here."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.models import LakeEntry, LakePartition, LakeQuarantine, LakeSegment, LakeSketch
from tests.kit import exports, lake
from tests.kit.cluster import Cluster

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


def made(person, folder):
    """Fill a lake with all kinds of sessions, rows of another instrument among them; return what came of it."""
    exports.fill(person, folder)
    stamps = lake.ns("2024-10-07") + np.arange(1440, dtype=np.int64) * 60_000_000_000
    rows = lake.bars(stamps, 100 + np.sin(np.arange(1440)), np.arange(1440) + 1.0, "crypto_bars_1m")
    for name in ("BINANCE:ETH-BTC", "BINANCE:BTC=F_X"):
        lake.put(person, folder, lake.offer(folder, rows, name, "crypto_bars_1m"))
    tenant = person.tenant.id
    return {
        "segments": sorted(LakeSegment.of(tenant).values_list("sha256", "footer", "rows")),
        "entries": sorted(LakeEntry.of(tenant).values_list("table", "instrument", "digest", "grade", "quality_score")),
        "held": sorted(LakeQuarantine.of(tenant).values_list("sha256", "code", "notes")),
        "verdicts": sorted(
            LakePartition.objects.filter(entry__tenant=tenant).values_list(
                "entry__instrument", "session", "code", "digest"
            )
        ),
        "sketches": [bytes(each.marks) for each in LakeSketch.objects.filter(entry__tenant=tenant)],
    }


def test_a_cluster_gives_the_same_lake(cluster, owner, stranger, settings, tmp_path):
    settings.NEXUS_CHILD_MEMORY_BYTES = 1 << 30
    here = made(owner, tmp_path)
    settings.NEXUS_COMPUTE, settings.NEXUS_ENGINE_PROCESSES = cluster.compute, 2
    there = made(stranger, tmp_path)
    assert there == here
    assert {code for _, code, _ in here["held"]} == {"TOXIC", "CONTAMINATED"}
    assert len(here["sketches"]) == 1
