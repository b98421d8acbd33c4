"""The benchmarks run and say what they measured; how fast anything is, is not a test's business."""

import importlib
import json

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import figures


def test_lists_every_benchmark(capsys):
    assert benchmarks.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*benchmarks.NAMES, *benchmarks.ASKED]


@pytest.mark.parametrize("name", [*benchmarks.NAMES, *benchmarks.ASKED])
def test_every_benchmark_can_be_measured(name):
    assert callable(importlib.import_module(f"benchmarks.{name}").measure)


def test_a_tiny_run_prints_a_table_and_keeps_the_figures(tmp_path, capsys):
    kept = tmp_path / "figures.json"
    assert benchmarks.main(["engine", "--small", "--json", str(kept)]) == 0
    assert "pandas resample / candles, CPU" in capsys.readouterr().out
    engine = json.loads(kept.read_text())["engine"]
    assert engine["command"].startswith("python -m benchmarks engine")
    assert all(figure["value"] > 0 for figure in engine["figures"])


def test_a_figure_knows_whether_its_target_was_met():
    assert figures.Figure("seconds", 5.0, "s", 5).verdict == "met"
    assert figures.Figure("seconds", 5.1, "s", 5).verdict == "MISSED"
    assert figures.Figure("ratio", 3.9, "x", 4, at_least=True).verdict == "MISSED"
    assert figures.Figure("told only", 1.0, "s").verdict == ""


def test_percentiles_are_measurements_not_means():
    samples = [float(number) for number in range(1, 101)]
    assert figures.percentile(samples, 0.95) == 95
    assert figures.percentile(samples, 0.5) == 50
    assert figures.percentile([7.0], 0.95) == 7
