"""What is one step above or below a version, publication, symbol, strategy, backtest or report.

A symbol leads to the backtests that read a publication of it; a backtest that named a symbol of the provider's own has
it above, but is not found from below: those ids stand inside its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from datasets import lineage
from datasets.models import DatasetVersion
from datasets.neighbourhood import Found, Way, cut, decoded
from lona.backtests.lineage import drawn
from lona.models import Backtest, BacktestInput, Publication, Strategy
from tradenexus import ids

SYMBOL, REPORT = "lona:", "report:"
_CURVES = ("equity", "drawdown", "trades")
_DIRECT = Q(publication__isnull=True) | Q(publication__lona_symbol_id="")


def beside(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
    """Return the neighbours of the ids (datasets.neighbourhood.Neighbours)."""
    step = _Step(tenant_id, refs, fan, near)
    {"up": step.up, "down": step.down, "self": step.own}[way]()
    return step.found


class _Step:
    def __init__(self, tenant_id: UUID, refs: Sequence[str], fan: int, near: UUID | None):
        self.tenant_id, self.found, self.fan, self.near = tenant_id, Found(), fan, near
        self.symbols, self.reports = _named(SYMBOL, refs), _named(REPORT, refs)
        self.of = {model: decoded(model.prefix, refs) for model in (DatasetVersion, Publication, Backtest, Strategy)}
        self.publications = Publication.of(tenant_id).select_related("version__dataset").order_by("-created_at", "-id")
        self.backtests = (
            Backtest.of(tenant_id).select_related("strategy").defer(*_CURVES).order_by("-created_at", "-id")
        )
        related = ("version__dataset", "publication__version", "backtest__strategy")
        mine = BacktestInput.objects.order_by("-backtest_id", "place").select_related(*related)
        self.inputs = mine.defer(*(f"backtest__{name}" for name in _CURVES))

    def own(self) -> None:
        """The nodes of the ids themselves."""
        rows = [*self._rows(self.publications, Publication), *self._symbols()]
        runs = [*self._rows(self.backtests, Backtest), *self._reports()]
        nodes, _ = drawn(rows, [], runs)
        self._take(nodes, [])
        missing = [key for key in self.of[Strategy] if ids.encode(Strategy.prefix, key) not in self.found.nodes]
        for key in missing:
            run = self.backtests.filter(strategy_id=key).first()
            self._take(drawn([], [], [run])[0] if run else [], [])

    def down(self) -> None:
        """What was made of the ids."""
        self._publications_of_versions()
        self._runs(self.inputs.filter(_DIRECT), "version_id", DatasetVersion.prefix, self.of[DatasetVersion])
        read = self.inputs.filter(publication__tenant_id=self.tenant_id)  # a symbol may be another workspace's too
        self._runs(read, "publication__lona_symbol_id", SYMBOL, self.symbols)
        self._pairs(drawn(self._rows(self.publications, Publication), [], []), "from", Publication.prefix)
        self._pairs(drawn([], [], self._rows(self.backtests, Backtest)), "from", Backtest.prefix)
        rows = self.backtests
        if self.near:
            rows = rows.filter(
                id__in=self.inputs.filter(version__dataset_id=self.near).order_by().values("backtest_id")
            )
        found, totals = cut(rows, "strategy_id", self.of[Strategy], self.fan)
        self._count(Strategy.prefix, totals)
        self._ends(drawn([], [], found), "from", {ids.encode(Strategy.prefix, key) for key in self.of[Strategy]})

    def up(self) -> None:
        """What the ids were made of."""
        for row in self._rows(self.publications, Publication):
            self.found.totals[row.ref] += 1
            edge = {"from": row.version.ref, "to": row.ref, "operation": "publish"}
            self._take([lineage.describe(row.version)], [edge])
        rows = self.publications.filter(version__dataset_id=self.near) if self.near else self.publications
        found, totals = cut(rows, "lona_symbol_id", self.symbols, self.fan)
        self._count(SYMBOL, totals)
        self._ends(drawn(found, [], []), "to", {f"{SYMBOL}{symbol}" for symbol in self.symbols})
        self._above_backtests()
        if self.fan:
            self._pairs(drawn([], [], self._reports()), "to", REPORT)
        else:  # one each: its backtest
            self.found.totals.update(f"{REPORT}{name}" for name in self.reports)

    def _above_backtests(self) -> None:
        runs = self._rows(self.backtests, Backtest)
        inputs = list(self.inputs.filter(backtest_id__in=self.of[Backtest])) if runs else []
        nodes, edges = drawn([part.publication for part in inputs if part.publication], inputs, runs)
        nodes += [lineage.describe(part.version) for part in inputs]
        self._pairs((nodes, edges), "to", Backtest.prefix)

    def _publications_of_versions(self) -> None:
        # Not asked by workspace too: SQLite would then read all its publications instead of those of the versions.
        rows = Publication.everyone.select_related("version").order_by("-created_at", "-id")
        found, totals = cut(rows, "version_id", self.of[DatasetVersion], self.fan)
        self._count(DatasetVersion.prefix, totals)
        self._ends(
            drawn(found, [], []), "from", {ids.encode(DatasetVersion.prefix, key) for key in self.of[DatasetVersion]}
        )

    def _runs(self, rows: QuerySet[BacktestInput], column: str, prefix: str, keys: list[Any]) -> None:
        found, totals = cut(rows, column, keys, self.fan, count="backtest")
        self._count(prefix, totals)
        runs = {part.backtest_id: part.backtest for part in found}
        asked = {self._ref(prefix, key) for key in keys}
        self._ends(drawn([], found, runs.values()), "from", asked)

    def _pairs(self, told: tuple[list[Any], list[Any]], end: str, prefix: str) -> None:
        """Take the neighbours at one end of rows that were read whole, counted by their edges."""
        asked = {edge[end] for edge in told[1] if edge[end].startswith(prefix)}
        other = "to" if end == "from" else "from"
        pairs = {(edge[end], edge[other]) for edge in told[1] if edge[end] in asked}
        self.found.totals.update(key for key, _ in pairs)
        self._ends(told, end, asked)

    def _ends(self, told: tuple[list[Any], list[Any]], end: str, asked: set[str]) -> None:
        """Take of a drawing only the edges at the ids that were asked about, and what is at their other end."""
        other = "to" if end == "from" else "from"
        edges = [edge for edge in told[1] if edge[end] in asked]
        beyond = {edge[other] for edge in edges}
        self._take([node for node in told[0] if node["id"] in beyond], edges)

    def _take(self, nodes: Iterable[Any], edges: Iterable[Any]) -> None:
        if self.fan:
            self.found.add(Found({node["id"]: node for node in nodes}, list(edges)))

    def _count(self, prefix: str, totals: dict[Any, int]) -> None:
        self.found.totals.update({self._ref(prefix, key): total for key, total in totals.items()})

    def _ref(self, prefix: str, key: Any) -> str:
        return ids.encode(prefix, key) if isinstance(key, UUID) else f"{prefix}{key}"

    def _rows(self, rows: QuerySet[Any], model: type[Any]) -> list[Any]:
        return list(rows.filter(id__in=self.of[model])) if self.of[model] else []

    def _symbols(self) -> list[Publication]:
        return [row for name in self.symbols if (row := self.publications.filter(lona_symbol_id=name).first())]

    def _reports(self) -> list[Backtest]:
        return list(self.backtests.filter(report_id__in=self.reports)) if self.reports else []


def _named(prefix: str, refs: Sequence[str]) -> list[str]:
    return [ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix) and ref != prefix]
