"""What the demo prints at the end: each step with its time and what came out, and links that can be followed."""

from tradenexus.stack import demo

TOLD = [("upload it", 2.04, True, "sha256 abc"), ("publish them", 11.0, False, "Untrue: no\nmore lines")]


def test_the_table_has_each_step_its_time_and_what_came_out():
    lines = demo._table(TOLD, 3.0, False).splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["ok", "abc"]
    assert "2.0 s  ok" in lines[3]
    assert lines[4].endswith("NOT TRUE  Untrue: no")
    assert "NOT TRUE, see above" in lines[-1]


def test_the_links_are_whole_addresses_and_the_way_in_is_told():
    link = "http://127.0.0.1:8000/login/link/x/"
    text = demo._links("http://127.0.0.1:8000", link, [("the backtest", "/backtests/bt_1/")])
    assert "http://127.0.0.1:8000/backtests/bt_1/" in text
    assert text.splitlines()[-1].endswith(link)
