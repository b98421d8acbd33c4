"""Progress on stderr: a line per active file (at most four, then the total); without a terminal one per 30 s or 10 %.

Rates are an exponentially weighted mean over 10 s; a time left is shown after 5 s and 2 %; a bar never goes backward
and says 100 % only when everything is done; 30 s without a byte is "stalled".
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from tradenexus.cli import figures
from tradenexus.cli.output import color_allowed

WINDOW_S = 10.0
ETA_AFTER_S = 5.0
ETA_AFTER_PART = 0.02
STALLED_S = 30.0
QUIET_LINE_S = 30.0


class Meter:
    """How fast one thing advances. `restart` after a resume, so that bytes sent long ago do not count as speed."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self._clock = clock
        self.restart(0)

    def restart(self, done: int) -> None:
        """Start measuring anew from `done`."""
        self._began = self._last = self._moved = self._clock()
        self._from = self._counted = done
        self._rate = 0.0
        self.done = max(self.done, done)

    def advance(self, done: int) -> None:
        """Take the position reached; a lower one than before (a resend) does not move the bar back."""
        now = self._clock()
        passed = now - self._last
        if done > self._counted:
            self._moved = now
        if passed >= 0.2:
            fresh = max(0, done - self._counted) / passed
            weight = 1.0 if self._rate == 0.0 else 1 - math.exp(-passed / WINDOW_S)
            self._rate += weight * (fresh - self._rate)
            self._last, self._counted = now, done
        self.done = max(self.done, min(done, self.total))

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self._rate

    @property
    def stalled(self) -> bool:
        """No byte for 30 s."""
        return self._clock() - self._moved >= STALLED_S

    def eta_s(self) -> float | None:
        """Seconds left, or None while it is too early to say."""
        sent = self.done - self._from
        early = self._clock() - self._began < ETA_AFTER_S or self.done < self.total * ETA_AFTER_PART
        if early or self._rate <= 0 or sent <= 0:
            return None
        return (self.total - self.done) / self._rate

    def text(self) -> str:
        """Return `42 %  3.42/8.10 GB  61 MB/s  eta 1:20`."""
        parts = [figures.percent(self.done, self.total), figures.pair(self.done, self.total)]
        if self.done < self.total:
            if self.stalled:
                parts.append("stalled, retrying")
            elif self._rate:
                parts.append(figures.rate(self._rate))
            left = self.eta_s()
            if left is not None and not self.stalled:
                parts.append(f"eta {figures.span(left)}")
        return "  ".join(parts)


class Board:
    """The lines on stderr: `show` replaces them (terminal) or prints what is due (no terminal); a context manager."""

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.quiet = quiet
        self._clock = clock
        self._live: Any = None
        self._said: dict[str, tuple[float, int, str]] = {}
        self._terminal = sys.stderr.isatty() and color_allowed()

    def __enter__(self) -> Board:
        if self._terminal and not self.quiet:
            from rich.console import Console
            from rich.live import Live

            console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
            self._live = Live(
                console=console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, lines: list[tuple[str, str, int]]) -> None:
        """Show (name, text, whole percent) lines; on a terminal all of them, else those due by time or 10 %."""
        if self.quiet:
            return
        if self._live is not None:
            from rich.text import Text

            body = Text(
                "\n".join(figures.visible(f"{name}  {text}") for name, text, _ in lines),
                no_wrap=True,
                overflow="ellipsis",
            )
            self._live.update(body, refresh=True)
            return
        for name, text, part in lines:
            self._plain(name, text, part)

    def clear(self) -> None:
        """Take the lines off the terminal, so that something else can be printed above them."""
        if self._live is not None:
            self._live.update("", refresh=True)

    def _plain(self, name: str, text: str, part: int) -> None:
        now = self._clock()
        at, step, phase = self._said.get(name, (-math.inf, -1, ""))
        word = text.split("  ", 1)[0]
        if now - at < QUIET_LINE_S and part // 10 <= step and word == phase:
            return
        self._said[name] = (now, part // 10, word)
        sys.stderr.write(figures.visible(f"{name}  {text}") + "\n")
        sys.stderr.flush()
