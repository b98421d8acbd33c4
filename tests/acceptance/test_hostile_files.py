"""Hostile and awkward files through the whole action: each ends in its documented verdict, and the rest goes on."""

from __future__ import annotations

import bz2
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings

from datasets.engine import starting
from datasets.models import DatasetVersion, QualityReport, VersionFile
from datasets.storage import blobs
from tests.kit import corpus, raw
from tests.kit.corpus import AT, NEW_YORK, Case, bars, local, quotes, small, symbols, trades
from tests.lona.worker import work
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)

BOMBS = {
    "zeros.csv.gz": Case(lambda: gzip.compress(bytes(32 << 20)) * 32, code="COMPRESSION_BOMB"),
    "lines.csv.gz": Case(corpus.packed_lines, code="COMPRESSION_BOMB"),
    "zeros.csv.bz2": Case(lambda: bz2.compress(bytes(16 << 20)) * 8, code="COMPRESSION_BOMB"),
    "equal.parquet": Case(corpus.constant_bomb, code="ROW_GROUP_TOO_LARGE"),
    "dictionary.parquet": Case(corpus.dictionary_bomb, code="RED: no rows. 20,000 read, 20,000 left out"),
    "wide.parquet": Case(corpus.wide, code="TOO_MANY_COLUMNS"),
    "wide.csv": Case(corpus.wide_text, code="TOO_MANY_COLUMNS"),
    "deep.json": Case(b'[{"a":' * 500_000, code="JSON_INVALID"),
    "endless.json": Case(lambda: b'[{"time": "' + b"x" * (40 << 20), code="RECORDS_NOT_FOUND"),
}
BROKEN = {
    "cut.parquet": Case(lambda: small()[:-2000], code="TRUNCATED_FILE"),
    "half.parquet": Case(lambda: small()[: len(small()) // 2], code="TRUNCATED_FILE"),
    "magic.parquet": Case(b"PAR1", code="FILE_DAMAGED"),
    "two-magics.parquet": Case(b"PAR1PAR1", code="FILE_DAMAGED"),
    "length.parquet": Case(lambda: small()[:-8] + b"\xff\xff\xff\x7fPAR1", code="FILE_DAMAGED"),
    "no-length.parquet": Case(lambda: small()[:-8] + bytes(4) + b"PAR1", code="FILE_DAMAGED"),
    "no-end.parquet": Case(lambda: small()[:-8] + b"XXXXXXXX", code="TRUNCATED_FILE"),
    "crc.csv.gz": Case(corpus.wrong_crc, code="COMPRESSION_CHECKSUM_INVALID"),
    "cut.csv.gz": Case(lambda: gzip.compress(trades())[:-30], code="TRUNCATED_FILE"),
    "page.csv": Case(corpus.HTML, code="HTML_NOT_DATA"),
    "zeros.csv": Case(bytes(4096), code="FILE_EMPTY"),
    "header.csv": Case(b"time,price,size\n", code="FILE_EMPTY"),
    "words.csv": Case(b"a,b,c\nx,y,z\n", code="MAPPING_INCOMPLETE"),
    "naive.csv": Case(local(*corpus.SPRING), code="TIMEZONE_REQUIRED"),
    "order.csv": Case(
        local(*(f"0{month}/0{day}/2024" for month in range(1, 9) for day in range(1, 9))), code="DATE_ORDER_AMBIGUOUS"
    ),
    "mixed.csv": Case(corpus.mixed_in, finds={"schema.file": [(6, 8, "TIMESTAMP_UNITS_MIXED")]}),
    "mixed-late.csv": Case(corpus.mixed_late, finds={"schema.file": [(305, 307, f"{AT}000")]}),
}
READ = "validated"
COMMAS = b"time;price;size\n" + b"".join(b"%d;100,%d;1\n" % (AT + at, at % 7) for at in range(100))
FLAGGED = {
    "nul-price.csv": Case(trades(f"{AT},10\0000,1"), READ, finds={"schema.readable": [(5, 7, "(NUL_BYTE)")]}),
    "nul-symbol.csv": Case(
        trades(f"{AT},100,1,A\0B", named=True), READ, finds={"schema.readable": [(5, 7, r"A\x00B' (NUL_BYTE)")]}
    ),
    "latin.csv": Case(
        trades(f"{AT},100,1,caf\xe9", named=True).decode().encode("latin-1"), READ, prices={"café": [100.0]}
    ),
    "second-header.csv": Case(
        trades("time,price,size"), READ, finds={"schema.readable": [(5, 7, "time,price,size' (HEADER_REPEATED)")]}
    ),
    "ragged.csv": Case(
        trades(f"{AT},100", f"{AT},100,1,more"),
        READ,
        finds={"schema.readable": [(5, 7, f"{AT},100' (RAGGED_ROW)"), (6, 8, "more' (RAGGED_ROW)")]},
    ),
    "comma.csv": Case(
        COMMAS + b"%d;1,5,5;1\n" % AT,
        READ,
        finds={"schema.readable": [(100, 102, "'1,5,5' (NUMBER_INVALID)")]},
    ),
    "numbers.csv": Case(
        trades(*(f"{AT + 4},{price},1" for price in ("nan", "inf", "-inf", "-1", "0", "abc", "")), f"{AT + 4},100,-1"),
        finds={
            "values.finite": [(5, 7, "nan"), (6, 8, "inf"), (7, 9, "-inf")],
            "values.negative_price": [(8, 10, "-1")],
            "values.zero_price": [(9, 11, "0")],
            "schema.readable": [(10, 12, "abc")],
            "values.nulls": [(11, 13, "price")],
            "volume.negative": [(12, 14, "-1")],
        },
    ),
    "bars.csv": Case(
        bars("10,9,11,10,1", "13,12,9,11,1", "10,12,9,8,1", "10,12,9,11,-5"),
        finds={
            "ohlc.high_low": [(5, 7, "9")],
            "ohlc.inside": [(5, 7, "10"), (6, 8, "13"), (7, 9, "8")],
            "volume.negative": [(8, 10, "-5")],
        },
    ),
    "quotes.csv": Case(
        quotes(f"{AT + 4},102,1,101,1", f"{AT + 4},101,1,101,1"),
        READ,
        finds={"bbo.crossed": [(5, 7, "1")], "bbo.locked": [(6, 8, "101")]},
    ),
    "spring.csv": Case(
        local(*corpus.SPRING, "2024-03-10 02:30:00"),
        READ,
        finds={"schema.readable": [(240, 242, "02:30:00' (LOCAL_TIME_NONEXISTENT)")]},
        said=NEW_YORK,
    ),
    "autumn.csv": Case(
        local(*corpus.AUTUMN, "2024-11-03 01:30:00"),
        READ,
        finds={"schema.readable": [(240, 242, "01:30:00' (LOCAL_TIME_AMBIGUOUS)")]},
        said=NEW_YORK,
    ),
    "long.csv": Case(
        trades(f"{AT},100,1,{'B' * 10_000}", named=True),
        READ,
        finds={"schema.readable": [(5, 7, "(SYMBOL_TOO_LONG)")]},
    ),
}
LIKE_NUMBERS = ("1E5", "0001", "TRUE", "NA", "NULL", "nan", "-")
HOSTILE_COLUMNS = b'time,price,size,"\'; DROP TABLE x; --",<script>alert(1)</script>,=1+1,../../x,' + b"y" * 10_000
NOTED = b"time,price,size,note\n" + b"".join(b'%d,%d,1,"a\nb ""c"""\n' % (AT + at, 100 + at % 2) for at in range(50))
FINE = {
    "bom.csv": Case(b"\xef\xbb\xbf" + trades(), READ),
    "utf16.csv": Case(trades().decode().encode("utf-16"), READ),
    "crlf.csv": Case(trades().replace(b"\n", b"\r\n"), READ),
    "notes.csv": Case(NOTED, READ, prices={"X": [100.0, 101.0] * 25}),
    "lying.parquet": Case(corpus.lying, READ, prices={"X": [100 + at % 7 / 8 for at in range(400)]}),
    "offsets.csv": Case(local("2024-01-01T02:00:00+02:00", "2024-01-01T00:00:01Z"), READ, prices={"X": [100.0] * 2}),
    "symbols.csv": Case(symbols(*LIKE_NUMBERS), READ, prices={n: [i + 1] * 2 for i, n in enumerate(LIKE_NUMBERS)}),
    "names.csv": Case(
        symbols(*corpus.EVIL_NAMES), READ, prices={n: [i + 1] * 2 for i, n in enumerate(corpus.EVIL_NAMES)}
    ),
    "columns.csv": Case(HOSTILE_COLUMNS + b"\n" + b"%d,100,1,1,2,3,4,5\n" % AT * 1, READ, prices={"X": [100.0]}),
    "nul-column.parquet": Case(
        lambda: corpus.parquet(pa.table({"time\0": [AT], "price": [1.0], "size": [1.0], "b\0": [1]})),
        READ,
        prices={"X": [1.0]},
    ),
}


SAME_ROWS = ("bom.csv", "utf16.csv", "crlf.csv", "lying.parquet")


def memory_kib(pid, field):
    """Return a figure of /proc/<pid>/status: VmRSS is what it holds, VmHWM the most it held since its exec or fork."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


@pytest.fixture
def readers(monkeypatch):
    """The processes that read, all of them; each knows the most it held when it has ended."""
    started, start = [], starting.start
    monkeypatch.setattr(starting, "start", lambda *given: started.append(start(*given)) or started[-1])
    return started


def validate(person, cases):
    """Upload and validate every file, run the jobs, return {filename: version}."""
    made = {}
    for name, case in cases.items():
        data = case.data
        named = b"symbol" in data[:40] or name == "dictionary.parquet"  # its own column says what it is
        version = raw.uploaded(person, data, name, **{"symbol": "" if named else "X", **case.said})
        answer = person.api.post(f"/v1/datasets/{version.dataset.ref}/validate", {}, format="json")
        assert answer.status_code == 202
        made[name] = version
    work()
    for version in made.values():
        version.refresh_from_db()
    return made


def prices(version):
    """Return {instrument: prices} of the sealed rows."""
    found = {}
    for file in VersionFile.objects.filter(version=version):
        with blobs.local(file.key) as path:
            found[file.instrument] = pq.read_table(path)["price"].to_pylist()
    return found


def placed(check):
    return [(each["row"], each["line"], str(each["value"])) for each in check["samples"]]


def judge(case, version, body):
    """Fail unless the version ended as the case says."""
    assert version.status == case.status
    checks = {check["id"]: check for check in body["checks"] if check["count"]}
    said = version.status_reason + str(checks.get("schema.file", {}).get("samples"))
    assert case.code in said
    for check, places in case.finds.items():
        found = placed(checks[check])
        assert [(row, line) for row, line, _ in found] == [(row, line) for row, line, _ in places], check
        assert all(text in shown for (*_, shown), (*_, text) in zip(found, places, strict=True)), (check, found)
    if case.prices is not None:
        held = prices(version)
        assert {name: held.get(name) for name in case.prices} == case.prices
    if case.status != READ:
        assert not VersionFile.objects.filter(version=version).exists()
    assert blobs.exists(version.raw_key)
    # PostgreSQL stores no NUL in text or JSON: it must come as an escape.
    assert "\\u0000" not in json.dumps([body, version.plan, version.symbols, version.status_reason])


@pytest.mark.parametrize("cases", [BOMBS, BROKEN, FLAGGED, FINE], ids=["bombs", "broken", "flagged", "fine"])
def test_every_file_ends_in_its_documented_verdict(owner, readers, cases):
    cases = {name: replace(case, content=case.data) for name, case in cases.items()}  # made before we measure
    Path("/proc/self/clear_refs").write_text("5")  # our own mark begins anew
    before = memory_kib("self", "VmRSS")
    made = validate(owner, cases)
    wrong = {}
    for name, version in made.items():
        body = QualityReport.of(owner.tenant.id).get(version=version).body
        try:
            judge(cases[name], version, body)
        except (AssertionError, KeyError) as fault:
            wrong[name] = (repr(fault)[:600], version.status, version.status_reason)
    assert wrong == {}
    assert set(Job.of(owner.tenant.id).values_list("state", flat=True)) == {"succeeded"}
    # What the files unfold into is held by the child, and no more of it than it is allowed.
    grown_kib = memory_kib("self", "VmHWM") - before
    peaks = sorted(each.peak_kib for each in readers)
    print(f"grown {grown_kib >> 10} MiB, readers {[peak >> 10 for peak in peaks]} MiB")
    assert grown_kib < 400 << 10
    assert len(peaks) >= len(cases)
    assert peaks[0] > 30 << 10, "a reader's memory was not told"
    assert peaks[-1] << 10 <= settings.NEXUS_CHILD_MEMORY_BYTES
    listed = owner.api.get("/v1/datasets?limit=200").json()["items"]
    assert len(listed) == len(cases)
    assert DatasetVersion.of(owner.tenant.id).filter(status="validating").count() == 0
    same = [made[name].content_digest for name in SAME_ROWS if name in made]
    assert len(set(same)) <= 1
