"""What goes to stdout: data only, in the form the reader can use."""

import os
import pty
import re
import select
import subprocess
import sys

import pytest

from tests.kit.fakeplatform import TIME


def on_a_terminal(*words, columns=100, **more):
    """Run nexus with a terminal as stdout and stderr; return what it showed."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **more}
    for name in ("NO_COLOR", "CI"):
        if name not in more:
            environment.pop(name, None)
    child = subprocess.Popen(
        [sys.executable, "-m", "tradenexus.cli", *words], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    while True:
        ready, _, _ = select.select([master], [], [], 30)
        try:
            block = os.read(master, 65536) if ready else b""
        except OSError:
            block = b""
        if not block:
            break
        shown += block
    os.close(master)
    return child.wait(30), shown.decode()


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_without_a_terminal_a_list_is_tab_separated_and_uncut(platform, nexus):
    platform.dataset("x" * 300, symbols=["A", "B"])
    ran = nexus("dataset", "list")
    [line] = ran.out.splitlines()
    cells = line.split("\t")
    assert cells[0] == "x" * 300
    assert cells[4:6] == ["A, B", "2024-01-02 03:04:05.123456Z"]
    assert cells[8] == "1234567"
    assert ran.err == f"1 datasets - Web: {platform.url}/datasets/\n"


def test_an_empty_list_is_ok_and_prints_nothing(platform, nexus):
    ran = nexus("dataset", "list")
    assert (ran.code, ran.out) == (0, "")


def test_quiet_leaves_data_only(platform, nexus):
    platform.dataset("btc")
    ran = nexus("-q", "dataset", "list")
    assert ran.err == ""
    assert ran.out.startswith("btc\t")


def test_json_is_the_apis_objects_and_fields_choose(platform, nexus):
    dataset = platform.dataset("btc")
    assert nexus("--json", "dataset", "list").json == [dataset]
    assert nexus("dataset", "list", "--json=id,timeRange.start").json == [
        {"id": dataset["id"], "timeRange.start": TIME}
    ]
    assert nexus("dataset", "list", "--jsonl").json == dataset
    ran = nexus("dataset", "list", "--json=nmae")
    assert (ran.code, "nmae" in ran.err) == (2, True)


def test_decimals_are_strings_in_json(platform, nexus):
    dataset = platform.dataset("btc")
    assert nexus("quality", "show", dataset["id"], "--json").json["score"] == "12.5"


def test_global_options_may_stand_anywhere(platform, nexus):
    platform.dataset("btc")
    first = nexus("--json", "dataset", "list").out
    assert nexus("dataset", "--json", "list").out == nexus("dataset", "list", "--json").out == first


def test_words_after_a_double_dash_are_words(platform, nexus):
    platform.dataset("--json")
    assert nexus("dataset", "show", "--", "--json").code == 0


def test_the_output_setting_is_the_default(platform, nexus, monkeypatch):
    platform.dataset("btc")
    monkeypatch.setenv("NEXUS_OUTPUT", "jsonl")
    assert nexus("dataset", "list").json["name"] == "btc"
    monkeypatch.setenv("NEXUS_OUTPUT", "table")
    assert "NAME" in nexus("dataset", "list").out


def test_a_terminal_gets_a_table_with_state_words_and_colour(platform):
    platform.dataset("btc")
    platform.dataset("eth", status="validation_failed")
    code, shown = on_a_terminal("dataset", "list", columns=200)
    assert code == 0
    assert "\x1b[" in shown
    lines = [line.rstrip() for line in plain(shown).splitlines()]
    assert lines[0].split()[:3] == ["NAME", "VERSION", "STATUS"]
    assert any("✓ ready" in line and "1,234,567" in line for line in lines)
    assert any("✗ validation_failed" in line for line in lines)


def test_a_narrow_terminal_drops_columns_and_never_wraps(platform):
    platform.dataset("btc")
    _, shown = on_a_terminal("dataset", "list", columns=50)
    lines = [line.rstrip() for line in plain(shown).splitlines() if "Web:" not in line]
    assert len(lines) == 2
    assert max(map(len, lines)) <= 50
    _, wide = on_a_terminal("dataset", "list", "--wide", columns=50)
    assert "SYMBOLS" in wide


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_the_environment_turns_colour_off(platform, more):
    platform.dataset("btc")
    assert "\x1b[3" not in on_a_terminal("dataset", "list", **more)[1]


def test_names_cannot_colour_a_terminal_or_be_taken_for_markup(platform):
    platform.dataset("[red]\x1b[31mx\x07")
    _, shown = on_a_terminal("dataset", "list", "--no-color", columns=200)
    assert "[red]\\x1b[31mx\\x07" in shown


def test_a_reader_that_leaves_is_no_error(platform, home):
    for n in range(300):
        platform.dataset(f"d{n}" + "x" * 500)
    command = f"{sys.executable} -m tradenexus.cli -q dataset list -L 300 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.count("\n") == 1


def test_a_confirmation_asks_on_a_terminal_and_refuses_without(platform, nexus):
    dataset = platform.dataset("btc")
    assert nexus("dataset", "archive", "btc").code == 2
    assert dataset["status"] == "ready"
    assert nexus("dataset", "archive", "btc", "--yes").code == 0
    assert dataset["status"] == "archived"
