"""Routes of the lona app."""

from django.urls import path, re_path

from lona.api import backtests, publications, symbols
from lona.pages import backtests as backtest_pages
from lona.pages import mapping, new, provider, result
from lona.pages import publications as publish_pages

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
    path("publishes/", publish_pages.PublicationListPage.as_view(), name="publishes"),
    path("publishes/_provider/", provider.ProviderPart.as_view()),
    path("publishes/_version/<str:ref>/", publish_pages.VersionPart.as_view()),
    path("publishes/mapping/", mapping.MappingPage.as_view()),
    path("publishes/mapping/_global/", mapping.GlobalPart.as_view()),
    path("publishes/<str:ref>/", publish_pages.PublicationPage.as_view()),
    path("backtests/", backtest_pages.BacktestListPage.as_view(), name="backtests"),
    path("backtests/_home/", backtest_pages.HomePart.as_view()),
    path("backtests/new/", new.NewBacktestPage.as_view()),
    path("backtests/new/_preflight/", new.PreflightPart.as_view()),
    path("backtests/compare", backtest_pages.ComparePage.as_view()),
    path("backtests/<str:ref>/", result.BacktestPage.as_view(), name="backtest"),
    path("backtests/<str:ref>/_row/", backtest_pages.RowPart.as_view()),
    path("backtests/<str:ref>/curves.json", result.CurvesPart.as_view()),
    re_path(r"^backtests/(?P<ref>[^/]+)/(?P<name>equity|trades)\.csv$", result.TableFile.as_view()),
    path("backtests/<str:ref>/<str:tab>/", result.BacktestPage.as_view()),
]
