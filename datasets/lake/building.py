"""What a child does for a commit: judge offered rows, join the good ones with the lake's, write segments.

One work is one instrument of one table. Params and answers are plain JSON; paths in them lie in the child's folder.
Rows of refused sessions are written apart. Nothing here knows the catalog: the caller swaps it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.engine import canonical
from datasets.lake import contamination, judging, marking, merging, rules, segments, verdicts
from datasets.lake.offers import SegmentDamaged
from datasets.market import intervals, partitions, tables
from tradenexus.errors import Conflict

_THREADS = 2
# Calls into Arrow take less than a millisecond: by the interpreter's 5 ms each would wait longer than that to go on.
_SWITCH_S = 0.0005


class RowsDiffer(Conflict):
    """The lake holds other values under the same keys, and the policy is to refuse. `details` shows the first ones.

    Commit with the policy `newer` to restate them: the revision before stays readable.
    """

    code = "LAKE_ROWS_DIFFER"


def build(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Do all works -> {works: [{segments, partitions, quarantine, changes, ...}], marks} in the order they came in.

    params: works, rules, out_dir. `marks` is a file with what is remembered of the sessions (`marking`). Refuses
    RowsRefused and RowsDiffer, naming the instrument.
    """
    limits, folder = rules.of(params["rules"]), Path(params["out_dir"])
    sys.setswitchinterval(_SWITCH_S)
    # Decoding and encoding, most of the work, leave the interpreter to another thread.
    with ThreadPoolExecutor(_THREADS) as pool:
        works = list(pool.map(lambda each: _Work(each[0], each[1], limits, folder), enumerate(params["works"])))
        bars = [work for work in works if work.table.family == tables.BARS]
        contamination.check([each for work in bars for each in (work.side(), *work.beside())])
        answers, remembered = [], []
        for number, (work, answer) in enumerate(zip(works, pool.map(_Work.finish, works), strict=True)):
            answers.append(answer)
            remembered += work.remembered
            emit({"phase": "build", "done": number + 1, "total": len(works), "unit": "instruments"})
    return {"works": answers, "marks": {"path": marking.write(folder / "marks.parquet", remembered)}}


