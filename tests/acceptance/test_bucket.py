"""The whole story with data in a bucket of a real S3 server: it ends as on a folder, byte for byte."""

from __future__ import annotations

import pytest

from tests.kit import killer
from tests.kit.stack import Stack
from tests.kit.stores import Bucket

pytestmark = pytest.mark.timeout(400)


def test_the_story_on_a_bucket_ends_as_on_a_folder(told, swift, swift_bucket, tmp_path):
    place = Bucket(swift, swift_bucket)
    stack = Stack(tmp_path / "home", rows=told.stack.rows, **swift.variables(swift_bucket, place.prefix))
    try:
        story, _ = killer.tell(stack)
        assert killer.outcome(stack, story) == told.outcome
    finally:
        stack.end()
    stored, secret = place.keys(), swift.secret_key.encode()
    assert {key.split("/")[0] for key in stored} == {"raw", "versions"}
    assert place.begun() == []
    assert not [path for path in (tmp_path / "home" / "data").rglob("*") if path.is_file()]
    assert not list((tmp_path / "home" / "work" / "spool").glob("*"))
    assert [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()] == []
