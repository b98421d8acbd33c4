"""The tables of the lake: what stands in each column, what makes a row unique, how rows are cut into segments.

A table is a vendor product or what we derive (`equities_bars_minute`, `features_...`), the same for every workspace.
`version` rises with every change, and a change may only add nullable columns at the end: older segments stay readable
and a column that they lack is empty. The Arrow form is in `schemas`. No heavy import here.
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.market import feature_tables
from tradenexus.errors import NotFound

DAY, MONTH, YEAR = "day", "month", "year"
ROW, SESSION = "row", "session"
BARS, TICKS, EVENTS = "bars", "ticks", "events"


class TableUnknown(NotFound):
    """The lake has no table of this name. `details` lists those it has."""

    code = "LAKE_TABLE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `dtype` is the name of its Arrow type, `unit` what a number counts."""

    name: str
    dtype: str = "float64"
    unit: str = ""
    about: str = ""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `key` columns make a row unique (empty for ticks, where a session is replaced as a whole)."""

    name: str
    about: str
    family: str
    columns: tuple[Column, ...]
    span: str
    interval: str = ""
    key: tuple[str, ...] = ("ts_event",)
    version: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def unit(self) -> str:
        """Return what one commit replaces: a row by its key, or a whole session."""
        return ROW if self.key else SESSION

    @property
    def group_rows(self) -> int:
        """Return the rows of one row group: a week of minute bars, or enough ticks for the decoder."""
        return 131_072 if self.family == TICKS else 10_080


_TIME = Column("ts_event", "timestamp[ns, UTC]", "ns UTC", "when it happened", nullable=False)
_OPEN = Column("ts_event", "timestamp[ns, UTC]", "ns UTC", "when the bar opened", nullable=False)
_SEQUENCE = Column("sequence", "int64", "", "the venue's order within one instant")
_BAR = (
    _OPEN,
    Column("open", unit="quote", about="first price", nullable=False),
    Column("high", unit="quote", about="highest price", nullable=False),
    Column("low", unit="quote", about="lowest price", nullable=False),
    Column("close", unit="quote", about="last price", nullable=False),
    Column("volume", unit="base", about="traded amount"),
    Column("trades", "int64", "count", "number of trades"),
    Column("filled", "bool", "", "made for an empty interval, price carried on"),
)
_SIDE = Column("side", "int8", "", "1 = taker bought, -1 = taker sold")
TENORS = ("1month", "3month", "6month", "1year", "2year", "3year", "5year", "7year", "10year", "20year", "30year")


def _bars(name: str, interval: str, span: str, about: str) -> Table:
    return Table(name, about, BARS, _BAR, span, interval)


_TABLES = (
    _bars("equities_bars", "1d", YEAR, "daily bars of shares, prices as traded (raw)"),
    _bars("equities_bars_minute", "1m", MONTH, "minute bars of shares, prices as traded (raw)"),
    _bars("options_bars", "1d", YEAR, "daily bars of option contracts"),
    _bars("index_bars", "1d", YEAR, "daily bars of indices"),
    *(
        _bars(f"crypto_bars_{interval}", interval, span, f"{interval} bars of crypto instruments")
        for interval, span in (
            *(("1m", MONTH), ("5m", MONTH), ("15m", MONTH), ("1h", YEAR), ("4h", YEAR), ("8h", YEAR), ("1d", YEAR)),
        )
    ),
    Table(
        "trades",
        "executions",
        TICKS,
        (
            _TIME,
            _SEQUENCE,
            Column("price", unit="quote", nullable=False),
            Column("size", unit="base"),
            _SIDE,
            Column("trade_id", "string", "", "the venue's id, text"),
        ),
        DAY,
        key=(),
    ),
    Table(
        "quotes",
        "best bid and offer, each standing until the next",
        TICKS,
        (
            _TIME,
            _SEQUENCE,
            Column("bid", unit="quote"),
            Column("bid_size", unit="base"),
            Column("ask", unit="quote"),
            Column("ask_size", unit="base"),
        ),
        DAY,
        key=(),
    ),
    Table(
        "book",
        "changes of the order book by price level",
        TICKS,
        (
            _TIME,
            _SEQUENCE,
            Column("side", "int8", "", "1 = bid, -1 = ask"),
            Column("price", unit="quote", nullable=False),
            Column("size", unit="base", about="what stands there now; 0 removes the level", nullable=False),
            Column("snapshot", "bool", "", "part of a full picture, not a change"),
        ),
        DAY,
        key=(),
    ),
    Table(
        "macro_treasury",
        "par yield curve of the US Treasury",
        EVENTS,
        (_TIME, *(Column(f"y_{tenor}", unit="fraction", about=f"yield at {tenor}") for tenor in TENORS)),
        YEAR,
        "1d",
    ),
    Table("macro_series", "one number a date", EVENTS, (_TIME, Column("value", nullable=False)), YEAR, "1d"),
    Table(
        "funding",
        "funding rates of perpetual swaps",
        EVENTS,
        (_TIME, Column("rate", unit="fraction", about="paid by longs to shorts", nullable=False)),
        YEAR,
    ),
    Table(
        "corporate_actions",
        "splits and dividends as they took effect; prices are stored raw and adjusted when read",
        EVENTS,
        (
            Column("ts_event", "timestamp[ns, UTC]", "ns UTC", "UTC midnight of the ex-date", nullable=False),
            Column("action", "string", "", "split or dividend", nullable=False),
            Column("value", unit="ratio or currency", about="new shares for one old; cash for a share", nullable=False),
            Column("witnesses", "string", "", "who says so, joined by |"),
        ),
        YEAR,
        key=("ts_event", "action"),
    ),
    Table(
        "features_tv_technicals_1d",
        "technical indicators of daily bars, each row from bars up to its own",
        EVENTS,
        (
            Column("ts_event", "timestamp[ns, UTC]", "ns UTC", "when the bar opened", nullable=False),
            *(Column(name, unit=unit, about=about) for name, unit, about in feature_tables.TECHNICALS),
        ),
        YEAR,
        "1d",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}


def find(name: str) -> Table:
    """Return the table of this name; TableUnknown otherwise."""
    table = TABLES.get(str(name))
    if table is None:
        raise TableUnknown(f"The lake has no table {str(name)[:60]!r}.", {"tables": sorted(TABLES)})
    return table


def incompatible(old: Table, new: Table) -> list[str]:
    """Return why readers of `old` could not read `new`, in words; empty when only nullable columns were added."""
    faults = []
    if new.columns[: len(old.columns)] != old.columns:
        faults.append(f"{new.name}: columns that exist were changed, moved or removed")
    faults += [f"{new.name}.{each.name}: new and not nullable" for each in new.columns[len(old.columns) :]
               if not each.nullable]  # fmt: skip
    if (old.key, old.span, old.interval) != (new.key, new.span, new.interval):
        faults.append(f"{new.name}: key, span or interval changed")
    if old.columns != new.columns and new.version <= old.version:
        faults.append(f"{new.name}: version did not rise with its columns")
    return faults
