"""Addresses of the dataset pages; each tab stands under the dataset and under each of its versions."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from datasets.pages import (
    actions,
    bulk,
    contents,
    fixes,
    frame,
    history,
    home,
    lake_promote,
    lake_routes,
    lists,
    quality,
    views,
)

_ONE, _PINNED = "datasets/<str:ref>/", "datasets/<str:ref>/v/<int:number>/"
_TABS: dict[str, Any] = {
    "": contents.Overview,
    "preview/": contents.Preview,
    "chart/": contents.Chart,
    "coverage/": contents.Coverage,
    "lineage/": history.Lineage,
    "versions/": history.VersionList,
    "publish/": history.Publish,
    "activity/": history.Activity,
    "_head/": frame.Head,
    "_columns/": contents.Columns,
    "_spark/": contents.Spark,
}
_OF_A_VERSION: dict[str, Any] = {
    "quality/": quality.Report,
    "quality/accept/": quality.Accept,
    "quality/export/": quality.Export,
    "validate/": actions.Validate,
    "candles/": actions.Candles,
    "fix/": fixes.Fix,
    "archive/": actions.Archive,
    "describe/": actions.Describe,
    "promote/": lake_promote.Promote,
}

urlpatterns: list[URLPattern] = [
    path("datasets/", lists.DatasetList.as_view(), name="datasets"),
    path("datasets/_home/", home.HomePart.as_view()),
    path("datasets/views/", views.Views.as_view()),
    path("datasets/views/<str:ref>/", views.View.as_view()),
    path("datasets/columns/", views.Columns.as_view()),
    path("datasets/bulk/", bulk.Confirm.as_view()),
    path("datasets/bulk/<str:ref>/", bulk.Outcome.as_view()),
    path(f"{_ONE}quality/", quality.Summary.as_view()),
    path(f"{_ONE}diff/", history.Choose.as_view()),
    path(f"{_ONE}diff/<str:span>", history.Diff.as_view()),
    path(f"{_ONE}diff/<str:span>/", history.Diff.as_view()),
    *(path(base + end, page.as_view()) for base in (_ONE, _PINNED) for end, page in _TABS.items()),
    *(path(_PINNED + end, page.as_view()) for end, page in _OF_A_VERSION.items()),
    *lake_routes.urlpatterns,
]
