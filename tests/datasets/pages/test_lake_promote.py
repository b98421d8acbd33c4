"""From a dataset's page into the lake: the form, names of symbols, refusals, and the way back."""

from __future__ import annotations

import pytest

from datasets.models import DatasetVersion, LakeEntry
from tests.kit import factories
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
SAID = {
    "table": "crypto_bars_1m", "policy": "refuse", "type": "spot", "calendar": "24/7",
    "venue": "", "symbol_0": "X:BTC-USD",
}  # fmt: skip


def at(version):
    return f"/datasets/{version.dataset.ref}/v/{version.number}/promote/"


def test_only_tables_that_fit_are_offered(owner, browse, bars):
    text = browse(owner).get(at(bars)).content.decode()
    assert [name in text for name in ("crypto_bars_1m", "equities_bars_minute")] == [True, True]
    assert 'value="crypto_bars_1d"' not in text
    assert 'value="trades"' not in text
    assert f"nexus lake promote {bars.dataset.ref}@1" in text
    assert f"/v1/datasets/{bars.dataset.ref}/promote" in text
    assert "Promote into the lake" in browse(owner).get(f"/datasets/{bars.dataset.ref}/").content.decode()


def test_the_venue_names_symbols_beforehand(owner, browse, bars):
    DatasetVersion.of(owner.tenant.id).filter(id=bars.id).update(venue="coinbase")
    text = browse(owner).get(at(bars)).content.decode()
    assert 'value="COINBASE:BTC-USD"' in text


def test_a_version_enters_the_lake_and_each_leads_to_the_other(owner, browse, bars):
    browser = browse(owner)
    answer = browser.post(at(bars), SAID)
    job = Job.of(owner.tenant.id).get(subject=bars.ref)
    assert (answer.status_code, answer["Location"]) == (303, f"/jobs/{job.ref}/")
    while runner.wake():
        pass
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    entry = LakeEntry.of(owner.tenant.id).get()
    url = f"/lakehouse/{entry.table}/{entry.instrument}/"
    assert (entry.instrument, entry.rows) == ("X:BTC-USD", 250)
    assert url in browser.get(f"/datasets/{bars.dataset.ref}/").content.decode()
    assert f"/datasets/{bars.dataset.ref}/v/1/" in browser.get(url).content.decode()


def test_an_empty_field_takes_the_venue(owner, browse, bars):
    assert browse(owner).post(at(bars), SAID | {"symbol_0": "", "venue": "okx"}).status_code == 303
    assert Job.of(owner.tenant.id).get().params["options"]["instruments"] == {"BTC-USD": "OKX:BTC-USD"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table": "crypto_bars_1d"}, "valid choice"),
        ({"symbol_0": ""}, "cannot be a venue"),
        ({"symbol_0": "nonsense"}, "not VENUE:SYMBOL"),
        ({"type": ""}, "choose one of"),
        ({"calendar": "XXXX"}, "exchange calendar"),
        ({"policy": "best"}, "valid choice"),
    ],
)
def test_what_cannot_be_is_refused_in_the_form(owner, browse, bars, change, words):
    answer = browse(owner).post(at(bars), SAID | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Job.of(owner.tenant.id).exists()


def test_what_is_not_validated_has_no_form(owner, viewer, browse, bars):
    raw = factories.version_in(owner, "uploaded")
    assert "only validated rows" in browse(owner).get(at(raw)).content.decode()
    assert browse(owner).post(at(raw), SAID).status_code == 422
    assert "can promote" in browse(viewer).get(at(bars)).content.decode()
    assert browse(viewer).post(at(bars), SAID).status_code == 403
