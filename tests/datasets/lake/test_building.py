"""What a child does for a commit: what came before an offered session is seen whole, whatever it is cut into."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.lake import judging
from datasets.models import LakePartition, LakeQuarantine
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "crypto_bars_1m"
MINUTE = DAY // 1440


def days(first: int, volumes: list[float]):
    """Return minute bars of whole days, each of its volume in all."""
    stamps = (MONDAY + first) * DAY + np.arange(len(volumes) * 1440, dtype=np.int64) * MINUTE
    return lake.bars(stamps, np.full(len(stamps), 100.0), np.repeat(np.array(volumes) / 1440, 1440), table=TABLE)


@pytest.mark.parametrize("before", [12, 24, 26, 31, 45])
def test_a_volume_is_compared_with_the_twenty_whole_sessions_before_it(owner, tmp_path, before):
    """The month turns after the 25th day, a row group holds seven: the sessions lie in other files and groups."""
    name = lake.registered(owner)
    volumes = [1440.0 * (1 + number % 13) for number in range(before)]
    lake.put(owner, tmp_path, lake.offer(tmp_path, days(0, volumes), name, table=TABLE))
    lake.put(owner, tmp_path, lake.offer(tmp_path, days(before, [1440.0 * 1000]), name, table=TABLE))
    usual = float(np.median(volumes[-judging.HISTORY :]))
    told = LakePartition.objects.get(session=np.datetime64(MONDAY + before, "D").astype(object))
    assert told.code == "VOL_SPIKE"
    assert told.notes == f"volume is {1440.0 * 1000 / usual:.3g} times the usual"


def test_a_toxic_step_is_seen_against_the_close_before_in_another_file(owner, tmp_path):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, days(0, [1440.0] * 25), name, table=TABLE))
    stamps = (MONDAY + 25) * DAY + np.arange(1440, dtype=np.int64) * MINUTE
    far = lake.bars(stamps, np.full(1440, 9_000.0), table=TABLE)
    lake.put(owner, tmp_path, lake.offer(tmp_path, far, name, table=TABLE))
    assert LakeQuarantine.of(owner.actor.tenant_id).get().code == "TOXIC"


def test_the_digest_of_a_session_is_of_its_rows_wherever_they_stand(owner, tmp_path):
    alone, after = lake.registered(owner, "BINANCE:A-B"), lake.registered(owner, "BINANCE:C-D")
    lake.put(owner, tmp_path, lake.offer(tmp_path, days(9, [7.0]), alone, table=TABLE))
    lake.put(owner, tmp_path, lake.offer(tmp_path, days(0, [1.0] * 9), after, table=TABLE))
    lake.put(owner, tmp_path, lake.offer(tmp_path, days(9, [7.0]), after, table=TABLE))
    digests = LakePartition.objects.filter(session=np.datetime64(MONDAY + 9, "D").astype(object))
    assert len(set(digests.values_list("digest", flat=True))) == 1
    assert len(digests) == 2
