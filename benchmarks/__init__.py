"""The figures: what the running product does, measured from outside, against its targets. `python -m benchmarks`.

Each module measures one thing and returns figures (benchmarks.figures.Figure); docs/figures.md and
docs/performance.md keep what was measured.
"""
