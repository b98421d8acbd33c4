"""A backtest leads from a version over the provider's symbol to the report."""

import pytest

from lona.models import Publication
from tests.datasets.openlineage.test_moves import events_of
from tests.lona.backtests.test_carry import submit
from tests.lona.bars import times
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_backtest_reads_symbols_and_writes_a_report(owner, provider, make_bars):
    version = make_bars(owner, times(2 * 1440), dataset=None)
    asked = submit(owner, f"{version.dataset.ref}@1")
    work()
    (_, complete), _ = events_of(owner, "lona.backtest")
    row = Publication.of(owner.tenant.id).get()
    (read,), (made,) = complete["inputs"], complete["outputs"]
    assert (read["namespace"], read["name"]) == ("lona://127.0.0.1", f"symbols/{row.lona_symbol_id}")
    assert made["name"] == f"backtests/{asked['backtest']['id']}"


def test_publishing_leads_from_the_version_to_the_symbol(owner, provider, make_bars):
    version = make_bars(owner, times(1440), dataset=None)
    answer = owner.api.post(f"/v1/datasets/{version.dataset.ref}/publish/lona", {}, format="json")
    assert answer.status_code == 202, answer.content
    work()
    (_, complete), _ = events_of(owner, "lona.publish")
    row = Publication.of(owner.tenant.id).get()
    (read,), (made,) = complete["inputs"], complete["outputs"]
    assert read["name"] == f"datasets/{version.dataset.ref}/v/1"
    assert (made["name"], made["outputFacets"]["outputStatistics"]["rowCount"]) == (
        f"symbols/{row.lona_symbol_id}",
        row.rows,
    )
    assert made["facets"]["version"]["datasetVersion"] == row.content_hash
