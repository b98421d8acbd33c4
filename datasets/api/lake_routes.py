"""Addresses of the lake."""

from django.urls import path

from datasets.api import fixes, lake, lake_diff, lake_review, lake_rows, lake_suspects

ENTRY = "v1/lake/<str:table>/<str:instrument>"

urlpatterns = [
    path("v1/lake", lake.Summary.as_view()),
    path("v1/lake/tables", lake.Tables.as_view()),
    path("v1/lake/entries", lake.Entries.as_view()),
    path("v1/lake/commits", lake.Commits.as_view()),
    path("v1/lake/commits/<str:ref>", lake.Commit.as_view()),
    path("v1/lake/commits/<str:ref>/entries", lake.CommitEntries.as_view()),
    path("v1/lake/instruments", lake_review.Instruments.as_view()),
    path("v1/lake/instruments/<str:name>", lake_review.InstrumentHistory.as_view()),
    path("v1/lake/quarantine", lake_review.QuarantineList.as_view()),
    path("v1/lake/quarantine/<str:ref>/release", lake_review.Release.as_view()),
    path("v1/lake/quarantine/<str:ref>/dismiss", lake_review.Dismiss.as_view()),
    path("v1/lake/quarantine/<str:ref>:fix", fixes.FixHeld.as_view()),
    path("v1/lake/quarantine/<str:ref>", lake_review.QuarantineDetail.as_view()),
    path("v1/datasets/<str:ref>/promote", lake_review.Promote.as_view()),
    path(ENTRY, lake.Entry.as_view()),
    path(f"{ENTRY}/rows", lake_rows.Rows.as_view()),
    path(f"{ENTRY}/partitions", lake.Partitions.as_view()),
    path(f"{ENTRY}/partitions/<str:session>/override", lake_review.Override.as_view()),
    path(f"{ENTRY}/suspects", lake_suspects.Suspects.as_view()),
    path(f"{ENTRY}/suspects/<str:session>/record", lake_suspects.Record.as_view()),
    path(f"{ENTRY}/revisions", lake.Revisions.as_view()),
    path(f"{ENTRY}/diff/<str:span>", lake_diff.Diff.as_view()),
]
