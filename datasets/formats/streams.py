"""Opens a file by path or descriptor and streams its bytes, unpacked: gzip (any number of members), bzip2, zstd.

The packing is told by the first bytes, never by the name. A bad checksum, an early end and a bomb are each named.
"""

from __future__ import annotations

import bz2
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from datasets.formats.errors import ChecksumInvalid, CompressionBomb, FileDamaged, TruncatedFile

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_READ_BYTES = 1 << 18
_LINE_BYTES = 1 << 20
# Real tick data packs 3 to 50 times; identical rows about 300 times. Below this size nobody is hurt.
BOMB_RATIO = 200
BOMB_BYTES = 64 << 20


def packing(head: bytes) -> str | None:
    """Return `gzip`, `bz2`, `zstd` or None, by magic bytes."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


class Prefix:
    """A file before `stop`, for readers that read on and ask where they are. Leave it to close the file."""

    def __init__(self, file: IO[bytes], stop: int):
        self._file, self.stop = file, stop

    def read(self, size: int = -1) -> bytes:
        """Read on, never past `stop`."""
        left = max(0, self.stop - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int) -> int:
        """Go to an offset from the start."""
        return self._file.seek(offset)

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._file.tell()

    def __enter__(self) -> Prefix:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def open_prefix(source: str | int | Path, stop: int, *, whole_lines: bool) -> Prefix:
    """Open what lies before `stop` as a file of its own; with `whole_lines` it ends with the last line that does."""
    file = open_raw(source)
    if whole_lines:
        file.seek(max(0, stop - _LINE_BYTES))
        last = file.read(min(stop, _LINE_BYTES)).rfind(b"\n")
        stop = max(0, stop - _LINE_BYTES) + last + 1 if last >= 0 else stop
    file.seek(0)
    return Prefix(file, stop)


def open_raw(source: str | int | Path) -> IO[bytes]:
    """Open a path or descriptor for reading from its start; `/proc/self/fd/N` is taken as the descriptor itself."""
    text = str(source)
    if text.startswith("/proc/self/fd/"):
        source = int(text.rsplit("/", 1)[1])
    if isinstance(source, int):
        # A duplicate shares its offset with the original, which another reader may have moved.
        file = os.fdopen(os.dup(source), "rb")
        file.seek(0)
        return file
    return open(source, "rb")


class Unpacked:
    """Iterates over the unpacked bytes of a file in pieces of about `piece_bytes`; `bytes_read` counts stored bytes."""

    def __init__(self, file: IO[bytes], piece_bytes: int = 1 << 20):
        self._file, self._piece_bytes = file, piece_bytes
        file.seek(0)
        self.packing = packing(file.read(4))
        file.seek(0)
        self._out = 0

    @property
    def bytes_read(self) -> int:
        """Stored bytes consumed so far."""
        return self._file.tell()

    def __iter__(self) -> Iterator[bytes]:
        readers: dict[str | None, Callable[[], Iterator[bytes]]] = {
            None: self._plain,
            "gzip": lambda: self._stdlib(lambda: zlib.decompressobj(wbits=31)),
            "bz2": lambda: self._stdlib(bz2.BZ2Decompressor),
            "zstd": self._zstd,
        }
        for piece in readers[self.packing]():
            self._out += len(piece)
            if self.packing and self._out > BOMB_BYTES and self._out > BOMB_RATIO * self.bytes_read:
                raise CompressionBomb(
                    f"{self.bytes_read:,} stored bytes have already unfolded to {self._out:,}.",
                    {"storedBytes": self.bytes_read, "unpackedBytes": self._out},
                )
            yield piece

    def _plain(self) -> Iterator[bytes]:
        while piece := self._file.read(self._piece_bytes):
            yield piece

    def _stdlib(self, new: Callable[[], Any]) -> Iterator[bytes]:
        unpacker, waiting, started = new(), b"", False
        while True:
            data = waiting or self._file.read(_READ_BYTES)
            if not data:
                break
            started = True
            try:
                piece = unpacker.decompress(data, self._piece_bytes)
            except (zlib.error, OSError) as fault:
                raise self._damaged(fault) from fault
            if piece:
                yield piece
            waiting = getattr(unpacker, "unconsumed_tail", b"")
            # bz2 keeps what it has not used to itself and wants to be asked again with nothing.
            while not unpacker.eof and getattr(unpacker, "needs_input", True) is False:
                if more := unpacker.decompress(b"", self._piece_bytes):
                    yield more
            if unpacker.eof:
                # Another member may follow; gzip files may also be padded with zeros.
                waiting = unpacker.unused_data or self._file.read(_READ_BYTES)
                waiting = waiting.lstrip(b"\0")
                if not waiting:
                    return
                if packing(waiting.ljust(4)) != self.packing:
                    raise FileDamaged(f"After the {self.packing} data come bytes that are none.", self._where())
                unpacker = new()
        if started and not unpacker.eof:
            raise TruncatedFile(f"The {self.packing} data ends in the middle.", self._where())

    def _zstd(self) -> Iterator[bytes]:
        try:
            with pa.CompressedInputStream(pa.PythonFile(_Kept(self._file), mode="r"), "zstd") as stream:
                while piece := stream.read(self._piece_bytes):
                    yield piece
        except OSError as fault:
            if "truncated" in str(fault).lower():
                raise TruncatedFile("The zstd data ends in the middle.", self._where()) from fault
            raise self._damaged(fault) from fault

    def _damaged(self, fault: Exception) -> FileDamaged:
        words = str(fault)
        if "data check" in words or "checksum" in words or "CRC" in words:
            return ChecksumInvalid(f"The {self.packing} checksum does not match its data ({words}).", self._where())
        return FileDamaged(f"The {self.packing} data is damaged ({words}).", self._where())

    def _where(self) -> dict[str, Any]:
        return {"storedBytes": self.bytes_read, "unpackedBytes": self._out}


class _Kept:
    """A view of a file that Arrow may close without closing the file."""

    def __init__(self, file: IO[bytes]):
        self._file, self.closed = file, False

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self.closed = True


def seekable(file: IO[bytes]) -> IO[bytes]:
    """Return `file` itself, or when it is packed its unpacked bytes in an unnamed temporary file."""
    stream = Unpacked(file)
    if stream.packing is None:
        return file
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads it
    for piece in stream:
        spool.write(piece)
    spool.seek(0)
    return spool
