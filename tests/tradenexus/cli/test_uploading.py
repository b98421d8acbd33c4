"""`nexus upload`: the whole way of a file, run again at every point where it can stop."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.kit.fakeplatform import Upload, new_id
from tests.kit.terminal import HEARING
from tradenexus.cli.ledger import Ledger


def state(platform):
    return [dataset["status"] for dataset in platform.datasets.values()]


def test_a_file_is_sniffed_sent_completed_and_validated(platform, nexus, trades):
    ran = nexus("upload", trades, "--symbol", "BTC-USD", "--tz", "UTC", "--map", "price=price", "--wait", "--json")
    assert ran.code == 0, ran.err
    [upload] = platform.uploads.values()
    assert bytes(upload.data) == trades.read_bytes()
    assert ran.json["sha256"] == hashlib.sha256(trades.read_bytes()).hexdigest()
    assert platform.posts("uploads:init")[0] == {
        "filename": "btc.csv",
        "contentType": "text/csv",
        "sizeBytes": trades.stat().st_size,
        "columnMapping": {"price": "price"},
        "timezone": "UTC",
        "symbol": "BTC-USD",
    }
    assert [where.rsplit("/", 1)[-1] for method, where, _ in platform.seen if method == "POST"] == [
        "uploads:sniff",
        "uploads:init",
        "uploads:complete",
        "validate",
    ]


def test_no_validate_stops_at_uploaded(platform, nexus, trades):
    ran = nexus("upload", trades, "--no-validate")
    assert ran.code == 0
    assert platform.posts("validate") == []
    assert ran.out.split("\t")[3] == "uploaded"


def test_a_second_run_joins_the_first(platform, nexus, trades):
    first = nexus("upload", trades, "--json").json
    again = nexus("upload", trades, "--json")
    assert again.json["datasetId"] == first["datasetId"]
    assert len(platform.datasets) == len(platform.uploads) == 1
    assert "sent before" in again.err


def test_no_resume_sends_anew(platform, nexus, trades):
    nexus("upload", trades)
    assert nexus("upload", trades, "--no-resume").code == 0
    assert len(platform.datasets) == 2


def test_a_changed_file_is_another_upload(platform, nexus, trades):
    nexus("upload", trades)
    trades.write_text("time,price,size\n1,2,3\n")
    assert nexus("upload", trades).code == 0
    assert len(platform.datasets) == 2


def test_an_archived_dataset_is_not_taken_for_the_file_being_there(platform, nexus, trades):
    first = nexus("upload", trades, "--json").json["datasetId"]
    platform.datasets[first]["status"] = "archived"
    assert nexus("upload", trades, "--json").json["datasetId"] != first


def test_a_run_that_broke_off_goes_on_with_the_same_session(platform, nexus, trades):
    platform.cut_after(*[1000] * 8)
    broken = nexus("upload", trades)
    assert broken.code == 10
    platform.cuts.clear()
    ran = nexus("upload", trades, "--json")
    assert ran.code == 0
    assert len(platform.uploads) == len(platform.datasets) == 1
    assert "going on at" in ran.err
    assert ran.json["sha256"] == hashlib.sha256(trades.read_bytes()).hexdigest()


def test_a_lost_answer_to_complete_is_asked_again_under_the_same_key(platform, nexus, trades):
    platform.fail("uploads:complete", 503, times=2)
    assert nexus("upload", trades).code == 0
    keys = {h["Idempotency-Key"] for method, path, h in platform.headers_seen if path.endswith("uploads:complete")}
    assert len(keys) == 1


def test_a_run_that_died_before_complete_only_completes(platform, nexus, trades):
    platform.fail("uploads:complete", 500, "BROKEN")
    assert nexus("upload", trades).code == 1
    sent = sum(method == "PATCH" for method, _, _ in platform.headers_seen)
    assert nexus("upload", trades).code == 0
    assert sum(method == "PATCH" for method, _, _ in platform.headers_seen) == sent


def test_a_session_the_server_forgot_is_opened_anew(platform, nexus, trades):
    platform.cut_after(*[10] * 8)
    nexus("upload", trades)
    platform.cuts.clear()
    platform.uploads.clear()
    assert nexus("upload", trades).code == 0
    [upload] = platform.uploads.values()
    assert bytes(upload.data) == trades.read_bytes()


def test_a_session_is_resumed_by_its_id_from_another_machine(platform, nexus, trades, monkeypatch, tmp_path):
    platform.cut_after(*[5000] * 3, *[0] * 5)
    nexus("upload", trades)
    platform.cuts.clear()
    [upload] = platform.uploads.values()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    ran = nexus("upload", "--resume", upload.id, trades)
    assert ran.code == 0, ran.err
    assert bytes(upload.data) == trades.read_bytes()
    assert len(platform.uploads) == 1


def test_a_part_of_a_file_is_not_gone_on_with_as_if_it_were_the_file(platform, nexus, trades):
    part = Upload(new_id("up"), "", 5, "part", concat="partial")
    platform.uploads[part.id] = part
    ran = nexus("upload", "--resume", part.id, trades)
    assert ran.code == 6
    assert "one part of a file" in ran.err
    assert bytes(part.data) == b""


def test_another_file_is_refused_for_a_session(platform, nexus, trades, home):
    platform.cut_after(*[5000] * 8)
    nexus("upload", trades)
    platform.cuts.clear()
    [upload] = platform.uploads.values()
    other = home / "other.csv"
    other.write_text("not it")
    ran = nexus("upload", "--resume", upload.id, other)
    assert ran.code == 6
    assert "is not the file of this session" in ran.err


def test_a_session_id_that_is_unknown_is_not_found(platform, nexus, trades):
    assert nexus("upload", "--resume", "up_" + "0" * 32, trades).code == 5


def test_missing_bytes_named_by_complete_are_sent(platform, nexus, trades):
    platform.fail("uploads:complete", 409, "UPLOAD_INCOMPLETE", details={"offset": 0})
    assert nexus("upload", trades).code == 0


def test_a_wrong_digest_is_a_conflict_that_says_so(platform, nexus, trades):
    platform.fail("uploads:complete", 409, "CHECKSUM_MISMATCH", details={"leaf": 3})
    ran = nexus("--json", "upload", trades)
    assert (ran.code, ran.error["code"], ran.error["details"]) == (6, "CHECKSUM_MISMATCH", {"leaf": 3})


def test_open_questions_are_asked_before_a_byte_is_sent(platform, nexus, trades):
    platform.questions = [{"id": "zone", "field": "timezone", "text": "Which zone?", "options": ["UTC", "Asia/Tokyo"]}]
    ran = nexus("upload", trades)
    assert ran.code == 2
    assert "Which zone?" in ran.err
    assert "--tz UTC|Asia/Tokyo" in ran.err
    assert platform.uploads == {}
    assert nexus("upload", trades, "--tz", "Asia/Tokyo").code == 0


def test_a_question_about_a_column_names_the_map_flag(platform, nexus, trades):
    platform.questions = [{"id": "p", "field": "columnMapping.price", "text": "Which column?", "options": ["a", "b"]}]
    assert "--map price=a|b" in nexus("upload", trades).err
    assert nexus("upload", trades, "--map", "price=a").code == 0


def test_dry_run_sends_only_the_first_look(platform, nexus, trades):
    ran = nexus("upload", "--dry-run", trades)
    assert ran.code == 0
    assert "nothing was sent" in ran.err
    assert [where for method, where, _ in platform.seen if method == "POST"] == ["/v1/datasets/uploads:sniff"]


def test_a_version_is_added_to_a_dataset_by_name(platform, nexus, trades):
    dataset = platform.dataset("btc")
    nexus("upload", trades, "--dataset", "btc")
    assert platform.posts("uploads:init")[0]["datasetId"] == dataset["id"]


def test_red_data_ends_with_the_gates_code_and_its_findings(platform, nexus, trades):
    platform.grade = "RED"
    ran = nexus("upload", trades, "--wait")
    assert ran.code == 7
    assert "two prices far from their neighbours" in ran.err
    assert "quality show" in ran.err


def test_an_identical_file_is_not_validated_and_known_as_such_the_next_time(platform, nexus, trades):
    platform.duplicate_of = "ds_x@1"
    ran = nexus("upload", trades, "--wait", "--json")
    assert (ran.code, ran.json["duplicateOf"]) == (0, "ds_x@1")
    again = nexus("upload", trades, "--wait", "--json")
    assert (again.code, again.json["duplicateOf"]) == (0, "ds_x@1")
    assert platform.posts("validate") == []
    assert len(platform.uploads) == 1


def test_several_files_go_side_by_side(platform, nexus, home):
    files = [home / f"{n}.csv" for n in range(5)]
    for file in files:
        file.write_text(f"time,price\n1,{file.stem}\n")
    ran = nexus("upload", *files, "--parallel", "4", "--json")
    assert ran.code == 0
    assert [item["file"] for item in ran.json] == [str(file) for file in files]
    assert {bytes(upload.data) for upload in platform.uploads.values()} == {file.read_bytes() for file in files}


def test_some_files_failing_is_partial_and_lists_them(platform, nexus, home):
    files = [home / f"{n}.csv" for n in range(3)]
    for file in files:
        file.write_text(f"time,price\n1,{file.stem}\n")
    platform.fail("uploads:init", 413, "UPLOAD_TOO_LARGE")
    ran = nexus("--jsonl", "upload", *files, "--parallel", "1")
    assert ran.code == 3
    assert [entry["code"] for entry in ran.error["details"]["failed"]] == ["UPLOAD_TOO_LARGE"]
    assert len(ran.out.splitlines()) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["missing.csv"],
        ["."],
        ["empty.csv"],
        ["a.csv", "a.csv"],
        ["a.csv", "b.csv", "--resume", "up_" + "0" * 32],
        ["a.csv", "--map", "price"],
        ["a.csv", "--rate-limit", "fast"],
        ["a.csv", "--resume", "7F3"],
        ["a.csv", "--dataset", "x", "--name", "y"],
    ],
)
def test_a_wrong_command_line_is_usage_and_sends_nothing(platform, nexus, home, words):
    (home / "empty.csv").touch()
    for name in ("a.csv", "b.csv"):
        (home / name).write_text("time\n1\n")
    assert nexus("upload", *words).code == 2
    assert platform.uploads == {}


def test_two_runs_do_not_send_one_file_at_once(platform, nexus, trades):
    ledger = Ledger()
    platform.cut_after(*[10] * 8)
    nexus("upload", trades)
    platform.cuts.clear()
    [upload] = platform.uploads.values()
    with ledger.locked(ledger.find_upload(upload.id)):
        assert nexus("upload", trades).code == 6


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, None], ids=["ctrl-c", "terminated", "paused"])
def test_ctrl_c_pauses_and_prints_how_to_go_on(platform, home, nexus, signum):
    big = home / "big.csv"
    big.write_bytes(b"time,price\n" + b"1,2\n" * 500_000)
    words = [sys.executable, "-m", "tradenexus.cli", "upload", str(big), "--rate-limit", "600k"]
    child = subprocess.Popen(words, **HEARING)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not any(len(upload.data) > 0 for upload in platform.uploads.values()):
        time.sleep(0.05)
    if signum:
        child.send_signal(signum)
    else:
        [upload] = platform.uploads.values()
        assert nexus("session", "pause", upload.id, "--json").json["state"] == "paused"
    _, err = child.communicate(timeout=30)
    [upload] = platform.uploads.values()
    assert child.returncode == 130
    assert f"nexus upload --resume {upload.id} {big}" in err
    assert 0 < len(upload.data) < big.stat().st_size
    assert nexus("upload", big).code == 0
    assert bytes(upload.data) == big.read_bytes()


def test_the_real_process_uploads_and_prints_json(platform, process, trades):
    ran = process("upload", trades, "--wait", "--json=datasetId,status")
    assert ran.code == 0, ran.err
    assert set(json.loads(ran.out)) == {"datasetId", "status"}
    assert f"Web: {platform.url}/jobs/job_" in ran.err


def test_the_ledger_is_private(platform, nexus, trades):
    nexus("upload", trades)
    assert os.stat(Ledger().path).st_mode & 0o777 & ~0o644 == 0
    assert os.stat(Ledger().folder).st_mode & 0o777 == 0o700
