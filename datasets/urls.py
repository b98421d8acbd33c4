"""Routes of the datasets app."""

from django.urls import path

from datasets.api import (
    actions,
    bulk,
    contents,
    datasets,
    exports,
    features,
    fixes,
    lake_routes,
    maintenance,
    saved,
    snapshots,
    uploads,
)
from datasets.pages import exports as export_pages
from datasets.pages import routes, upload_routes
from datasets.pages import snapshots as snapshot_pages

urlpatterns = [
    path("v1/datasets", datasets.DatasetList.as_view()),
    path("v1/datasets/uploads:init", uploads.Init.as_view()),
    path("v1/datasets/uploads:sniff", uploads.Sniff.as_view()),
    path("v1/bulk-actions", bulk.BulkList.as_view()),
    path("v1/bulk-actions/<str:ref>", bulk.BulkDetail.as_view()),
    path("v1/bulk-actions/<str:ref>/items", bulk.BulkItems.as_view()),
    path("v1/views", saved.ViewList.as_view()),
    path("v1/views/<str:ref>", saved.ViewDetail.as_view()),
    path("v1/uploads", uploads.SessionList.as_view()),
    path("v1/uploads/", uploads.SessionListSlash.as_view()),
    path("v1/uploads/<str:ref>", uploads.SessionDetail.as_view()),
    path("v1/uploads/<str:ref>/parts", uploads.Parts.as_view()),
    path("v1/datasets/<str:ref>", datasets.DatasetDetail.as_view()),
    path("v1/datasets/<str:ref>/uploads:complete", uploads.Complete.as_view()),
    path("v1/datasets/<str:ref>/validate", actions.Validate.as_view()),
    path("v1/datasets/<str:ref>/transform/candles", actions.Candles.as_view()),
    path("v1/datasets/<str:ref>/transform/fix", fixes.Fix.as_view()),
    path("v1/datasets/<str:ref>/versions", datasets.VersionList.as_view()),
    path("v1/datasets/<str:ref>/versions/<str:number>", datasets.VersionDetail.as_view()),
    path("v1/datasets/<str:ref>/versions/<str:number>/preview", contents.VersionPreview.as_view()),
    path("v1/datasets/<str:ref>/diff/<str:span>", datasets.VersionDiff.as_view()),
    path("v1/datasets/<str:ref>/preview", contents.Preview.as_view()),
    path("v1/datasets/<str:ref>/columns", contents.Columns.as_view()),
    path("v1/datasets/<str:ref>/chart", contents.Chart.as_view()),
    path("v1/datasets/<str:ref>/coverage", contents.Coverage.as_view()),
    path("v1/datasets/<str:ref>/quality-report", contents.Quality.as_view()),
    path("v1/datasets/<str:ref>/quality-report:accept", actions.Accept.as_view()),
    path("v1/datasets/<str:ref>/rejects", contents.Rejects.as_view()),
    path("v1/datasets/<str:ref>/lineage", contents.Lineage.as_view()),
    path("v1/datasets/<str:ref>/audit", contents.Activity.as_view()),
    path("v1/datasets/<str:ref>/download", contents.Download.as_view()),
    *lake_routes.urlpatterns,
    *exports.urlpatterns,
    *export_pages.urlpatterns,
    *maintenance.urlpatterns,
    *snapshots.ROUTES,
    *snapshot_pages.ROUTES,
    *features.urlpatterns,
    *routes.urlpatterns,
    *upload_routes.urlpatterns,
]
