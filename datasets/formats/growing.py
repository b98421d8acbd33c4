"""A file that still grows, for the readers of whole files: what is not here yet is waited for, each byte read once.

How far it may be read stands in a small file that its owner writes anew as the bytes become durable (`Tide`). Every
read gives as many bytes as it would of the whole file, so that what is made of them is the same; and the digest is of
the very bytes that were handed on, whatever is written over them later.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path

from datasets.formats import streams
from datasets.formats.sniff import HEAD_BYTES, TAIL_BYTES
from datasets.formats.tide import LINE_BYTES

_STEP_BYTES = 1 << 20
_TICK_S = 0.05


class Tide:
    """How far a growing file may be read, as its owner last wrote: an offset, and whether the file ends there."""

    def __init__(self, source: str | int | Path):
        self._file = streams.open_raw(source)

    def now(self) -> tuple[int, bool]:
        """Return (offset, ends there)."""
        line = os.pread(self._file.fileno(), LINE_BYTES, 0)
        return (int(line[:20]), line[21:22] == b"1") if len(line) == LINE_BYTES else (0, False)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class Growing:
    """Reads a growing file from its start; `seek` goes back within the first HEAD_BYTES as long as no more was read.

    `sha256` is of all bytes read so far, `size` how many they are, `tail` the last of them; `waited_s` is how long it
    stood still. Leave it to close both files.
    """

    def __init__(self, source: str | int | Path, tide: Tide):
        self._file, self._tide = streams.open_raw(source), tide
        self._digest = hashlib.sha256()
        self.size, self.tail, self.waited_s = 0, b"", 0.0
        self.head = self._take(HEAD_BYTES)
        self._at = 0

    @property
    def sha256(self) -> str:
        """Return the digest of what was read, as hex."""
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Read on: `size` bytes unless the file ends before, all that has still to come without it."""
        start, left = self._at, size if size >= 0 else None
        kept = self.head[start : None if left is None else start + left] if start < len(self.head) else b""
        self._at += len(kept)
        more = b"" if left is not None and len(kept) == left else self._take(None if left is None else left - len(kept))
        self._at += len(more)
        return kept + more

    def seek(self, offset: int) -> int:
        """Go to an offset from the start."""
        if self.size > len(self.head) or not 0 <= offset <= len(self.head):
            raise io.UnsupportedOperation("what lies behind is not read again")
        self._at = offset
        return offset

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def finish(self) -> None:
        """Read all that has still to come, and keep none of it."""
        self._at = self.size
        while piece := self._take(_STEP_BYTES):
            self._at += len(piece)

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._tide.close()

    def _take(self, size: int | None) -> bytes:
        """Read the next bytes from the disk, waiting for them; fewer than asked for only where the file ends."""
        pieces, left = [], size
        while left is None or left > 0:
            offset, ends = self._tide.now()
            wanted = min(offset - self.size, _STEP_BYTES if left is None else left)
            piece = os.pread(self._file.fileno(), wanted, self.size) if wanted > 0 else b""
            if not piece:
                if ends:  # also where fewer bytes are here than were told: then the digest is not that of the file
                    break
                time.sleep(_TICK_S)
                self.waited_s += _TICK_S
                continue
            self._digest.update(piece)
            self.size += len(piece)
            self.tail = (self.tail + piece)[-TAIL_BYTES:]
            pieces.append(piece)
            left = None if left is None else left - len(piece)
        return b"".join(pieces)
