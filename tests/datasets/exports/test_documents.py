"""The manifest lists each file and verifies itself; nothing in it depends on when or in which order it was made."""

from __future__ import annotations

import json
from datetime import date

from datasets.exports import documents
from datasets.exports.documents import Listed

FILES = [Listed("tables/b", "b" * 64, 20, 2, "r"), Listed("README.md", "a" * 64, 10)]
SUMMARY = {"trades": {"entries": 1, "partitions": 2, "heldBack": 1, "files": 1, "rows": 2, "sizeBytes": 20}}


def test_a_manifest_holds_every_file_sorted_with_totals():
    told = json.loads(documents.manifest(date(2024, 1, 2), {}, SUMMARY, FILES))
    assert [each["path"] for each in told["files"]] == ["README.md", "tables/b"]
    assert told["files"][1] == {"path": "tables/b", "sha256": "b" * 64, "sizeBytes": 20, "rows": 2}
    assert told["totals"] == {"files": 2, "sizeBytes": 30, "rows": 2, "partitions": 2, "heldBack": 1}
    assert documents.manifest(date(2024, 1, 2), {}, SUMMARY, FILES[::-1]) == documents.text(told)


def test_its_digest_covers_all_of_it():
    told = json.loads(documents.manifest(date(2024, 1, 2), {}, SUMMARY, FILES))
    assert told["digest"] == documents.digest(told)
    assert documents.digest(told | {"night": "2024-01-03"}) != told["digest"]


def test_sums_are_those_of_the_usual_tool():
    assert documents.sums(FILES).decode() == f"{'a' * 64}  README.md\n{'b' * 64}  tables/b\n"


def test_the_readme_says_whether_amber_sessions_are_in_it():
    assert b"AMBER and RED sessions are not" in documents.readme({})
    assert b"AMBER sessions are in it too" in documents.readme({"includeAmber": True})
