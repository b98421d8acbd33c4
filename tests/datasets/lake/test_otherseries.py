"""Where other vendors' series are found, and which of them are no witness."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import origins, suspects
from datasets.models import DatasetVersion, LakePartition, LakeQuarantine
from datasets.storage import blobs
from tests.kit import halves, lake, recorded
from tests.kit.halves import NAME, TABLE

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date.fromisoformat(halves.SESSION)


@pytest.fixture
def entry(owner, tmp_path):
    return halves.halved(owner, tmp_path)


def seen(entry):
    one = suspects.find(entry, DAY)
    return one.state, [(each.vendor, each.kind, each.says, each.ratio) for each in one.evidence]


def test_without_another_series_it_is_unwitnessed(entry):
    assert seen(entry) == ("unwitnessed", [])


def test_refused_adjusted_rows_of_another_vendor_corroborate(owner, entry, tmp_path):
    halves.offered(owner, tmp_path, halves.adjusted())
    assert seen(entry) == ("corroborated", [("second", "refused rows", "agrees", 2.0)])
    one = suspects.find(entry, DAY)
    (said,) = one.evidence
    held = LakeQuarantine.of(owner.tenant.id).get(session=date(2024, 11, 5))
    assert (said.source, said.digest, one.ratio, one.settled) == (held.ref, held.sha256, 2.0, False)
    assert [bar.theirs / bar.ours for bar in said.bars] == pytest.approx([0.5] * 3 + [1.0] * 3)
    assert all(bar.digest for bar in said.bars)


def test_a_dataset_of_another_vendor_corroborates_without_entering_the_lake(owner, entry, tmp_path):
    version = halves.dataset(owner, tmp_path, halves.adjusted() * 0.97)
    assert seen(entry) == ("corroborated", [("third", "dataset", "agrees", 2.0)])
    (said,) = suspects.find(entry, DAY).evidence
    assert (said.source, said.revision, said.digest) == (version.ref, 1, version.content_digest)


def test_an_entry_of_another_table_corroborates(owner, entry, tmp_path):
    other = halves.minutes(owner, tmp_path, halves.adjusted(), "second")
    assert seen(entry) == ("corroborated", [("second", "entry", "agrees", 2.0)])
    (said,) = suspects.find(entry, DAY).evidence
    assert (said.source, said.revision, said.digest) == (other.ref, 1, other.digest)


def test_raw_closes_of_another_vendor_leave_it_unwitnessed(owner, entry, tmp_path):
    halves.minutes(owner, tmp_path, halves.closes(), "second")
    halves.dataset(owner, tmp_path, halves.closes() * 1.001)
    assert seen(entry) == (
        "unwitnessed",
        [("second", "entry", "silent", None), ("third", "dataset", "silent", None)],
    )


@pytest.mark.parametrize(
    ("values", "ratio"),
    [
        (halves.adjusted(4), 4.0),
        (halves.closes() / 7, 1.0),  # adjusted, and not for this
        (np.where(np.arange(60) < 30, 1.0, 2.0) * halves.closes(), 1.0),  # no jump there
    ],
)
def test_another_ratio_or_no_jump_contradicts_also_where_somebody_agrees(owner, entry, tmp_path, values, ratio):
    halves.dataset(owner, tmp_path, values)
    assert seen(entry) == ("contradicted", [("third", "dataset", "contradicts", ratio)])
    halves.offered(owner, tmp_path, halves.adjusted())
    assert seen(entry)[0] == "contradicted"


@pytest.mark.parametrize("vendor", ["first", " FIRST ", "", "upload"])
def test_the_same_vendor_or_nobody_is_no_witness(owner, entry, tmp_path, vendor):
    halves.dataset(owner, tmp_path, halves.adjusted(), vendor=vendor)
    halves.minutes(owner, tmp_path, halves.adjusted(), vendor)
    state, told = seen(entry)
    assert state == "unwitnessed"
    assert {says for _, _, says, _ in told} == {"dependent"}


def test_refused_rows_of_the_same_vendor_are_no_witness(owner, entry, tmp_path):
    halves.offered(owner, tmp_path, halves.adjusted(), vendor="first")
    assert seen(entry) == ("unwitnessed", [("first", "refused rows", "dependent", None)])


def test_our_rows_over_again_are_no_witness(owner, entry, tmp_path):
    halves.dataset(owner, tmp_path, halves.closes())
    assert seen(entry) == ("unwitnessed", [("third", "dataset", "dependent", None)])


def test_a_dataset_that_our_rows_were_made_of_is_no_witness(owner, entry, tmp_path):
    version = halves.dataset(owner, tmp_path, halves.adjusted())
    offer = lake.offer(tmp_path, halves.bars(np.full(1, 51.0)), NAME, TABLE, vendor="first", policy="newer")
    lake.put(owner, tmp_path, offer, source=version.ref)
    assert seen(entry)[1] == [("third", "dataset", "dependent", None)]


def test_a_dataset_that_a_person_changed_is_no_witness(owner, entry, tmp_path):
    halves.dataset(owner, tmp_path, halves.adjusted(), operation="fix")
    assert seen(entry)[1] == [("third", "dataset", "dependent", None)]


def test_a_vendor_whose_own_rows_begin_at_the_session_is_no_witness_of_it(owner, tmp_path):
    """The lake's rows before are one vendor's, those from the session on another's adjusted ones: no split at all."""
    lake.registered(owner, NAME, "equity", "24/7")
    rows = halves.bars(halves.closes())
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows.slice(0, 30), NAME, TABLE, vendor="first"))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows.slice(30), NAME, TABLE, vendor="second"))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows.slice(30), NAME, TABLE, vendor="first"))  # nothing new
    halves.offered(owner, tmp_path, halves.adjusted())
    entry = suspects.scan.entry_of(owner.tenant.id, TABLE, NAME)
    assert seen(entry) == ("unwitnessed", [("second", "refused rows", "dependent", None)])
    part = LakePartition.objects.get(entry=entry, session=DAY)
    assert origins.Standing(entry, [part]).brought_by(part) == {"second"}


