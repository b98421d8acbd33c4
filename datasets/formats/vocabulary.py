"""What columns are called: for each target the names that are used for it, in order of trust.

Names are compared without case, blanks and punctuation: `Buyer Is Maker` is `buyerismaker`.
"""

from __future__ import annotations

import re

CLOSE_TRUST = (0.45, "close time: bars are stamped at their open")
# One letter means something only among its like (o, h, l, c), see `proposal`.
TIME_NAMES: dict[str, tuple[float, str]] = {
    **dict.fromkeys(
        ("exchangems", "exchangets", "exchangetime", "exchangetimestamp", "exchtimestamp", "exchts", "eventtime",
         "tradetime", "transacttime", "transactiontime", "tsevent", "tradetimestamp", "infot"),
        (0.97, "time of the exchange"),
    ),
    **dict.fromkeys(("opentime", "openat", "starttime", "start", "begin", "periodstart"), (0.95, "open time")),
    **dict.fromkeys(
        ("timestamp", "timestampms", "timestampns", "timestampus", "ts", "time", "datetime", "t", "unixtime", "unix",
         "epoch", "timems", "timens", "timeutc", "utctime", "datetimeutc"),
        (0.93, "named as a time"),
    ),
    **dict.fromkeys(("date", "day", "session", "tradedate", "timeperiod", "dt"), (0.9, "named as a date")),
    **dict.fromkeys(("closetime", "endtime", "end"), CLOSE_TRUST),
}  # fmt: skip
LOCAL = re.compile(r"local|recv|receiv|receipt|arriv|collect|ingest|capture")
LOCAL_TRUST = (0.6, "the recorder's clock, for want of a time of the exchange")
ID_TRUST = (0.75, "there is no column of times, and the ids are times")

NAMES: dict[str, tuple[str, ...]] = {
    "price": ("price", "px", "tradeprice", "lastprice", "fillprice", "execprice", "p"),
    "size": ("size", "amount", "quantity", "qty", "volume", "tradesize", "lastsize", "lastqty", "vol", "q", "s"),
    "side": ("side", "takerside", "aggressor", "aggressorside", "direction", "tickdirection", "type"),
    "buyer_is_maker": ("buyerismaker", "isbuyermaker", "buyermaker", "m"),
    "trade_id": ("tradeid", "aggtradeid", "aggid", "matchid", "execid", "id", "tid", "a"),
    "sequence": ("sequence", "seq", "sequencenumber", "seqno", "updateid", "lastupdateid", "u"),
    "symbol": ("symbol", "ticker", "instrument", "pair", "market", "productid", "product", "sym", "isin"),
    "bid": ("bid", "bidprice", "bidpx", "bestbid", "bestbidprice", "bidpx00", "bp", "b"),
    "bid_size": ("bidsize", "bidqty", "bidquantity", "bidamount", "bidvolume", "bestbidsize", "bidsz00", "bs"),
    "ask": ("ask", "askprice", "askpx", "bestask", "bestaskprice", "offer", "askpx00", "ap", "a"),
    "ask_size": ("asksize", "askqty", "askquantity", "askamount", "askvolume", "bestasksize", "asksz00", "as"),
    "open": ("open", "openprice", "priceopen", "o"),
    "high": ("high", "highprice", "pricehigh", "max", "h"),
    "low": ("low", "lowprice", "pricelow", "min", "l"),
    "close": ("close", "closeprice", "priceclose", "last", "c"),
    "volume": ("volume", "vol", "basevolume", "volumebase", "tradedvolume", "v"),
    "trades": ("trades", "count", "numberoftrades", "tradecount", "ntrades", "n"),
}  # fmt: skip
SIDE_WORDS = {"buy", "sell", "b", "s", "bid", "ask", "1", "-1", "long", "short", "bought", "sold"}
_INSIDE = re.compile(r"[A-Za-z_]\w*\.(\w+)")
TAKER_WORDS = {"buy", "sell", "b", "s", "1", "-1", "bought", "sold"}


def fold(name: str) -> str:
    """Return the name without case, blanks and punctuation; of a name inside another only the last part."""
    inside = None if name.lower().startswith("adj") else _INSIDE.fullmatch(name)
    return re.sub(r"[^a-z0-9]", "", (inside[1] if inside else name).lower())


def trust_of_time(name: str) -> tuple[float, str] | None:
    """Return how far a column called `name` is trusted to hold the times, and why; None when its name says nothing."""
    folded = fold(name)
    if LOCAL.search(folded):
        return LOCAL_TRUST
    return TIME_NAMES.get(folded)
