"""Drawings in text: nothing that is there is left out, nothing that is not there is drawn."""

from tradenexus.cli import heatmap


def test_a_day_with_rows_is_never_drawn_as_empty():
    lines = heatmap.calendar({"2024-01-30": 1, "2024-02-01": 1_000_000})
    assert lines == [f"2024-01  {' ' * 29}▁·", "2024-02  █"]


def test_months_between_are_lines_of_their_own():
    lines = heatmap.calendar({"2023-12-31": 4, "2024-02-01": 4})
    assert [line[:7] for line in lines] == ["2023-12", "2024-01", "2024-02"]
    assert lines[1] == f"2024-01  {'·' * 31}"


def test_without_days_there_is_nothing():
    assert heatmap.calendar({}) == []
    assert heatmap.outline([]) == ""


def test_an_outline_has_a_character_for_each_count():
    assert heatmap.outline([0, 1, 50, 100]) == " ▁▄█"