class _Work:
    def __init__(self, number: int, given: dict[str, Any], limits: rules.Rules, folder: Path):
        self.number, self.given, self.limits, self.folder = number, given, limits, folder
        self.table = tables.find(given["table"])
        self.calendar = given["calendar"]
        self.new = self._offered()
        self.days = self._days(self.new)
        spans = self._spans()
        self.context = [each for each in given["members"] if each["spanStartNs"] not in spans][-1:]
        self.joined = [each for each in given["members"] if each["spanStartNs"] in spans]
        self.whole, self.offered, self.offered_days = self.new, self.new, self.days
        self.fills = given["policy"] == merging.FILL
        self.compared = judging.sessions(self.days)
        if self.fills:
            self._fill(self._standing(self.joined))
        self.found = judging.sessions(self.days) if self.fills else self.compared
        judging.check_values(self.table, self.new, self.found, signed=given["signed"])
        self._followed: judging.Before | None = None
        self.suspected: list[dict[str, Any]] = []
        self.remembered: list[dict[str, Any]] = []

    def _days(self, rows: pa.Table) -> np.ndarray:
        return partitions.session_days(self.table, self.calendar, _ns(rows))

    def _spans(self) -> set[int]:
        """Return the spans that the offered rows fall into; of a fill also those between them, which judge it."""
        spans = set(partitions.span_start(self.table.span, _ns(self.new)).tolist())
        if self.given["policy"] == merging.FILL and spans:
            standing = (each["spanStartNs"] for each in self.given["members"])
            spans |= {span for span in standing if min(spans) <= span <= max(spans)}
        return spans

    def _fill(self, old: pa.Table) -> None:
        """Keep of the offer what the lake lacks, and judge it among the rows that stand around it.

        A session is judged whole, also when one bar of it was missing, and by the session that stands before it.
        """
        old_days = self._days(old)
        fresh = merging.absent(self.table, old, self.new, old_days, self.days)
        self.offered, self.offered_days = self.new.filter(pa.array(fresh)), self.days[fresh]
        self.new, self.days = self.offered, self.offered_days
        if not len(self.days):
            return
        around = (old_days >= self.days[0]) & (old_days <= self.days[-1])
        parts = [merging.only(old, around), self.offered]
        self.new = merging.ordered(self.table, pa.concat_tables(parts)).combine_chunks()
        self.days = self._days(self.new)

    # --- reading

    def _offered(self) -> pa.Table:
        start, end = self.given["startNs"], self.given["endNs"]
        within = segments.between(start, end) if self.given["cut"] else None
        read = [pq.read_table(path, filters=within) for path in self.given["offered"]]
        if not read:
            return segments.lax(self.table).empty_table()
        rows = pa.concat_tables([segments.shaped(self.table, each) for each in read])
        ns = _ns(rows)
        if len(ns) and not (start <= ns.min() and ns.max() < end):
            words = f"{self.given['instrument']}: rows lie outside the range that was offered"
            raise segments.RowsRefused(words, {"instrument": self.given["instrument"], "firstNs": int(ns.min())})
        at = merging.unsorted(self.table, rows)
        if at is not None:
            words = f"{self.given['instrument']}: row {at} does not come after the one before it"
            raise segments.RowsRefused(words, {"instrument": self.given["instrument"], "row": at})
        return rows.combine_chunks()

    def beside(self) -> list[contamination.Side]:
        """Return rows of other instruments, cut to the offered range: what is noted of them is of no interest."""
        within = segments.between(self.given["startNs"], self.given["endNs"])
        found = []
        for path in self.given["beside"]:
            rows = segments.shaped(self.table, pq.read_table(path, filters=within)).combine_chunks()
            sessions = judging.sessions(self._days(rows))
            found.append(contamination.Side("another refused instrument", self.table, rows, sessions))
        return found

    def _standing(self, members: list[dict[str, Any]]) -> pa.Table:
        for each in members:
            self._verify(each)
        read = [segments.shaped(self.table, pq.read_table(each["path"])) for each in members]
        return pa.concat_tables(read).combine_chunks() if read else segments.lax(self.table).empty_table()

    def _verify(self, member: dict[str, Any]) -> None:
        # What is joined is written anew under a digest of its own: a flipped bit would become a fact.
        with open(member["path"], "rb", buffering=0) as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != member["sha256"]:
                words = f"{self.given['instrument']}: a stored segment is not what was written"
                raise SegmentDamaged(words, {"instrument": self.given["instrument"], "sha256": member["sha256"]})

    def _before(self, old: pa.Table | None = None) -> judging.Before:
        """Return what the walk begins after: the sessions that stand in the lake before the first offered one.

        `old` are the rows that are joined, where they have been read.
        """
        if self._followed is None:
            # None of their rows is kept: one session of hundreds of instruments is little, months of them are not.
            self._followed = judging.Before()
            if len(self.days):
                earlier = self._earlier(int(self.days[0]), old)
                known = judging.sessions(self._days(earlier))[-judging.HISTORY :]
                judging.follow(self.table, earlier, known, self._followed)
        return self._followed

    def _earlier(self, day: int, old: pa.Table | None) -> pa.Table:
        """Return times, prices and volumes of sessions before `day`: row groups from the end on, HISTORY whole ones."""
        wanted = judging.followed(self.table)
        parts, seen = [segments.lax(self.table).empty_table().select(wanted)], set[int]()

        def take(rows: pa.Table) -> bool:
            days = self._days(rows)
            parts.insert(1, merging.only(rows.select(wanted), days < day).cast(parts[0].schema))
            seen.update(judging.distinct(days[days < day]))
            return len(seen) > judging.HISTORY + 1  # the first may be cut by a group's edge

        members = [*self.context, *self.joined] if old is None else self.context
        if old is not None and take(old):
            return pa.concat_tables(parts)
        for member in reversed(members):
            self._verify(member)
            with pq.ParquetFile(member["path"]) as file:
                for some in _from_the_end(file, lambda: judging.HISTORY + 2 - len(seen)):
                    if take(file.read_row_groups(some, columns=wanted)):
                        return pa.concat_tables(parts)
        return pa.concat_tables(parts)

    # --- judging and joining

    def side(self) -> contamination.Side:
        """Return the offered bars as they are compared with another instrument's."""
        name = self.given["instrument"]
        return contamination.Side(name, self.table, self.new, self.found, self._around, lambda: self._before().close)

    def _around(self) -> list[pa.Table]:
        """Read what stands around the offered rows: only when they share some with another instrument."""
        return [self._standing(self.context), self._standing(self.joined)]

    def check_twins(self) -> None:
        """Compare with those instruments of the lake in which the caller found the same marks."""
        for twin in self.given.get("twins", ()):
            rows = self._readable(twin["members"])
            days = partitions.session_days(self.table, twin["calendar"], _ns(rows))
            theirs = contamination.Side(twin["instrument"], self.table, rows, judging.sessions(days))
            for each in contamination.against(self.side(), theirs):
                if each.theirs_foreign:
                    note = f"{each.bars} bar(s) came under the name {self.given['instrument']} too"
                    self.suspected.append({"entry": twin["entry"], "day": each.theirs.day, "note": note})

    def _readable(self, members: list[dict[str, Any]]) -> pa.Table:
        """Return another instrument's rows; what is damaged there is no evidence, and stops no commit of this one."""
        read = [segments.lax(self.table).empty_table()]
        for each in members:
            with suppress(SegmentDamaged, OSError, pa.ArrowInvalid):
                read.append(self._standing([each]))
        return pa.concat_tables(read).combine_chunks()

    def finish(self) -> dict[str, Any]:
        """Judge, join and write -> the answer of this work."""
        self.check_twins()
        old = self._standing(self.joined)
        self._compare(old)
        before = self._before(old)
        before.standing = self._last_closes(old)
        judging.judge(self.table, self.new, self.found, self.limits, before, self._splits())
        # Of a fill, sessions that nothing is added to were only looked at: their verdicts stand.
        added = set(self.offered_days.tolist())
        self.found = [each for each in self.found if not self.fills or each.day in added]
        self._let_in()
        refused = {each.day for each in self.found if verdicts.is_red(each)}
        good = ~np.isin(self.offered_days, list(refused))
        joined, changes = self._join(old, merging.only(self.offered, good), self.offered_days[good])
        segments = self._segments(joined)
        days = self._days(joined)
        touched = verdicts.Touched(self.table, self.calendar, self.given, self.found, joined, days)
        if self.table.family == tables.BARS:
            self.remembered = self._remembered(refused, joined, touched.stands, old)
        return {
            "instrument": self.given["instrument"],
            "segments": segments,
            "partitions": self._owned(touched.partitions()),
            "suspected": self.suspected,
            "quarantine": self._quarantine(refused),
            "changes": asdict(changes),
            "nextDueNs": self._next_due(joined),
        }

    def _compare(self, old: pa.Table) -> None:
        """Hold all that was offered against the lake; what a fill leaves out tells of what it adds."""
        offered = self.whole if self.fills else self.new
        verdicts.mixed_adjustment(self.table, old, offered, self.compared)
        verdicts.vendors_differ(self.given, self.limits, self.table, old, offered, self.compared)
        if self.fills:
            told = {each.day: each for each in self.compared}
            for session in self.found:
                for code in told[session.day].codes if session.day in told else ():
                    session.add(code, "; ".join(told[session.day].notes))
            verdicts.uncompared(self.given, self.table, old, offered, self.found)

    def _owned(self, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A session that a fill added to stays its vendor's: that one may restate it, who filled it may not."""
        held: dict[str, str] = self.given["vendors"] if self.fills else {}
        return [{**each, "vendor": held[str(each["day"])]} if str(each["day"]) in held else each for each in made]

    def _remembered(
        self, refused: set[int], joined: pa.Table, stands: dict[int, judging.Session], old: pa.Table
    ) -> list[dict[str, Any]]:
        """Return the marks of offered sessions: of what enters as it stands then, of what is refused as it came."""
        entering = [stands[each.day] for each in self.found if each.day in stands and each.day not in refused]
        entered = marking.of_sessions(self.number, self.table, joined, entering, old)
        out = [each for each in self.found if each.day in refused]
        held = marking.of_sessions(self.number, self.table, self.new, out, old)
        return [*entered, *({**each, "stands": False} for each in held)]

    def _last_closes(self, old: pa.Table) -> dict[int, float]:
        """Return the last price of each session that stands among the offered ones, by day."""
        price = "close" if self.table.family == tables.BARS else "price"
        if price not in self.table.names:
            return {}
        prices = old.column(price).to_numpy()
        return {each.day: float(prices[each.stop - 1]) for each in judging.sessions(self._days(old))}

    def _splits(self) -> dict[int, float]:
        """Return the splits that the lake knows of this instrument, by day."""
        known: dict[int, float] = {}
        for path in self.given["actions"]:
            rows = pq.read_table(path)
            for ns, action, value in zip(_ns(rows), rows["action"].to_pylist(), rows["value"].to_pylist(), strict=True):
                if action == "split":
                    known[int(ns) // intervals.DAY] = value
        return known

    def _next_due(self, joined: pa.Table) -> int | None:
        last = max(
            [*_ns(joined)[-1:].tolist(), *([self.given["lastNs"]] if self.given["lastNs"] else [])], default=None
        )
        return None if last is None else partitions.next_due(self.table, self.calendar, last)

    def _let_in(self) -> None:
        """A reviewer's word: sessions that were looked at and are to enter whatever their verdict."""
        for each in self.found:
            if each.day in self.given["accepted"] and verdicts.is_red(each):
                each.notes.append(f"{', '.join(each.codes)} accepted by a reviewer")
                each.codes = [code for code in each.codes if rules.STATUS[code] != rules.RED] or ["RET_OUTLIER"]

    def _join(self, old: pa.Table, new: pa.Table, new_days: np.ndarray) -> tuple[pa.Table, merging.Changes]:
        policy = self.given["policy"]
        ranks: dict[str, Any] = self.given["ranks"]
        held: dict[str, str] = self.given["vendors"]
        own = ranks.get(self.given["vendor"], len(ranks))

        def wins(day: int) -> bool:
            preferred = own <= ranks.get(held.get(str(day), ""), len(ranks))
            return policy == merging.NEWER or (policy != merging.FILL and preferred)

        by_day = {day: wins(day) for day in judging.distinct(new_days)}
        if self.table.unit == tables.SESSION:
            old_days = partitions.session_days(self.table, self.calendar, _ns(old))
            joined, changes = merging.by_session(old, new, old_days, new_days, by_day)
        else:
            taken = np.array([by_day[int(day)] for day in new_days], dtype=bool)
            joined, changes = merging.by_key(self.table, old, new, taken)
        if policy == merging.REFUSE and changes.replaced:
            words = f"{self.given['instrument']}: {changes.replaced} row(s) of the lake have other values"
            details = {"instrument": self.given["instrument"], "rows": changes.replaced, "samples": changes.samples}
            raise RowsDiffer(words, details)
        return joined.combine_chunks(), changes

    # --- writing

    def _segments(self, joined: pa.Table) -> list[dict[str, Any]]:
        standing = {each["spanStartNs"]: each["sha256"] for each in self.given["members"]}
        ns = _ns(joined)
        spans = partitions.span_start(self.table.span, ns)
        made = []
        for span in judging.distinct(spans):
            start, end = np.searchsorted(spans, [span, span + 1]).tolist()
            path = self.folder / f"{self.number:05d}-{span}.parquet"
            written = segments.write(path, self.table, self.given["instrument"], joined.slice(start, end - start))
            if standing.get(span) == written.sha256:
                path.unlink()
                continue
            with path.open("rb") as handle:
                _, footer = canonical.footer_of(handle)
            made.append({"spanStartNs": span, "footer": footer, **segments.facts(written)})
        return made

    def _quarantine(self, refused: set[int]) -> list[dict[str, Any]]:
        kept = []
        for each in self.found:
            if each.day not in refused:
                continue
            path = self.folder / f"{self.number:05d}-held-{each.day}.parquet"
            rows = self.new.slice(each.start, each.stop - each.start)
            written = segments.write(path, self.table, self.given["instrument"], rows, refused=True)
            codes = rules.gravest(each.codes)
            kept.append({"day": each.day, "code": codes[0], "notes": "; ".join(each.notes), **segments.facts(written)})
        return kept


def _from_the_end(file: pq.ParquetFile, wanted: Callable[[], int]) -> Iterator[list[int]]:
    """Yield numbers of row groups, the last ones first: at each step as many as span the days wanted then."""
    at = file.schema_arrow.names.index("ts_event")
    some: list[int] = []
    for number in reversed(range(file.num_row_groups)):
        some.insert(0, number)
        first, last = (file.metadata.row_group(each).column(at).statistics for each in (some[0], some[-1]))
        if last.max_raw - first.min_raw >= wanted() * intervals.DAY:
            yield some
            some = []
    if some:
        yield some


def _ns(rows: pa.Table) -> np.ndarray:
    return rows.column("ts_event").cast(pa.int64()).to_numpy()
