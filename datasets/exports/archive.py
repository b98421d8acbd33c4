"""A bundle as one stream: a tar archive, compressed with zstd, made while it is sent; nothing is kept of it.

The same bundle gives the same archive: files by path, the manifest last, no owners, times of the night.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

BLOCK_BYTES = 1 << 20


class _Sink(io.RawIOBase):
    """Keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._held.append(bytes(data))  # type: ignore[call-overload]
        return len(self._held[-1])

    def take(self) -> bytes:
        taken, self._held = b"".join(self._held), []
        return taken


def stream(folder: Path, files: Iterable[tuple[str, int]], night: date) -> Iterator[bytes]:
    """Yield the archive of the (path, size) pairs, each below a folder of the night's name.

    FileNotFoundError when the bundle is removed meanwhile: the archive then ends without its end.
    """
    import pyarrow as pa

    sink = _Sink()
    moment = datetime.combine(night, time(), UTC).timestamp()
    packed = pa.CompressedOutputStream(pa.PythonFile(sink, "w"), "zstd")
    for path, size_bytes in files:
        packed.write(_head(f"{night}/{path}", size_bytes, moment))
        with (folder / path).open("rb") as source:
            while block := source.read(BLOCK_BYTES):
                packed.write(block)
                if taken := sink.take():
                    yield taken
        packed.write(b"\0" * (-size_bytes % tarfile.BLOCKSIZE))
    packed.write(b"\0" * (2 * tarfile.BLOCKSIZE))
    packed.close()
    yield sink.take()


def _head(name: str, size_bytes: int, moment: float) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size_bytes, int(moment), 0o644
    return info.tobuf(tarfile.PAX_FORMAT)
