"""Feeds rows to checks, whole or in pieces, and reads the findings as plain values."""

from __future__ import annotations

import itertools

import numpy as np

from datasets.quality import checks, thresholds
from datasets.quality.checks import rhythm
from datasets.quality.result import Block, Findings

LATEST_NS = 1_900_000_000_000_000_000


def block(columns, ts=None, row=None, name="X"):
    arrays = {key: np.asarray(values, dtype=np.float64) for key, values in columns.items()}
    rows = len(next(iter(arrays.values())))
    ts = np.asarray(range(rows) if ts is None else ts, dtype=np.int64)
    return Block(name, ts, np.arange(rows) if row is None else np.asarray(row), arrays)


def pieces(whole, cuts):
    edges = [0, *sorted(cuts), len(whole)]
    for start, end in itertools.pairwise(edges):
        if end > start:
            part = slice(start, end)
            columns = {name: column[part] for name, column in whole.columns.items()}
            yield Block(whole.instrument, whole.ts[part], whole.row[part], columns)


def look(kind, whole, cuts=(), *, calendar=None, interval=None, times=False, **limits):
    """Return {check: (count, samples, figures)} of the suite of a kind."""
    findings = Findings()
    table = thresholds.resolve("standard", limits)
    beat = rhythm.read(whole.ts, interval, calendar) if kind == "bars" else None
    suite = checks.suite(kind, findings, table, LATEST_NS, calendar, beat)
    for piece in pieces(whole, cuts):
        for check in suite:
            check.push(piece)
    checks.finish(suite)
    found = read(findings)
    if not times:
        found.pop("time.year_1970", None)  # small numbers make plain tests
    return found


def read(findings):
    found = {}
    for name, tally in findings.tallies.items():
        if tally.count:
            samples = [(sample.row, sample.ts, sample.value) for sample in tally.samples]
            found[name] = (tally.count, samples, dict(findings.figures.get(name, {})))
    return found


def counts(found):
    return {name: count for name, (count, _, _) in found.items()}


def bars(closes, ts=None, volume=None, **columns):
    closes = np.asarray(closes, dtype=np.float64)
    volume = np.ones(len(closes)) if volume is None else volume
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    return block({**prices, **columns, "volume": volume}, ts)
