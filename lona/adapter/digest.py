"""The content hash of a slice of bars: sent and read back are compared as numbers, not as text [pure].

sha256 over the column names, then row by row the open time (int64 ns) and the values (float64), little-endian.
"""

import hashlib
from collections.abc import Callable
from typing import Any

Emit = Callable[[dict[str, Any]], None]

NS = 1_000_000_000
PRICES = ("open", "high", "low", "close")


class SliceDigest:
    """Content hash fed with batches in order; where the batches are cut does not change it."""

    def __init__(self, with_volume: bool):
        self.columns = PRICES + (("volume",) if with_volume else ())
        self._hash = hashlib.sha256(("nexus.slice.1:" + ",".join(("ts", *self.columns))).encode())

    def add(self, ts_ns: Any, values: dict[str, Any]) -> None:
        """Take one batch: int64 open times in ns and one float64 array (or list) per column."""
        import numpy as np

        rows = np.empty(len(ts_ns), dtype=[("ts", "<i8"), *((name, "<f8") for name in self.columns)])
        rows["ts"] = ts_ns
        for name in self.columns:
            rows[name] = np.asarray(values[name], dtype="<f8") + 0.0  # -0.0 and 0.0 are one value
        self._hash.update(rows.tobytes())

    def hexdigest(self) -> str:
        """Answer the hash of all rows so far."""
        return self._hash.hexdigest()
