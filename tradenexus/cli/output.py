"""What goes to stdout (data, and only data) and to stderr (footers, notes, progress, errors).

On a terminal: tables that drop their least important columns until they fit. Elsewhere: tab-separated values, nothing
cut, no colour. `--json[=fields]` and `--jsonl`: the API's own objects, decimals as strings; `--jq` prints what an
expression makes of them. Control characters in data never reach a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradenexus.cli import figures
from tradenexus.cli.failures import Failure, Usage

if TYPE_CHECKING:
    from tradenexus.cli.filtering import Filter

GLYPHS = {
    "ok": "✓", "info": "◌", "mute": "○", "warn": "▲", "bad": "✗", "special": "!",
}  # fmt: skip
STYLES = {"ok": "green", "info": "cyan", "mute": "dim", "warn": "yellow", "bad": "red", "special": "magenta"}
_STATES = {
    "ok": "ready published_lona published available succeeded completed GREEN ok passed fresh released",
    "info": "uploading validating transforming publishing_lona publishing running",
    "mute": "uploaded validated queued archived retired cancelled not_checked",
    "warn": "AMBER warn unknown late",
    "bad": "validation_failed transform_failed publish_failed failed RED fail missing drift orphan",
    "special": "stalled quarantined held",
}
TONE = {word: tone for tone, words in _STATES.items() for word in words.split()}


@dataclass(frozen=True)
class Column:
    """A column: its title, the dotted path of its value in the item, and how late it is dropped (0 = never).

    `digits` after the point are shown to a person; TSV and JSON have all of them.
    """

    title: str
    path: str
    drop: int = 0
    right: bool = False
    state: bool = False
    digits: int | None = None


def pick(item: Any, path: str) -> Any:
    """Return the value at a dotted path (`timeRange.start`, `symbols.0`) or None; `a|b` takes the first there is."""
    for choice in path.split("|"):
        found: Any = item
        for step in choice.split("."):
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = None
        if found is not None:
            return found
    return None


class Output:
    """The two streams of one run; `mode` is table, tsv, json or jsonl."""

    def __init__(self, mode: str, *, fields: Sequence[str] = (), filter_: Filter | None = None, quiet: bool = False,
                 wide: bool = False, color: bool = True, local: bool = False) -> None:  # fmt: skip
        terminal = sys.stdout.isatty()
        self.mode = ("table" if terminal else "tsv") if mode == "auto" else mode
        self.fields = tuple(fields)
        self.filter = filter_
        self.streaming = False
        self.quiet = quiet
        self.wide = wide
        self.local = local
        self.color = color and terminal and color_allowed()

    @property
    def structured(self) -> bool:
        """Whether stdout carries JSON."""
        return self.mode in ("json", "jsonl")

    def stream(self) -> None:
        """Print lists object by object from here on, as they come: an array would never end."""
        self.streaming = True

    def rows(self, items: Iterable[Any], columns: Sequence[Column], footer: str = "", *, titles: bool = True) -> None:
        """Print a list: `footer` goes to stderr (`38 datasets - Web: ...`)."""
        items = list(items)
        if self.structured:
            self.array(items)
        elif self.mode == "tsv":
            for item in items:
                self.line("\t".join(self._text(pick(item, column.path), human=False) for column in columns))
        elif items:
            self._table(items, columns, titles)
        if footer:
            self.note(footer)

    def facts(self, item: Any, columns: Sequence[Column], footer: str = "") -> None:
        """Print one object: a line a fact; with --json the object itself."""
        if self.structured:
            self.document(item)
        else:
            width = max((len(column.title) for column in columns), default=0)
            for column in columns:
                value = pick(item, column.path)
                if self.mode == "tsv":
                    self.line(f"{column.title}\t{self._text(value, human=False)}")
                elif value is not None:
                    self._styled(f"{column.title:<{width}}  ", self._seen(item, column), column.state)
        if footer:
            self.note(footer)

    def document(self, item: Any) -> None:
        """Print one JSON object, whole or only the fields asked for."""
        self._json(self._chosen(item))

    def array(self, items: list[Any]) -> None:
        """Print a list of JSON objects: one array, or with --jsonl one object a line."""
        chosen = [self._chosen(item) for item in items]
        if self.mode == "jsonl" or self.streaming:
            for item in chosen:
                self._json(item)
        else:
            self._json(chosen)

    def told(self, item: dict[str, Any], note: str) -> None:
        """Say what was done: a note, or with --json an object."""
        if self.structured:
            self.document(item)
        else:
            self.note(note)

    def value(self, item: dict[str, Any], text: str) -> None:
        """Print one text, or with --json the object that holds it."""
        if self.structured:
            self.document(item)
        else:
            self.line(text)

    def raw(self, what: str) -> None:
        """Refuse --jq before something is printed that is no JSON."""
        if self.filter:
            raise Usage(f"--jq works on JSON, and {what} is none", hint="the same command without --jq")

    def _json(self, value: Any) -> None:
        if self.filter is None:
            whole = self.mode == "json" and not self.streaming and sys.stdout.isatty()
            self.line(dumps(value, indent=2 if whole else None))
            return
        for result in self.filter.results(value):
            self.line(self._shown(result) if isinstance(result, str) else dumps(result))

    def _shown(self, text: str) -> str:
        return "\n".join(map(figures.visible, text.split("\n"))) if sys.stdout.isatty() else text

    def _chosen(self, item: Any) -> Any:
        if not self.fields or not isinstance(item, dict):
            return item
        unknown = [name for name in self.fields if name.split(".")[0] not in item]
        if unknown:
            raise Usage(
                f"no field {', '.join(unknown)} here",
                why=f"fields: {', '.join(item)}",
                hint="--json without fields shows all",
            )
        return {name: pick(item, name) for name in self.fields}

    def _text(self, value: Any, *, human: bool) -> str:
        return figures.cell(value, human=human, local=self.local)

    def _seen(self, item: Any, column: Column) -> str:
        value = pick(item, column.path)
        if column.digits is not None and isinstance(value, Decimal) and value.is_finite():
            whole = value == value.to_integral_value()
            value = round(value, 0 if whole else column.digits)
        return self._text(value, human=True)

    def _table(self, items: list[Any], columns: Sequence[Column], titles: bool) -> None:
        from rich.table import Table
        from rich.text import Text

        cells = {column.title: [self._cell(item, column) for item in items] for column in columns}
        shown = columns if self.wide else self._fitting(columns, cells)
        table = Table(
            box=None,
            show_header=titles,
            pad_edge=False,
            padding=(0, 2, 0, 0),
            header_style="bold" if self.color else "",
        )
        for column in shown:
            # A state is read first: other columns give way to it.
            least = max(len(column.title), *map(len, cells[column.title]), 0) if column.state else None
            justify: Any = "right" if column.right else "left"
            table.add_column(Text(column.title), justify=justify, no_wrap=True, overflow="ellipsis", min_width=least)
        for number in range(len(items)):
            table.add_row(*(self._rich(cells[column.title][number], column) for column in shown))
        self._console().print(table)

    def _cell(self, item: Any, column: Column) -> str:
        text = self._seen(item, column)
        tone = TONE.get(text) if column.state else None
        return f"{GLYPHS[tone]} {text}" if tone else text

    def _rich(self, text: str, column: Column) -> Any:
        from rich.text import Text

        tone = TONE.get(text[2:]) if column.state else None
        return Text(text, style=STYLES[tone] if tone and self.color else "")

    def _fitting(self, columns: Sequence[Column], cells: dict[str, list[str]]) -> list[Column]:
        width = {c.title: max(len(c.title), *(len(text) for text in cells[c.title])) + 2 for c in columns}
        shown = list(columns)
        while sum(width[c.title] for c in shown) > terminal_width() and any(c.drop for c in shown):
            shown.remove(max((c for c in shown if c.drop), key=lambda c: c.drop))
        return shown

    def _styled(self, head: str, text: str, state: bool) -> None:
        from rich.text import Text

        tone = TONE.get(text) if state else None
        label = f"{GLYPHS[tone]} {text}" if tone else text
        line = Text(head, style="dim" if self.color else "")
        line.append(label, style=STYLES[tone] if tone and self.color else "not dim" if self.color else "")
        self._console().print(line, soft_wrap=True)

    def _console(self) -> Any:
        from rich.console import Console

        width = 10_000 if self.wide else terminal_width()
        return Console(
            file=sys.stdout,
            no_color=not self.color,
            highlight=False,
            markup=False,
            emoji=False,
            width=width,
            color_system="auto" if self.color else None,
        )

    def line(self, text: str) -> None:
        """Write one line of data to stdout."""
        sys.stdout.write(text + "\n")
        if self.streaming:
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write one line for the person to stderr; -q leaves it out."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Write one line to stderr that -q does not silence."""
        sys.stdout.flush()
        sys.stderr.write(figures.visible(text) + "\n")
        sys.stderr.flush()


def report(failure: Failure, *, as_json: bool) -> None:
    """Print a failure to stderr: three lines (what, why, next), or the API's error envelope."""
    sys.stdout.flush()
    if as_json:
        sys.stderr.write(dumps(failure.envelope()) + "\n")
        return
    why, hint = failure.why or failure.code, failure.hint or f"{failure.command or 'nexus'} --help"
    lines = [f"error: {failure.message}", f"why:   {why}", f"next:  {hint}"]
    sys.stderr.write("\n".join(figures.visible(line) for line in lines) + "\n")


def dumps(value: Any, indent: int | None = None) -> str:
    """Write JSON with decimals as strings and non-ASCII text as it is."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_decimal)


def _decimal(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def color_allowed() -> bool:
    """Whether the environment allows colour: NO_COLOR, TERM=dumb and CI say no."""
    return not (os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or os.environ.get("CI"))


def terminal_width() -> int:
    """Return the terminal's width in columns (80 when unknown)."""
    import shutil

    return shutil.get_terminal_size((80, 24)).columns
