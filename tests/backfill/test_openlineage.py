"""An ingest leads from the vendor's answer to the entry that took it."""

import pytest

from backfill.vendors import errors
from tests.datasets.openlineage.test_moves import events_of
from tests.kit.answering import page
from tests.kit.lake import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_landed_is_an_input_and_what_was_committed_an_output(owner, answering, hand_in):
    answering["X:A"], answering["X:B"] = (page(MONDAY, [100.0, 101.0, 102.0]),), errors.NoData("not listed here")
    hand_in(owner, ["X:A", "X:B"])
    (start, complete), _ = events_of(owner, "backfill.ingest")
    assert start["eventType"] == "START"
    (read,), (made,) = complete["inputs"], complete["outputs"]
    assert (read["namespace"], read["name"]) == ("vendor://answering", "crypto_bars_1d/X:A")
    assert "version" not in read["facets"]  # what was staged is gone, and its digest with it
    assert (made["name"], made["facets"]["version"]["datasetVersion"]) == ("lake/crypto_bars_1d/X:A", "1")
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 3
