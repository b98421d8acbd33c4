"""The proof at the end of the story: from the report back to the first byte, and a trail that cannot be touched."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from tradenexus.stack.story import TAPE
from tradenexus.stack.terminal import CommandFailed

pytestmark = pytest.mark.timeout(400)  # the first one tells the story


def reached(graph, start):
    """Return the ids of all nodes that can be reached from one along the edges."""
    found, waiting = set(), [start]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting += [edge["to"] for edge in graph["edges"] if edge["from"] == here]
    return found


def test_the_lineage_of_a_backtest_leads_from_the_uploads_sha256_to_the_report(told):
    story = told.story
    graph = story.nexus("lineage", story.backtest["id"])
    nodes = {node["id"]: node for node in graph["nodes"]}
    uploads = [node for node in nodes.values() if node["kind"] == "upload"]
    assert [node["digest"] for node in uploads] == [story.truth["sha256"]]
    report = f"report:{story.backtest['provenance']['reportId']}"
    after = reached(graph, uploads[0]["id"])
    for ref in (story.candles["id"], story.publication["id"], story.backtest["id"], report):
        assert ref in after, f"{ref} does not come from the upload"
    assert nodes[story.candles["id"]]["digest"] == story.candles["contentDigest"]
    assert {edge["from"] for edge in graph["edges"]} | {edge["to"] for edge in graph["edges"]} <= set(nodes)


def test_the_lineage_of_the_candles_ends_at_the_same_upload(told):
    story = told.story
    graph = story.nexus("lineage", f"{TAPE}@{story.candles['version']}")
    assert story.truth["sha256"] in [node.get("digest") for node in graph["nodes"] if node["kind"] == "upload"]


@pytest.mark.parametrize(
    ("column", "value"), [("reason", "nothing happened"), ("new", "ready"), ("details", "{}"), ("hash", "0" * 64)]
)
def test_audit_verify_passes_and_names_the_row_after_one_is_edited(told, column, value):
    nexus = told.story.nexus
    assert nexus("audit", "verify")["ok"]
    with contextlib.closing(sqlite3.connect(told.stack.home.root / "nexus.sqlite3", timeout=30)) as database:
        # One whose column says something else than what it is about to say.
        row, seq, before = database.execute(
            f"SELECT id, seq, {column} FROM audit_entry WHERE {column} NOT IN (?, '') AND seq > 9 ORDER BY seq", [value]
        ).fetchone()
        edit = f"UPDATE audit_entry SET {column} = ? WHERE id = ?"
        database.execute(edit, [value, row])
        database.commit()
        try:
            with pytest.raises(CommandFailed, match=rf"ended with 1.*entry {seq}\b"):
                nexus("audit", "verify")
            verdict = nexus("audit", "verify", accept=(1,))
        finally:
            database.execute(edit, [before, row])
            database.commit()
    assert (verdict["ok"], verdict["firstBad"]) == (False, seq)
    assert nexus("audit", "verify")["ok"]
