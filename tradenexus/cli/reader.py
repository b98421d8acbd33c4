"""The lake from Python: exact rows as Arrow or pandas, over HTTP, with the settings of `nexus`.

    from tradenexus.cli.reader import Lake

    with Lake() as lake:
        bars = lake.pandas("crypto_bars_1d", "BINANCE:BTC-USDT", "2024-01-01", "2025-01-01")

What breaks off on the way is an error (Broken), never fewer rows. Refusals are the Failures of the command line.
Needs pyarrow, and pandas for `pandas`; neither is imported before it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tradenexus.cli import config, credentials, invocation
from tradenexus.cli.client import Client, Cut
from tradenexus.cli.failures import AuthNeeded, Failure, Unreachable, Usage

if TYPE_CHECKING:
    import pandas
    import pyarrow

MEDIA = "application/vnd.apache.arrow.stream"
# How an Arrow stream says that it is whole; without it a reader cannot tell an end from a cut between two batches.
END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
Moment = str | date | datetime | None


class Broken(Unreachable):
    """The rows broke off on the way: what came is not all of them. Ask again."""

    code = "ROWS_BROKEN_OFF"


class Lake:
    """A connection to the lake of one workspace; `url`, `token` and `profile` as `nexus` finds them if not given."""

    def __init__(self, url: str | None = None, token: str | None = None, profile: str | None = None) -> None:
        settings = config.load({"url": url, "profile": profile})
        found = token or credentials.token(settings)[0]
        if not found:
            words = f"no token for {settings['url']} in profile {settings.profile.text!r}"
            raise AuthNeeded(words, hint="nexus auth login, or set NEXUS_TOKEN, or give token=")
        agent = f"nexus/{invocation.version()} python/{sys.version_info.major}.{sys.version_info.minor} reader"
        self._client = Client(settings["url"], found, agent=agent, retry_s=float(settings["retry_s"]), say=_silent)

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def tables(self) -> list[dict[str, Any]]:
        """Return the tables with their columns, as GET /v1/lake/tables tells them."""
        return list(self._client.get("/v1/lake/tables")["items"])

    def entries(self, **filters: str) -> list[dict[str, Any]]:
        """Return the entries, all pages; filters are those of GET /v1/lake/entries: table, q, grade, freshness, vendor.

        Numbers with a fraction are Decimal, as they were sent.
        """
        return list(self._client.pages("/v1/lake/entries", dict(filters)))

    def entry(self, table: str, instrument: str) -> dict[str, Any]:
        """Return one entry."""
        return dict(self._client.get(_path(table, instrument))["entry"])

    def batches(
        self,
        table: str,
        instrument: str | Sequence[str],
        start: Moment = None,
        end: Moment = None,
        *,
        columns: Sequence[str] | None = None,
        adjustment: str = "raw",
        as_of: Moment = None,
        snapshot: str | None = None,
    ) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of [start, end) as they arrive, in order; memory stays flat.

        Times are UTC dates, datetimes with a zone, or ISO 8601. `as_of` reads the lake as it was, `snapshot` (an id)
        what a snapshot holds. Of several instruments each comes whole after the other, with a column `instrument` in
        front; give `as_of` when all must be of one moment. Broken when the rows break off: what was yielded before is
        right and not all.
        """
        asked = _asked(start, end, columns, adjustment, as_of, snapshot)
        for name in _names(instrument):
            with self._opened(_path(table, name), asked) as reader:
                for batch in reader:
                    yield batch if isinstance(instrument, str) else _labelled(batch, name)

    def arrow(
        self,
        table: str,
        instrument: str | Sequence[str],
        start: Moment = None,
        end: Moment = None,
        *,
        columns: Sequence[str] | None = None,
        adjustment: str = "raw",
        as_of: Moment = None,
        snapshot: str | None = None,
    ) -> pyarrow.Table:
        """Return the rows of [start, end) as a table: all of them, or Broken. Arguments as `batches` takes them.

        Types are those of the lake; of one instrument the schema's metadata names table, instrument and revision.
        """
        import pyarrow as pa

        asked = _asked(start, end, columns, adjustment, as_of, snapshot)
        parts = []
        for name in _names(instrument):
            with self._opened(_path(table, name), asked) as reader:
                rows = pa.Table.from_batches(list(reader), schema=reader.schema)
            parts.append(rows if isinstance(instrument, str) else _labelled(rows, name))
        return parts[0] if isinstance(instrument, str) else pa.concat_tables(parts).unify_dictionaries()

    def pandas(
        self,
        table: str,
        instrument: str | Sequence[str],
        start: Moment = None,
        end: Moment = None,
        *,
        columns: Sequence[str] | None = None,
        adjustment: str = "raw",
        as_of: Moment = None,
        snapshot: str | None = None,
    ) -> pandas.DataFrame:
        """Return the rows of [start, end) as a frame: all of them, or Broken. Arguments as `batches` takes them.

        The index `ts_event` is UTC in nanoseconds. Types do not depend on the values: float64 (null is NaN), and Int64,
        Int8, boolean and string with <NA>; `instrument` is a category.
        """
        import pandas as pd
        import pyarrow as pa

        wanted = None if columns is None else ["ts_event", *(name for name in columns if name != "ts_event")]
        told: dict[str, Any] = {"adjustment": adjustment, "as_of": as_of, "snapshot": snapshot}
        rows = self.arrow(table, instrument, start, end, columns=wanted, **told)
        types = {pa.int64(): pd.Int64Dtype(), pa.int8(): pd.Int8Dtype(), pa.bool_(): pd.BooleanDtype()}
        types |= {pa.string(): pd.StringDtype()}
        frame: pandas.DataFrame = rows.to_pandas(types_mapper=types.get)
        return frame.set_index("ts_event")

    @contextmanager
    def _opened(self, path: str, asked: dict[str, Any]) -> Iterator[Any]:
        """Give a reader of one Arrow stream; at the end of the block the stream must have ended well."""
        import pyarrow as pa

        headers = {"Accept": MEDIA, "Accept-Encoding": "identity"}
        body = None
        try:
            with self._client.stream(f"{path}/rows", asked, headers) as (answer, blocks):
                if not answer.ok:
                    raise answer.failure("lake rows")
                body = _Body(blocks)
                with pa.PythonFile(body, mode="r") as source, pa.ipc.open_stream(source) as reader:
                    yield reader
                    for _ in reader:  # what was left unread must have come, too
                        pass
                body.finish()
        except Failure:
            raise
        except (Cut, OSError, pa.ArrowInvalid) as error:
            if isinstance(error, Cut) and body is None:
                raise self._client.unreachable(error) from error
            raise _broken(error) from error


