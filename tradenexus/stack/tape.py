"""A *simulated* tape of trades: two million rows, four symbols, five days, the same bytes on every machine.

Planted on purpose, so that a report can be checked against the truth: timestamp ties, a silence of 90 minutes in one
symbol, one row twice, one price a quarter too high. `python -m tradenexus.stack.tape CSV ROWS` writes the file and,
beside it, a JSON file with what is true about it. Prices and sizes are whole numbers of ticks until they are printed.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20240108
ROWS = 2_000_000
CHUNK = 250_000
FORMAT = 1
START_US = 1_704_672_000_000_000  # 2024-01-08T00:00:00Z
DAYS_US = 5 * 86_400_000_000  # a shorter tape has its trades further apart
SYMBOLS = (b"SIMBTC", b"SIMETH", b"SIMSOL", b"SIMXRP")
SHARES = np.array([0.4, 0.7, 0.9, 1.0])
FIRST_TICKS = (4_250_000, 226_000, 98_000, 57_000)  # hundredths
MINUTE_US = 60_000_000
FIRST_ID = 4_000_000_001
SILENT, LOUD = 2, 0  # the symbol that goes silent, and the one its trades go to meanwhile
SILENCE_US = (START_US + 2 * 86_400_000_000 + 43_200_000_000, 90 * MINUTE_US)
OUTLIER_AT, REPEATED_AT = 0.62, 0.39  # of all rows
HEADER = b"timestamp,symbol,trade_id,price,size,side\n"


def write(path: Path, rows: int = ROWS) -> dict[str, Any]:
    """Write the tape and its truth (same name, .json); return the truth. A cut file never carries the final name."""
    temporary = path.with_suffix(".part")
    tape = Tape(rows)
    digest = hashlib.sha256(HEADER)
    with temporary.open("wb") as file:
        file.write(HEADER)
        for first in range(0, rows, CHUNK):
            text = tape.chunk(first, min(CHUNK, rows - first))
            digest.update(text)
            file.write(text)
    temporary.replace(path)
    truth = {"format": FORMAT, "rows": tape.rows, "sizeBytes": path.stat().st_size, "sha256": digest.hexdigest()}
    truth["symbols"] = {name.decode(): tape.truth(index) for index, name in enumerate(SYMBOLS)}
    path.with_suffix(".json").write_text(json.dumps(truth, indent=1))
    return truth


def read_truth(path: Path, rows: int = ROWS) -> dict[str, Any]:
    """Return the truth about a tape written before, {} when it is missing, cut short or of another format."""
    try:
        truth = json.loads(path.with_suffix(".json").read_text())
        whole = path.stat().st_size == truth["sizeBytes"] and (truth["format"], truth["rows"]) == (FORMAT, rows)
    except (OSError, ValueError, KeyError):
        return {}
    return truth if whole else {}


class Tape:
    """The state carried from chunk to chunk: the clock, each symbol's price and counter, and the truth so far."""

    def __init__(self, rows: int) -> None:
        self.step_us = DAYS_US // rows
        self.outlier, self.repeated = int(rows * OUTLIER_AT), int(rows * REPEATED_AT)
        self.random = np.random.Generator(np.random.PCG64(SEED))
        self.clock_us = START_US
        self.ticks = np.array(FIRST_TICKS, dtype=np.int64)
        self.ids = np.zeros(len(SYMBOLS), dtype=np.int64)
        self.rows = 0
        self.trades = np.zeros(len(SYMBOLS), dtype=np.int64)
        self.minutes: list[set[int]] = [set() for _ in SYMBOLS]

    def chunk(self, first: int, count: int) -> bytes:
        """Return the next `count` rows as CSV text; `first` is the number of the first of them."""
        repeats = first <= self.repeated < first + count
        count -= repeats  # the repeated row takes one place
        steps = self.random.integers(1, 2 * self.step_us, count)
        steps[self.random.integers(0, 50, count) == 0] = 0  # two in a hundred share their predecessor's time
        time_us = self.clock_us + np.cumsum(steps)
        self.clock_us = int(time_us[-1])
        symbol = np.searchsorted(SHARES, self.random.random(count), side="right").astype(np.int64)
        silent = (time_us >= SILENCE_US[0]) & (time_us < sum(SILENCE_US))
        symbol[silent & (symbol == SILENT)] = LOUD
        price, number = self._walk(symbol, count)
        size = self.random.integers(1, 20_000_000, count)
        buys = self.random.integers(0, 2, count).astype(bool)
        if first <= self.outlier < first + count:
            price[self.outlier - first] += price[self.outlier - first] // 4
        columns = [time_us, symbol, number, price, size, buys]
        if repeats:
            repeated = min(self.repeated - first, count - 1)
            columns = [np.insert(column, repeated, column[repeated]) for column in columns]
        self._remember(*columns[:2])
        return _text(*columns)

    def truth(self, index: int) -> dict[str, int]:
        """Return what is true of one symbol: its rows (the repeated one included) and its minutes with a trade."""
        return {"trades": int(self.trades[index]), "minutes": len(self.minutes[index])}

    def _walk(self, symbol: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        price, number = np.empty(count, np.int64), np.empty(count, np.int64)
        for index in range(len(SYMBOLS)):
            mine = np.flatnonzero(symbol == index)
            if not len(mine):
                continue
            # A step of at most one ten-thousandth of the price, pulled back towards the first price.
            widest = max(FIRST_TICKS[index] // 10_000, 2)
            walk = self.ticks[index] + np.cumsum(self.random.integers(-widest, widest + 1, len(mine)))
            half = FIRST_TICKS[index] // 2
            price[mine] = half + np.abs((walk - half) % (4 * half) - 2 * half)
            self.ticks[index] = walk[-1]
            number[mine] = FIRST_ID + self.ids[index] + np.arange(len(mine))
            self.ids[index] += len(mine)
        return price, number

    def _remember(self, time_us: np.ndarray, symbol: np.ndarray) -> None:
        self.rows += len(time_us)
        for index in range(len(SYMBOLS)):
            mine = time_us[symbol == index]
            self.trades[index] += len(mine)
            self.minutes[index].update(np.unique(mine // MINUTE_US).tolist())


def _text(time_us, symbol, number, price, size, buys) -> bytes:
    names = np.frombuffer(b"".join(SYMBOLS), np.uint8).reshape(len(SYMBOLS), -1)
    sides = np.frombuffer(b"sellbuy\0", np.uint8).reshape(2, 4)
    # Nanoseconds that follow from the microseconds: equal times stay equal.
    time_ns = time_us * 1000 + time_us * 7919 % 1000
    parts = [_digits(time_ns, 19), _comma(len(symbol)), names[symbol], _comma(len(symbol)), _digits(number, 10)]
    parts += [_comma(len(symbol)), _decimal(price, 8, 2), _comma(len(symbol)), _decimal(size, 2, 6)]
    parts += [_comma(len(symbol)), sides[buys.astype(np.int64)], _fixed(len(symbol), b"\n")]
    matrix = np.concatenate(parts, axis=1)
    # Zero bytes are places not used: leading zeros and the end of a short word.
    return matrix[matrix != 0].tobytes()


def _digits(values: np.ndarray, width: int, keep: int = 1) -> np.ndarray:
    out = np.empty((len(values), width), np.uint8)
    rest = values
    for column in range(width - 1, -1, -1):
        shown = (rest > 0) | (column >= width - keep)
        rest, digit = np.divmod(rest, 10)
        out[:, column] = np.where(shown, digit + 48, 0)
    return out


def _decimal(values: np.ndarray, whole: int, places: int) -> np.ndarray:
    left, right = np.divmod(values, 10**places)
    return np.concatenate(
        [_digits(left, whole), _fixed(len(values), b"."), _digits(right, places, keep=places)], axis=1
    )


def _comma(count: int) -> np.ndarray:
    return _fixed(count, b",")


def _fixed(count: int, byte: bytes) -> np.ndarray:
    return np.full((count, 1), byte[0], np.uint8)


if __name__ == "__main__":
    print(json.dumps(write(Path(sys.argv[1]), int(sys.argv[2]))))
