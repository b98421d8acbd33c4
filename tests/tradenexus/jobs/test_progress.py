from tradenexus.jobs.progress import Meter


def test_done_never_goes_backwards_within_a_phase():
    meter = Meter()
    meter.update(0, "read", 50, 100, "rows")
    meter.update(1, "read", 20, 100, "rows")
    assert meter.snapshot()["done"] == 50


def test_a_new_phase_starts_anew():
    meter = Meter()
    meter.update(0, "read", 50, 100, "rows")
    meter.update(1, "write", 1, None, "rows")
    shown = {"phase": "write", "done": 1, "total": None, "unit": "rows", "rate": None, "eta_s": None}
    assert meter.snapshot() == {**shown, "steps": [{"phase": "read", "seconds": 1}]}


def test_a_steady_rate_gives_the_remaining_time():
    meter = Meter()
    for second in range(31):
        meter.update(second, "read", second * 10, 1_000, "rows")
    assert meter.snapshot()["rate"] == 10
    assert meter.snapshot()["eta_s"] == 70


def test_total_is_never_below_done():
    meter = Meter()
    meter.update(0, "read", 120, 100, "rows")
    assert meter.snapshot()["total"] == 120


def test_nan_and_infinity_are_not_taken():
    meter = Meter()
    meter.update(0, "read", float("nan"), 100, "rows")
    meter.update(1, "read", float("inf"), 100, "rows")
    assert meter.snapshot()["done"] == 0


def test_what_a_phase_begins_with_is_no_part_of_its_speed():
    meter = Meter()
    for second in range(11):
        meter.update(second, "read", 900 + second, 1_000, "rows")
    assert meter.snapshot()["rate"] == 1
    assert meter.snapshot()["eta_s"] == 90