def test_of_revisions_that_were_let_go_all_who_committed_till_then_may_have_brought_the_rows(owner, entry, tmp_path):
    later = np.append(halves.closes(), 50.5)
    lake.put(owner, tmp_path, lake.offer(tmp_path, halves.bars(later), NAME, TABLE, vendor="second"))
    entry.refresh_from_db()
    part = LakePartition.objects.get(entry=entry, session=DAY)
    assert origins.Standing(entry, [part]).brought_by(part) == {"first"}
    entry.members.filter(until_revision=2).delete()
    entry.oldest_revision = 2
    entry.save(update_fields=["oldest_revision"])
    assert origins.Standing(entry, [part]).brought_by(part) == {"first", "second"}


def test_what_is_archived_of_another_venue_or_another_workspaces_is_not_looked_at(owner, stranger, entry, tmp_path):
    version = halves.dataset(owner, tmp_path, halves.adjusted())
    DatasetVersion.everyone.filter(id=version.id).update(status="archived")
    halves.dataset(owner, tmp_path, halves.adjusted(), venue="XFRA")
    halves.dataset(stranger, tmp_path, halves.adjusted())
    halves.halved(stranger, tmp_path)
    halves.offered(stranger, tmp_path, halves.adjusted())
    assert seen(entry) == ("unwitnessed", [])


def test_a_file_that_is_gone_is_no_series(owner, entry, tmp_path):
    halves.offered(owner, tmp_path, halves.adjusted())
    for held in LakeQuarantine.of(owner.tenant.id):
        blobs.delete(held.key)
    assert seen(entry) == ("unwitnessed", [])


def test_real_apple_splits_are_corroborated_by_the_files_own_adjusted_closes(owner, realdata, tmp_path):
    lake.registered(owner, NAME, "equity", "XNYS")
    rows, adjusted = recorded.shares(realdata, "AAPL")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, NAME, TABLE, vendor="wiki"))
    factor, other = adjusted / rows["close"].to_numpy(), rows
    for at, name in enumerate(("open", "high", "low", "close"), start=1):
        other = other.set_column(at, name, pa.array(rows[name].to_numpy() * factor))
    lake.put(owner, tmp_path, lake.offer(tmp_path, other, NAME, TABLE, vendor="second", policy="newer"))
    told = {f"{one.session}": one for one in suspects.listed(suspects.scan.entry_of(owner.tenant.id, TABLE, NAME))}
    for day in ("2000-06-21", "2005-02-28"):
        assert (told[day].state, told[day].ratio, told[day].settled) == ("corroborated", 2.0, False)
