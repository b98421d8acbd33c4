"""Routes of jobs."""

from django.urls import path

from tradenexus.jobs import api

urlpatterns = [
    path("v1/jobs", api.JobList.as_view()),
    path("v1/jobs/<str:ref>:cancel", api.JobCancel.as_view()),
    path("v1/jobs/<str:ref>:retry", api.JobRetry.as_view()),
    path("v1/jobs/<str:ref>/log", api.JobLog.as_view()),
    path("v1/jobs/<str:ref>", api.JobDetail.as_view()),
]
