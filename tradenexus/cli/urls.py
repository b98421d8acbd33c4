"""Files named by URL: fetched to this machine, then sent like any other; the platform itself fetches nothing.

What came is kept in $XDG_STATE_HOME/nexus/fetched until it is sent, so that the same command goes on where it stopped.
The token is not sent along. A web page, a file beyond the platform's limit and other schemes are refused by name.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tradenexus.cli import downloads, figures
from tradenexus.cli.client import Answer, Cut, Elsewhere
from tradenexus.cli.failures import Failure, Usage
from tradenexus.cli.ledger import Entry, Ledger
from tradenexus.cli.progress import Board, Meter

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_GOES_ON = frozenset({200, 206, 416, 429, 502, 503, 504})  # what downloads.Download knows to handle


def is_url(text: str) -> bool:
    """Tell whether a file is named by URL."""
    return _SCHEME.match(text) is not None


def checked(url: str) -> str:
    """Return an http or https URL with a host; Usage for any other."""
    try:
        parts = urlsplit(url)
        known = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise Usage(f"{shown(url)} cannot be fetched", why="only http and https URLs with a host name can")
    return url


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: name, password and query."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@", r"\1", url).partition("?")[0].partition("#")[0]


def fetch(nx: Invocation, url: str, *, anew: bool = False) -> Path:
    """Fetch a file and return where it lies; what an earlier run had whole is taken as it is, unless `anew`."""
    ledger = Ledger()
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = ledger.folder / "fetched" / key
    target = folder / downloads.safe_name(urlsplit(url).path)
    with ledger.locked(Entry(f"url-{key}", str(target), 0, shown(url))):
        if anew:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if target.exists():
            nx.out.note(f"{shown(url)}: fetched before, {figures.size(target.stat().st_size)} (anew: --no-resume)")
        else:
            _Fetch(nx, url, target).run()
    return target


def forget(path: Path) -> None:
    """Remove what was fetched, once it is sent."""
    shutil.rmtree(path.parent, ignore_errors=True)


class _Fetch:
    """One download with its progress line and its limits."""

    def __init__(self, nx: Invocation, url: str, target: Path) -> None:
        self.nx = nx
        self.url = shown(url)
        self.target = target
        self.limit = _limit(nx)
        self.elsewhere = Elsewhere(url, self._look)
        self.meter: Meter | None = None

    def run(self) -> None:
        try:
            with Board(quiet=self.nx.options.quiet) as self.board:
                downloads.Download(self.elsewhere, self.url, {}, self.target, self._moved).run()
        except Cut as cut:
            raise Failure(f"{self.url} cannot be fetched", code="URL_FAILED", why=str(cut)) from cut
        finally:
            self.elsewhere.close()
        with self.target.open("rb") as stream:
            page = _PAGE.match(stream.read(4096))
        if page:
            forget(self.target)
            raise Usage(
                f"{self.url} is a web page, no data file",
                code="URL_IS_A_PAGE",
                why="it answered with HTML: a page about the file, or one to sign in",
                hint="open it in a browser and copy the address of the download itself",
            )

    def _look(self, answer: Answer) -> None:
        """Refuse by status and length before a byte is written."""
        if answer.status not in _GOES_ON:
            raise Failure(f"{self.url} answered {answer.status}", code="URL_FAILED", why="nothing was sent")
        length = int(answer.headers.get("content-length") or 0) if answer.ok else 0
        self._refuse_over(length)
        free = shutil.disk_usage(self.target.parent).free
        if length > free:
            told = f"{figures.size(length)}, and {figures.size(free)} are free at {self.target.parent}"
            raise Failure("there is no room here for the file", code="NO_ROOM", why=f"it has {told}")

    def _refuse_over(self, length: int) -> None:
        if self.limit and length > self.limit:
            forget(self.target)
            raise Failure(
                f"{self.url} is larger than the platform takes",
                code="UPLOAD_TOO_LARGE",
                why=f"{figures.size(length)} or more; the limit is {figures.size(self.limit)}",
            )

    def _moved(self, done: int, total: int) -> None:
        self._refuse_over(done)
        if not total:
            self.board.show([(self.target.name, f"fetch  {figures.size(done)}", 0)])
            return
        if self.meter is None:
            self.meter = Meter(total)
            self.meter.restart(done)
        self.meter.advance(done)
        self.board.show([(self.target.name, f"fetch  {self.meter.text()}", done * 100 // total)])


def _limit(nx: Invocation) -> int:
    """Return the most bytes that the platform takes in one file, 0 when it does not say."""
    try:
        told = nx.client.attempt("OPTIONS", "/v1/uploads/").headers.get("tus-max-size", "")
    except Cut as cut:
        raise nx.client.unreachable(cut) from cut
    return int(told) if told.isdigit() else 0
