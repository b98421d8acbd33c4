"""The global symbols every sandbox starts with: generated prices, named as simulated, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lona.sandbox import symbols, tape
from lona.sandbox.store import Store, new_id

_MAPPING = {name: name for name in tape.FIELDS}
_SERIES = (
    # name, what it does, frequency, first bar, bars, step of the walk, drift a bar, 24/7 or weekdays
    (
        "SIMULATED Equity Daily",
        "a random walk with an upward drift on weekdays",
        "1d",
        "2020-01-01",
        1040,
        0.012,
        4e-4,
        False,
    ),
    ("SIMULATED Crypto Hourly", "a driftless random walk around the clock", "1h", "2023-01-01", 4320, 0.006, 0.0, True),
    ("SIMULATED Crypto Minute", "a calm random walk around the clock", "1m", "2024-01-01", 10080, 0.0008, 0.0, True),
)


def plant(store: Store) -> None:
    """Write the global symbols that are not there yet."""
    for name, what, frequency, first, bars, step, drift, every_day in _SERIES:
        if store.one("SELECT 1 FROM symbol WHERE owner IS NULL AND name = ?", (name,)):
            continue
        symbol_id = new_id()
        path = store.scratch / symbol_id
        start = datetime.fromisoformat(first).replace(tzinfo=UTC)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(tape.FIELDS) + "\n")
            file.writelines(_walk(name, start, tape.FREQUENCIES[frequency], bars, step, drift, every_day))
        extent = tape.check(path, _MAPPING, bars, equal_timestamps=False)
        symbols.sync(path)
        size_bytes = path.stat().st_size
        symbols.place(store, path, symbol_id)
        description = f"Sandbox (local): simulated data, {what}; no real market"
        metadata = {"name": name, "description": description, "frequency": frequency, "timezone": "UTC"}
        kind = {"data_type": "ohlcv", "exchange": "SIMULATED", "asset_class": "crypto" if every_day else "equity"}
        whole = {**metadata, **kind, "quote_currency": "USD", "column_mapping": _MAPPING}
        symbols.insert(store, None, symbol_id, whole, extent, size_bytes, datetime.now(UTC))


def _walk(
    seed: str, start: datetime, step_s: int, bars: int, step: float, drift: float, every_day: bool
) -> Iterator[str]:
    chance = random.Random(seed)  # noqa: S311 - made-up prices, and the same ones everywhere
    moment, price, written = start, 100.0, 0
    while written < bars:
        if every_day or moment.weekday() < 5:
            close = price * (1 + drift + step * chance.uniform(-1, 1))
            high = max(price, close) * (1 + step * chance.random() / 3)
            low = min(price, close) * (1 - step * chance.random() / 3)
            cells = f"{price:.4f},{high:.4f},{low:.4f},{close:.4f},{chance.uniform(10, 1000):.2f}"
            yield f"{moment:%Y-%m-%d %H:%M:%S},{cells}\n"
            price, written = float(f"{close:.4f}"), written + 1
        moment += timedelta(seconds=step_s)
