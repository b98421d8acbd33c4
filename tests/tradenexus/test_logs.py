"""Logs are JSON lines, and no secret gets into them."""

import io
import json
import logging

import pytest
import structlog

from tradenexus import logs

KEY = "nx_abcd1234_" + "S" * 43
CANARY = "canary-5f2c"


@pytest.fixture
def written(monkeypatch):
    """Configure logging onto a buffer; afterwards everything is as before."""
    root = logging.getLogger()
    before, level, config = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("DEBUG")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before, level
    structlog.configure(**config)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "secret",
        "apiKey",
        "api_key",
        "X-API-Key",
        "Authorization",
        "cookie",
        "lona_agent_token",
        "credential",
    ],
)
def test_a_field_named_like_a_secret_is_not_shown(name):
    assert logs.redact(None, "", {name: CANARY})[name] == logs.REDACTED
    assert CANARY not in str(logs.redact(None, "", {"headers": {name: CANARY}}))
    assert CANARY not in str(logs.redact(None, "", {"list": [{"deep": ({name: CANARY},)}]}))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"key {KEY} was refused", "nx_abcd1234_"),
        (f"Authorization: Bearer {CANARY}", "Bearer"),
        (f"postgres://nexus:{CANARY}@db:5432/nexus", "postgres://nexus:"),
        (f"redis://:{CANARY}@cache:6379/0", "cache:6379"),
    ],
)
def test_a_secret_is_known_by_its_form(text, kept):
    shown = logs.scrub(text)
    assert kept in shown
    assert CANARY not in shown
    assert "S" * 43 not in shown


def test_ordinary_words_are_left_alone():
    event = {"event": "job.started", "count": 3, "at": None, "path": "/v1/datasets/ds_1", "ratio": 0.5}
    assert logs.redact(None, "", dict(event)) == event


def test_a_line_has_the_request_id_and_no_secret_also_of_the_standard_library(written):
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("ours").info("called", key=KEY, url=f"https://u:{CANARY}@h/")
        logging.getLogger("theirs").warning("header Bearer %s", CANARY)
        try:
            raise ValueError(f"refused {KEY}")
        except ValueError:
            logging.getLogger("theirs").exception("failed")
    lines = written()
    assert [line["request_id"] for line in lines] == ["r-1"] * 3
    assert {"event", "level", "logger", "timestamp"} <= set(lines[0])
    assert CANARY not in json.dumps(lines)
    assert "S" * 43 not in json.dumps(lines)
    assert "ValueError" in lines[2]["exception"]


def test_a_line_break_in_a_value_does_not_make_a_second_line(written):
    structlog.get_logger("ours").info("name", filename='a\n{"event":"forged"}')
    assert len(written()) == 1