class _Body:
    """A body as a file to read from; knows whether it ended as an Arrow stream does."""

    closed = False

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._held, self._tail = blocks, bytearray(), b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._held) < size:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held += block
            self._tail = (self._tail + block)[-len(END) :]
        size = len(self._held) if size < 0 else size
        given = bytes(self._held[:size])
        del self._held[:size]
        return given

    def finish(self) -> None:
        """Raise Broken unless nothing follows and the end was said."""
        if self.read() or self._tail != END:
            raise _broken(EOFError("the stream did not say that it was at its end"))

    def close(self) -> None:
        """Do nothing: the connection is closed by its client."""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _broken(error: BaseException) -> Broken:
    return Broken("the rows broke off: what came is not whole", why=str(error), hint="ask again")


def _asked(
    start: Moment, end: Moment, columns: Sequence[str] | None, adjustment: str, as_of: Moment, snapshot: str | None
) -> dict[str, Any]:
    if columns is not None and not columns:
        raise Usage("no columns were named", hint="leave columns out to have all of them")
    return {
        "start": _moment("start", start),
        "end": _moment("end", end),
        "columns": ",".join(columns) if columns is not None else None,
        "adjustment": adjustment,
        "asOf": _moment("as_of", as_of),
        "snapshot": snapshot,
        "format": "arrow",
    }


def _moment(name: str, value: Moment) -> str | None:
    """Return a time as the API reads it; Usage for one without a zone or finer than microseconds."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Usage(f"{name} needs a zone", why=f"{value} may be any of a day's hours", hint="tzinfo=UTC")
        if getattr(value, "nanosecond", 0):
            raise Usage(f"{name} is finer than a microsecond", why=str(value))
    return value if value is None or isinstance(value, str) else value.isoformat()


def _names(instrument: str | Sequence[str]) -> list[str]:
    names = [instrument] if isinstance(instrument, str) else list(instrument)
    if not names:
        raise Usage("no instrument was named")
    return names


def _path(table: str, instrument: str) -> str:
    from urllib.parse import quote

    return f"/v1/lake/{quote(table, safe='')}/{quote(instrument, safe=':')}"


def _labelled(rows: Any, name: str) -> Any:
    """Put a column `instrument` in front, a word stored once."""
    import pyarrow as pa

    codes = pa.DictionaryArray.from_arrays(pa.array([0] * rows.num_rows, pa.int32()), pa.array([name]))
    arrays = [codes, *rows.columns]
    fields = [pa.field("instrument", codes.type), *rows.schema]
    return type(rows).from_arrays(arrays, schema=pa.schema(fields))


def _silent(text: str) -> None:
    """Say nothing: a library does not write to stderr."""
