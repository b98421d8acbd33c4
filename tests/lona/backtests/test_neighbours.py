"""What is beside publications, symbols, strategies, backtests and reports in the lineage of a version."""

from datetime import date

import pytest

from datasets import lineage, neighbourhood
from lona.models import Backtest, BacktestInput, Publication, Strategy
from tests.kit import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def carried(owner):
    """A version that is published as one symbol and read by two backtests of one strategy."""
    version = factories.version_in(owner, "published_lona")
    publication = Publication.everyone.create(
        tenant=owner.tenant, version=version, instrument="BTC-USD", frequency="1m", start_ns=0, end_ns=1,
        state="published", symbol_name="btc", lona_symbol_id="sym-1",
    )  # fmt: skip
    strategy = Strategy.everyone.create(
        tenant=owner.tenant, user=owner.user, name="cross", lona_name="cross", lona_strategy_id="1", state="ready"
    )
    runs = [
        Backtest.everyone.create(
            tenant=owner.tenant, user=owner.user, strategy=strategy, status="completed", start_date=date(2024, 1, 1),
            end_date=date(2024, 1, 2), report_id=f"rep-{number}",
        )
        for number in range(2)
    ]  # fmt: skip
    for run in runs:
        for place in range(2):  # a run that reads two slices of a symbol is one neighbour
            BacktestInput.objects.create(
                backtest=run, version=version, publication=publication, instrument="BTC-USD", start_ns=0, end_ns=1,
                place=place,
            )  # fmt: skip
    return {"version": version, "publication": publication, "strategy": strategy, "runs": runs}


def hidden(graph):
    return {node["id"]: (node["hidden"]["up"], node["hidden"]["down"]) for node in graph["nodes"]}


def test_a_version_leads_to_the_report_step_by_step(carried):
    version, publication, runs = carried["version"], carried["publication"], carried["runs"]
    assert hidden(neighbourhood.of(version)) == {version.ref: (0, 0), publication.ref: (0, 1)}
    around = hidden(neighbourhood.of(version, publication.ref))
    assert around == {version.ref: (0, 0), publication.ref: (0, 0), "lona:sym-1": (0, 2)}
    around = hidden(neighbourhood.of(version, "lona:sym-1"))
    assert around["lona:sym-1"] == (0, 0)
    assert [around[run.ref] for run in runs] == [(1, 1), (1, 1)]  # the strategy, the report


@pytest.mark.parametrize("name", ["publication", "symbol", "run", "strategy", "report"])
def test_every_kind_can_be_the_focus_and_tells_the_way_to_it(carried, name):
    run = carried["runs"][0]
    focus = {"symbol": "lona:sym-1", "run": run.ref, "report": "report:rep-0"}.get(name) or carried[name].ref
    graph = neighbourhood.of(carried["version"], focus)
    nodes = {node["id"] for node in graph["nodes"]}
    assert graph["path"][0] == carried["version"].ref
    assert graph["path"][-1] == focus
    assert {end for edge in graph["edges"] for end in (edge["from"], edge["to"])} <= nodes
    linked = {frozenset((edge["from"], edge["to"])) for edge in graph["edges"]}
    assert {frozenset(pair) for pair in zip(graph["path"], graph["path"][1:], strict=False)} <= linked


def test_all_steps_together_are_the_whole_graph(carried):
    version = carried["version"]
    seen, edges, todo = set(), set(), [version.ref]
    while todo:
        graph = neighbourhood.of(version, todo.pop())
        edges |= {(edge["from"], edge["to"], edge["operation"]) for edge in graph["edges"]}
        todo += [key for key, more in hidden(graph).items() if any(more) and key not in seen]
        seen |= {node["id"] for node in graph["nodes"] if not any(hidden(graph)[node["id"]])} | {graph["focus"]}
    whole = lineage.of_version(version)
    assert edges == {(edge["from"], edge["to"], edge["operation"]) for edge in whole["edges"]}


def test_a_strategy_of_other_data_and_another_workspaces_symbol_are_not_of_this_lineage(owner, stranger, carried):
    other = factories.version_in(owner, "ready", name="other")
    theirs = factories.version_in(stranger, "ready")
    Publication.everyone.create(
        tenant=stranger.tenant, version=theirs, instrument="X", frequency="1m", start_ns=0, end_ns=1,
        state="published", symbol_name="btc", lona_symbol_id="sym-1",
    )  # fmt: skip
    for focus in (carried["strategy"].ref, carried["runs"][0].ref, "lona:sym-1", "report:rep-0"):
        with pytest.raises(neighbourhood.NotInLineage):
            neighbourhood.of(other, focus)
    graph = neighbourhood.of(theirs, "lona:sym-1")
    assert hidden(graph) == {theirs.ref: (0, 0), graph["path"][1]: (0, 0), "lona:sym-1": (0, 0)}
