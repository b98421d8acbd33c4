"""The timeline above the job list: a lane a kind, a bar a job, the queue right of the now line. Values in, shapes out.

Positions are percents of the lane's width, so that the drawing needs no script and no style. Jobs that would be drawn
on the same spot become one bar that says how many they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tradenexus import ids
from tradenexus.jobs import registry
from tradenexus.jobs.models import Job, State

NOW_AT = 94.0  # percent; what waits stands right of it
SPOT = 0.8  # percent; nothing is drawn narrower
WORST_FIRST = (State.FAILED, State.STALLED, State.RUNNING, State.CANCELLED, State.QUEUED, State.SUCCEEDED)
COLUMNS = ("id", "kind", "state", "created_at", "started_at", "finished_at")
Cells = tuple[object, str, str, datetime, datetime | None, datetime | None]


@dataclass(slots=True)
class Bar:
    """One or more jobs: from `x`, `width` percent wide; `state` is the worst of them."""

    x: float
    width: float
    state: str
    ref: str
    jobs: int = 1

    @property
    def words(self) -> str:
        """What a pointer resting on it is told."""
        return self.state if self.jobs == 1 else f"{self.jobs} jobs, at least one {self.state}"


@dataclass(slots=True)
class Lane:
    """The jobs of one kind."""

    kind: str
    label: str
    bars: list[Bar] = field(default_factory=list)
    jobs: int = 0
    bad: int = 0

    @property
    def words(self) -> str:
        """The lane in one sentence, for those who do not see it."""
        return f"{self.label}: {self.jobs} {'job' if self.jobs == 1 else 'jobs'}, {self.bad} not well ended"


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of it; `cut` tells that older jobs of the span are not drawn."""

    lanes: list[Lane]
    ticks: list[Tick]
    now_at: float
    hours: float
    cut: bool


def draw(rows: Iterable[Cells], start: datetime, now: datetime, cut: bool = False) -> Timeline:
    """Place jobs (COLUMNS of each) on lanes between `start` and `now`."""
    span = max((now - start).total_seconds(), 1.0)
    lanes: dict[str, Lane] = {}
    spots: dict[tuple[str, int], Bar] = {}
    for key, kind, state, created, began, ended in rows:
        lane = lanes.setdefault(kind, Lane(kind, registry.label(kind)))
        lane.jobs += 1
        lane.bad += state in (State.FAILED, State.STALLED)
        if state == State.QUEUED:
            x, width = NOW_AT + 1, SPOT * 2
        else:
            x = _at(began or created, start, span)
            width = max(_at(ended or now, start, span) - x, SPOT)
            x = min(x, NOW_AT - width)  # what has ended does not reach beyond now
        _put(lane, spots, round(x, 2), round(width, 2), state, key)
    ordered = sorted(lanes.values(), key=lambda lane: lane.label.casefold())
    return Timeline(ordered, _ticks(start, now, span), NOW_AT, span / 3600, cut)


def _put(lane: Lane, spots: dict[tuple[str, int], Bar], x: float, width: float, state: str, key: object) -> None:
    spot = (lane.kind, round(x / SPOT))
    there = spots.get(spot)
    if there is None or width > 4 * SPOT:
        bar = spots[spot] = Bar(x, width, state, ids.encode(Job.prefix, key))  # type: ignore[arg-type]
        lane.bars.append(bar)
        return
    there.jobs += 1
    there.width = max(there.width, width)
    if state != there.state:
        there.state = min(there.state, state, key=WORST_FIRST.index)


def _at(moment: datetime, start: datetime, span: float) -> float:
    return min(max((moment - start).total_seconds() / span, 0.0), 1.0) * NOW_AT


def _ticks(start: datetime, now: datetime, span: float) -> list[Tick]:
    step = next((s for s in (300, 900, 3_600, 14_400, 86_400, 604_800) if span / s <= 8), 2_592_000)
    first = datetime.fromtimestamp((int(start.timestamp()) // step + 1) * step, now.tzinfo)
    form = "%H:%M" if step < 86_400 else "%b %d"
    ticks = []
    while first < now - timedelta(seconds=span * 0.05):
        ticks.append(Tick(round(_at(first, start, span), 2), first.strftime(form)))
        first += timedelta(seconds=step)
    return ticks
