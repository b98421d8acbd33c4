"""The names a session may have: an exchange calendar, `24/7`, or a time zone whose days run from midnight to midnight.

The library that knows the calendars is heavy, and the web process must tell a wrong name at once: the names stand here.
A test compares them with the library's.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

_NAMES = """
    24/5 24/7 AIXK ARCX ASEX ASX BATS BMF BSE BVB BVMF CBOT CFE CME CMES COMEX FWB HKEX ICE ICEUS IEPA JKT JPX LSE
    LUXSE NASDAQ NYFE NYMEX NYSE OOTC OSE SIX SSE TASE TSX XAMS XASE XASX XBDA XBEL XBKK XBOG XBOM XBRA XBRU XBSE
    XBUD XBUE XCBF XCSE XCYS XDUB XDUS XEEE XETR XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR XKLS XKRX XLIM
    XLIS XLIT XLJU XLON XLUX XMAD XMEX XMIL XMOS XNAS XNYS XNZE XOSL XPAR XPHS XPRA XRIS XSAU XSES XSGO XSHG XSTO
    XSTU XSWX XTAE XTAI XTAL XTKS XTSE XTSX XWAR XWBO XZAG us_futures
"""
CALENDARS = frozenset(_NAMES.split())


def is_zone(name: str) -> bool:
    """Tell whether a session is meant as a time zone: `UTC`, or a name with a stroke that is no calendar's."""
    return name == "UTC" or ("/" in name and name not in CALENDARS)


def exists(name: str) -> bool:
    """Tell whether there is a calendar or a time zone of this name."""
    if not is_zone(name):
        return name in CALENDARS
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
