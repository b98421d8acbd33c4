"""A segment without its held sessions: exactly the other rows, by the calendar's sessions, and the same bytes again."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.exports import cutting
from datasets.lake import segments
from datasets.market import tables
from tests.kit import lake

MINUTE = 60 * 10**9


def segment(tmp_path, table, stamps):
    path = tmp_path / "segment.parquet"
    rows = lake.bars(stamps, 100 + np.sin(np.arange(len(stamps))), table=table)
    segments.write(path, tables.find(table), "XNYS:A", rows)
    return path, rows


def cut(tmp_path, path, table, calendar, held):
    room = tmp_path / "out"
    room.mkdir(exist_ok=True)
    work = {"path": str(path), "table": table, "calendar": calendar, "held": held}
    (made,) = cutting.cut({"works": [work], "out_dir": str(room)}, lambda said: None)["files"]
    return made


@pytest.mark.parametrize(
    ("calendar", "start", "days"),
    [("24/7", "2024-10-07T00:00", 1440), ("XNYS", "2024-10-07T13:30", 390)],
)
def test_the_rows_of_a_session_go_and_no_others(tmp_path, calendar, start, days):
    table = "equities_bars_minute"
    stamps = np.concatenate([lake.ns(start) + day * lake.DAY + np.arange(days) * MINUTE for day in range(3)])
    path, rows = segment(tmp_path, table, stamps)
    made = cut(tmp_path, path, table, calendar, [lake.MONDAY + 1])
    left = pq.read_table(made["path"])
    assert left.num_rows == made["rows"] == 2 * days
    wanted = pa.concat_tables([rows.slice(0, days), rows.slice(2 * days)]).combine_chunks()
    assert left.cast(rows.schema).combine_chunks().equals(wanted)
    told = pq.read_metadata(path).metadata
    told.pop(b"nexus.content")  # of the rows of the whole segment
    assert pq.read_metadata(made["path"]).metadata == told
    data = (tmp_path / "out/00000.parquet").read_bytes()
    assert hashlib.sha256(data).hexdigest() == made["sha256"]
    assert cut(tmp_path, path, table, calendar, [lake.MONDAY + 1])["sha256"] == made["sha256"]


def test_nothing_left_is_no_file(tmp_path):
    path, _ = segment(tmp_path, "crypto_bars_1d", (lake.MONDAY + np.arange(2)) * lake.DAY)
    made = cut(tmp_path, path, "crypto_bars_1d", "24/7", [lake.MONDAY, lake.MONDAY + 1])
    assert made == {"rows": 0, "sizeBytes": 0, "sha256": ""}
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_held_gives_the_segments_own_bytes(tmp_path):
    path, _ = segment(tmp_path, "crypto_bars_1d", (lake.MONDAY + np.arange(30)) * lake.DAY)
    made = cut(tmp_path, path, "crypto_bars_1d", "24/7", [1])
    assert made["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_ledger_is_typed(tmp_path):
    line = {
        "table": "t", "instrument": "X:A", "session": "2024-01-02", "status": "AMBER", "verdict": "GREEN",
        "code": "RET_OUTLIER", "codes": "RET_OUTLIER|VOL_SPIKE", "exported": True, "rows": 1, "expected": None,
        "score": 90.0, "vendor": "v", "fetched_at": "2024-01-03T00:00:00.000000Z", "notes": "", "override_status": "",
        "override_reason": "", "override_until": None,
    }  # fmt: skip
    lines = tmp_path / "lines"
    lines.write_text("".join(json.dumps(line) + "\n" for _ in range(3)))
    made = cutting.ledger({"lines": str(lines), "out_dir": str(tmp_path)}, lambda said: None)
    rows = pq.read_table(made["path"])
    assert made["rows"] == rows.num_rows == 3
    assert (f"{rows.schema.field('session').type}", f"{rows.schema.field('fetched_at').type}") == (
        "date32[day]",
        "timestamp[us, tz=UTC]",
    )
    lines.write_text("")
    assert (
        pq.read_metadata(cutting.ledger({"lines": str(lines), "out_dir": str(tmp_path)}, print)["path"]).num_rows == 0
    )
