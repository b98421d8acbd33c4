"""`manage.py repair`: works by itself, says all as JSON, and fails aloud."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from backfill.vendors import errors
from datasets.models import LakeEntry, LakeSegment
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def holed(owner, tmp_path):
    lake.registered(owner, "X:A")
    days = [day for day in range(10) if day != 7]
    rows = lake.bars([(MONDAY + day) * DAY for day in days], [100.0] * len(days))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:A"))


def repair(*args, **options):
    said = io.StringIO()
    code = 0
    try:
        call_command("repair", *args, stdout=said, **options)
    except SystemExit as left:
        code = left.code
    return code, json.loads(said.getvalue())


def test_gaps_are_filled_without_a_stack(owner, stranger, holed, ranged):
    ranged["ranged"] = {(MONDAY + 7) * DAY: 100.0}
    code, told = repair("crypto_bars_1d/*")
    (one,) = told["workspaces"]  # the other workspace has no lake
    assert (code, told["ok"], one["workspace"], one["counts"]["repaired"], one["filled"]) == (0, True, "first", 1, 1)
    assert LakeEntry.of(owner.tenant.id).get().rows == 10
    code, told = repair()
    assert (code, told["workspaces"][0]["found"]["gaps"]) == (0, 0)


def test_a_range_that_failed_is_exit_code_1(owner, holed, ranged):
    ranged["ranged"] = errors.NotEntitled("not for you")
    code, told = repair(workspace="first")
    assert (code, told["ok"], told["workspaces"][0]["counts"]["failed"]) == (1, False, 1)


def test_an_entry_that_cannot_be_read_is_named_and_exit_code_1(owner, holed, ranged):
    LakeSegment.everyone.update(damaged_at=db.now())
    code, told = repair()
    (one,) = told["workspaces"]
    assert (code, told["ok"], one["counts"]["failed"]) == (1, False, 0)
    assert one["found"]["unreadable"][0]["entry"] == "crypto_bars_1d/X:A"


def test_who_is_meant_must_be_there(owner):
    with pytest.raises(CommandError, match="no workspace"):
        call_command("repair", workspace="nobody")
