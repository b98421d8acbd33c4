"""Two revisions of an entry: only files that are not shared are read, damaged ones are refused, verdicts told."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.engine import executor
from datasets.lake import diff, scan, stretches
from datasets.models import LakeEntry, LakeSegment
from datasets.storage import blobs
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus.errors import BadRequest, NotFound

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def anew():
    """No answer of an earlier test is at hand."""
    diff._kept.cache_clear()
    diff._weight.cache_clear()


@pytest.fixture
def entry(owner, tmp_path):
    """Daily bars over two years (a file each); revision 2 changes one close of the second, 3 adds ten days to it."""
    name = lake.registered(owner)
    closes = 100 + np.arange(200) / 8
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name))
    corrected = lake.daily([130.0], first_day=MONDAY + 150)
    lake.put(owner, tmp_path, lake.offer(tmp_path, corrected, name, policy="newer"))
    later = lake.daily(np.full(10, 125.0), first_day=MONDAY + 200)
    lake.put(owner, tmp_path, lake.offer(tmp_path, later, name))
    return LakeEntry.of(owner.tenant.id).get()


def between(entry, span):
    return diff.between(entry, *diff.pair_of(entry, span))


def test_only_files_that_differ_are_read(entry, monkeypatch):
    opened = []
    real = stretches._local
    monkeypatch.setattr(
        stretches, "_local", lambda segment, stack: opened.append(segment.sha256) or real(segment, stack)
    )
    found = between(entry, "1...2")
    first, last = (scan.of_revision(entry, number).segments for number in (1, 2))
    assert [first[0].sha256] == [each.sha256 for each in last if each in first]
    assert opened == [first[1].sha256, last[1].sha256]
    assert (found["shared"], found["files"], found["sharedRows"]) == (1, 2, first[0].rows)
    assert found["counts"] == {"added": 0, "removed": 0, "changed": 1, "unchanged": first[1].rows - 1}
    (row,) = found["rows"]
    assert (row["change"], row["old"]["close"], row["new"]["close"]) == ("~", 100 + 150 / 8, 130.0)
    assert row["ns"] == (MONDAY + 150) * DAY


def test_a_step_back_is_the_inverse_and_the_same_is_nothing(entry):
    there, back = between(entry, "1...3"), between(entry, "3...1")
    assert (there["counts"]["added"], back["counts"]["removed"]) == (10, 10)
    assert {each["change"] for each in back["sessions"]} == {"-", "~"}
    same = between(entry, "2...2")
    assert (same["rowsRead"], same["files"], same["sessions"]) == (0, 0, [])
    assert same["complete"]


def test_an_answer_is_computed_once(entry, monkeypatch):
    calls = []
    real = executor.run
    monkeypatch.setattr(executor, "run", lambda *given, **more: calls.append(1) or real(*given, **more))
    assert between(entry, "1...3") == between(entry, "1...3")
    assert len(calls) == 1


@pytest.mark.parametrize("harm", ["cut", "marked", "missing", "garbled"])
def test_a_damaged_file_is_no_difference(entry, harm):
    segment = scan.of_revision(entry, 2).segments[1]
    with blobs.local(segment.key) as path:
        if harm == "cut":
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-7])
        elif harm == "garbled":
            path.chmod(0o600)
            path.write_bytes(b"x" * segment.size_bytes)
        elif harm == "missing":
            path.unlink()
        else:
            LakeSegment.everyone.filter(id=segment.id).update(damaged_at=segment.created_at)
    with pytest.raises(scan.SegmentDamaged):
        between(entry, "1...2")


def test_the_ledger_says_what_the_sessions_are_today(entry):
    found = between(entry, "1...3")
    told, judged = diff.quality_of(entry, found)
    assert told["sessions"] == 11 == len(judged)
    assert sum(told["verdicts"].values()) == 11
    assert told["completeness"] == {"sessions": 11, "a": round(100 / 11, 4), "b": 100.0}


def test_it_says_what_changed_rows_were_and_are_in_stated_bins(entry):
    told = {each["name"]: each for each in diff.distributions_of(entry, between(entry, "1...2"))}
    assert list(told) == ["open", "high", "low", "close", "volume", "trades"]
    close, volume = told["close"], told["volume"]
    assert (close["measure"], close["rows"], close["scale"]) == ("return", "changed", "linear")
    counted = {"counted": 1, "null": 0, "notFinite": 0, "noReturn": 0}
    assert close["before"] == close["after"] == counted
    before, after = (100 + 150 / 8) / (100 + 149 / 8) - 1, 130.0 / (100 + 149 / 8) - 1
    held = [(each["from"] <= before < each["to"], each["from"] <= after < each["to"]) for each in close["bins"]]
    assert [(bool(each["before"]), bool(each["after"])) for each in close["bins"]] == held
    assert close["width"] == 0.005
    assert volume["bins"] == [{"from": 10.0, "to": 11.0, "before": 1, "after": 1}]
    assert (told["trades"]["bins"], told["trades"]["before"]) == ([], counted | {"counted": 0, "null": 1})


def test_a_revision_is_a_number_or_a_time(entry):
    one, two = diff.pair_of(entry, "1...2")
    when = two.created_at.isoformat()
    assert diff.pair_of(entry, f"{when}...3")[0].number == 2
    for wrong in ("1", "1..2", "...", "1...", "a...b", "1...2026-11-20T14:03:11", "-1...2", "1...2...3"):
        with pytest.raises(BadRequest):
            diff.pair_of(entry, wrong)
    for unknown in ("0...1", "1...4", "2001-01-01...1", "999999999...1"):
        with pytest.raises(NotFound):
            diff.pair_of(entry, unknown)
    LakeEntry.everyone.filter(id=entry.id).update(oldest_revision=2)
    entry.refresh_from_db()
    for gone in ("1...3", f"{one.created_at.isoformat()}...3"):
        with pytest.raises(scan.RevisionGone):
            diff.pair_of(entry, gone)
