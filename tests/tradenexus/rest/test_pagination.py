"""Keyset pages: every row once, in order, whatever is added meanwhile."""

import pytest

from tradenexus import db
from tradenexus.events import outbox

pytestmark = pytest.mark.django_db


def _fill(person, count):
    for number in range(count):
        with db.atomic():
            outbox.record(person.actor, "test.happened", f"thing_{number}", new=str(number))


def test_pages_show_every_entry_once_newest_first(owner):
    _fill(owner, 25)
    seen, cursor = [], ""
    while cursor is not None:
        page = owner.api.get(f"/v1/audit?limit=10&cursor={cursor}").data
        seen += [item["seq"] for item in page["items"]]
        cursor = page["nextCursor"]
        _fill(owner, 1)  # new entries do not shift the pages behind
    assert seen == list(range(25, 0, -1))


CURSORS = ["cursor=%00", "cursor=bm8", "cursor=W10", "cursor=WyJhYmMiXQ"]  # the last: ["abc"] where a number belongs
CURSORS += ["cursor=W3siZCI6IDF9XQ", "cursor=W3siZCI6ICIyMDI0LTEwLTA3In1d"]  # a day that is none, a day in that place


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", *CURSORS])
def test_a_bad_limit_or_cursor_is_refused_by_name(owner, query):
    answer = owner.api.get(f"/v1/audit?{query}")
    assert (answer.status_code, answer.data["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert query.split("=")[0] in answer.data["error"]["details"]["fields"]
