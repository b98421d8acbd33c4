"""Addresses of the lakehouse pages; an entry is named by its table and its instrument."""

from __future__ import annotations

from django.urls import URLPattern, path

from datasets.pages import (
    fixes,
    lake_commits,
    lake_diff,
    lake_entry,
    lake_home,
    lake_instruments,
    lake_ledger,
    lake_list,
    lake_quality,
    lake_quarantine,
    lake_suspect,
)

_ENTRY = "lakehouse/<str:table>/<str:instrument>/"

urlpatterns: list[URLPattern] = [
    path("lakehouse/", lake_list.LakeList.as_view(), name="lakehouse"),
    path("lakehouse/_home/", lake_home.HomePart.as_view()),
    path("lakehouse/quality/", lake_quality.Board.as_view()),
    path("lakehouse/quality/_codes/", lake_quality.Codes.as_view()),
    path("lakehouse/instruments/", lake_instruments.Registry.as_view()),
    path("lakehouse/instruments/<str:name>/", lake_instruments.History.as_view()),
    path("lakehouse/commits/", lake_commits.Commits.as_view()),
    path("lakehouse/commits/<str:ref>/", lake_commits.Commit.as_view()),
    path("lakehouse/quarantine/<str:ref>/", lake_quarantine.Refused.as_view()),
    path("lakehouse/quarantine/<str:ref>/fix/", fixes.FixHeld.as_view()),
    path(_ENTRY, lake_entry.Overview.as_view()),
    path(f"{_ENTRY}chart.json", lake_entry.Bars.as_view()),
    path(f"{_ENTRY}ledger/", lake_ledger.Ledger.as_view()),
    path(f"{_ENTRY}quarantine/", lake_quarantine.EntryQuarantine.as_view()),
    path(f"{_ENTRY}revisions/", lake_entry.Revisions.as_view()),
    path(f"{_ENTRY}diff/", lake_diff.Choose.as_view()),
    path(f"{_ENTRY}diff/<str:span>/", lake_diff.Diff.as_view()),
    path(f"{_ENTRY}suspects/<str:session>/", lake_suspect.SuspectPage.as_view()),
    path(f"{_ENTRY}diff/<str:span>/_progress/", lake_diff.Progress.as_view()),
    path(f"{_ENTRY}files/", lake_entry.Files.as_view()),
]
