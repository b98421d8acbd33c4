"""Routes of jobs."""

from django.urls import path

from tradenexus.jobs import api
from tradenexus.jobs.pages import detail, lists

urlpatterns = [
    path("v1/jobs", api.JobList.as_view()),
    path("v1/jobs/<str:ref>:cancel", api.JobCancel.as_view()),
    path("v1/jobs/<str:ref>:retry", api.JobRetry.as_view()),
    path("v1/jobs/<str:ref>/log", api.JobLog.as_view()),
    path("v1/jobs/<str:ref>", api.JobDetail.as_view()),
    path("jobs/", lists.JobListPage.as_view(), name="jobs"),
    path("jobs/_home/", lists.HomePart.as_view()),
    path("jobs/<str:ref>/", detail.JobPage.as_view(), name="job"),
    path("jobs/<str:ref>/_row/", detail.JobRow.as_view()),
    path("jobs/<str:ref>/log.txt", detail.JobLogText.as_view()),
]
