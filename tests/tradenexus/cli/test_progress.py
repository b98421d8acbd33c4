"""Progress: never backward, 100 % only at the end, a time left only when there is reason to believe it."""

import pytest

from tradenexus.cli.progress import Board, Meter


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_no_time_left_before_five_seconds_and_two_percent(clock):
    meter = Meter(10_000, clock)
    for second in range(1, 5):
        clock.now = second
        meter.advance(second * 100)
        assert meter.eta_s() is None
    clock.now = 6
    meter.advance(600)
    assert meter.eta_s() == pytest.approx(94, rel=0.05)


def test_a_resend_does_not_move_the_bar_back(clock):
    meter = Meter(1000, clock)
    meter.advance(500)
    meter.advance(300)
    assert meter.text().startswith("50 %")


def test_what_was_sent_before_a_resume_is_not_speed(clock):
    meter = Meter(10**9, clock)
    meter.restart(900_000_000)
    clock.now = 1.0
    meter.advance(901_000_000)
    assert meter.rate == pytest.approx(1_000_000)


def test_silence_is_said_to_be_stalled(clock):
    meter = Meter(1000, clock)
    clock.now = 1.0
    meter.advance(10)
    clock.now = 32.0
    assert "stalled" in meter.text()


def test_almost_done_is_not_done(clock):
    meter = Meter(10**9, clock)
    meter.advance(10**9 - 1)
    assert meter.text().startswith("99 %")


def test_without_a_terminal_a_line_comes_per_ten_percent_or_thirty_seconds(clock, capsys):
    with Board(clock=clock) as board:
        for percent in range(0, 35):
            board.show([("f", f"transfer  {percent} %", percent)])
        clock.now = 31.0
        board.show([("f", "transfer  34 %", 34)])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == ["0", "10", "20", "30", "34"]


def test_quiet_says_nothing(capsys):
    with Board(quiet=True) as board:
        board.show([("f", "transfer", 1)])
    assert capsys.readouterr().err == ""
