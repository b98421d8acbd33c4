"""What a reader hands on: one batch of mapped rows in file order, and the rows that could not be read.

`row` counts records from 0 (headers and blank lines are not records), `line` counts text lines from 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

# The longest piece of a bad value that is kept.
VALUE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that was left out: where it stands, which column, its text, and why (UPPER_SNAKE)."""

    row: int
    line: int | None
    column: str | None
    value: str
    reason_code: str

    def as_dict(self) -> dict[str, Any]:
        """Return the reject as JSON-ready values."""
        return asdict(self)


@dataclass(slots=True)
class MappedBatch:
    """Rows of `market.schemas.mapped(kind)` in file order, unsplit; `rejects` lie between them by `row`.

    `row` and `line` have one entry per row of `table`; `line` is None where the format has no lines.
    `bytes_read` is the count of source bytes (compressed as stored) consumed so far, for progress.
    """

    table: pa.Table
    row: np.ndarray
    line: np.ndarray | None = None
    rejects: list[Reject] = field(default_factory=list)
    bytes_read: int = 0
