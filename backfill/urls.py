"""Routes of the backfill app."""

from django.urls import path

from backfill.api import ingests, repairs, vendors
from backfill.pages import candidates as candidate_pages
from backfill.pages import ingests as ingest_pages
from backfill.pages import repairs as repair_pages
from backfill.pages import vendors as vendor_pages

urlpatterns = [
    path("v1/vendors", vendors.VendorList.as_view()),
    path("v1/lake/candidates", ingests.Candidates.as_view()),
    path("v1/lake/ingests", ingests.IngestList.as_view()),
    path("v1/lake/ingests/<str:ref>:retry", ingests.IngestRetry.as_view()),
    path("v1/lake/ingests/<str:ref>:cancel", ingests.IngestCancel.as_view()),
    path("v1/lake/ingests/<str:ref>", ingests.IngestDetail.as_view()),
    path("v1/lake/ingests/<str:ref>/items", ingests.IngestItems.as_view()),
    path("v1/lake/repairs", repairs.RepairList.as_view()),
    path("v1/lake/repairs/<str:ref>", repairs.RepairDetail.as_view()),
    path("lakehouse/repairs/", repair_pages.Repairs.as_view(), name="repairs"),
    path("lakehouse/repairs/<str:ref>/", repair_pages.Repair.as_view()),
    path("vendors/", vendor_pages.Vendors.as_view(), name="vendors"),
    path("lakehouse/ingests/", ingest_pages.Ingests.as_view(), name="ingests"),
    path("lakehouse/ingests/_night/", ingest_pages.Night.as_view()),
    path("vendors/_faults/", vendor_pages.Faults.as_view()),
    path("lakehouse/ingests/new/", candidate_pages.Ask.as_view(), name="ingests-new"),
    path("lakehouse/ingests/refresh/", candidate_pages.Refresh.as_view(), name="ingests-refresh"),
    path("lakehouse/ingests/<str:ref>/", ingest_pages.Ingest.as_view()),
]
