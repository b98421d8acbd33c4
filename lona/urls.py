"""Routes of the lona app."""

from django.urls import path

from lona.api import backtests, publications, symbols

urlpatterns = [
    path("v1/datasets/lona:link", symbols.Link.as_view()),
    path("v1/datasets/<str:ref>/publish/lona", publications.Publish.as_view()),
    path("v1/lona/symbols", symbols.SymbolList.as_view()),
    path("v1/publications", publications.PublicationList.as_view()),
    path("v1/publications/<str:ref>", publications.PublicationDetail.as_view()),
    path("v1/mappings", publications.MappingList.as_view()),
    path("v1/mappings:reconcile", publications.Reconcile.as_view()),
    path("v1/strategies", backtests.StrategyList.as_view()),
    path("v1/strategies/<str:ref>", backtests.StrategyDetail.as_view()),
    path("v1/strategies/<str:ref>/backtests", backtests.StrategyBacktests.as_view()),
    path("v1/backtests:preflight", backtests.Preflight.as_view()),
    path("v1/backtests", backtests.BacktestList.as_view()),
    path("v1/backtests/<str:ref>", backtests.BacktestDetail.as_view()),
    path("v1/backtests/<str:ref>/lineage", backtests.BacktestLineage.as_view()),
]
